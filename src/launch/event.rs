//! What the first process does, for whoever wants to be told.

use nix::errno::Errno;

/// One thing that the first process has done or seen. Signals are numbers, also real-time ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The app was started, as this process.
    Started(i32),
    /// The app leads a session of its own. Told by the app's own process.
    Session,
    /// No session of its own, or no terminal in it, or the terminal was not left: why.
    NoTerminal(Terminal, Errno),
    /// The terminal was left; whether this process led its session.
    LeftTerminal(bool),
    /// A signal that the kernel sent when the terminal was left. It is nobody's.
    HandOff(i32),
    /// A signal came.
    Received(i32),
    /// What came first is passed on as the second.
    PassedOn(i32, i32),
    /// This signal is not passed on.
    Ignored(i32),
    /// This process stops itself.
    Suspended,
    /// A child exited: its pid, its code, and whether it was the app.
    Exited(i32, u8, bool),
    /// A signal killed a child: its pid, the signal, and whether it was the app.
    Killed(i32, u8, bool),
    /// The app has ended, and this process ends with this code.
    Ended(u8),
}

/// What could not be done with the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// `TIOCNOTTY`.
    Leave,
    /// `TIOCSCTTY`.
    Enter,
}
