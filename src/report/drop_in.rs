//! What tini, dumb-init and catatonit say, where scripts of their users read it: which line for what happens.

use nix::errno::Errno;

use crate::launch::event::{Event, Terminal};
use crate::text::escape::escape;

/// How much is said: the verbosity, and with [`MORE`] what only one of them has.
pub type Level = u8;

/// For tini, that orphans were reaped (`-w`); for dumb-init, that it has one child (`-c`).
pub const MORE: Level = 8;

/// A line, and whether it goes to standard error.
pub type Line = Option<(bool, String)>;

/// What tini says.
pub fn tini(level: Level, event: Event) -> Line {
    let (rank, text) = match event {
        Event::Started(pid) => (2, format!("Spawned child process with pid '{pid}'")),
        Event::Exited(_, code, true) => (2, format!("Main child exited normally (with status '{code}')")),
        Event::Killed(_, signal, true) => (2, format!("Main child exited with signal (with signal '{signal}')")),
        Event::Exited(pid, ..) | Event::Killed(pid, ..) if level & MORE != 0 => {
            (1, format!("Reaped zombie process with pid={pid}"))
        }
        Event::Exited(pid, ..) | Event::Killed(pid, ..) => (3, format!("Reaped child with pid: '{pid}'")),
        Event::PassedOn(from, _) => (3, format!("Passing signal: '{from}'")),
        _ => return None,
    };
    (level & !MORE >= rank).then(|| (rank == 1, tini_line(rank, &text)))
}

/// A line of tini's; rank 0 is fatal, 1 a warning.
pub fn tini_line(rank: u8, text: &str) -> String {
    let word = match rank {
        0 => "FATAL",
        1 => "WARN ",
        2 => "INFO ",
        _ => "DEBUG",
    };
    format!("[{word} tini ({})] {text}\n", std::process::id())
}

/// tini's warning that orphans do not come to it.
pub const NO_SUBREAPER: &str = "This is neither PID 1 nor a child subreaper: orphans do not come to it, so zombie reaping won't work.\n  fix: run it as PID 1, or register it with -s or the variable TINI_SUBREAPER";

/// What dumb-init says with `-v`.
pub fn dumb_init(level: Level, event: Event) -> Line {
    let cannot = |what: &str, errno: Errno| {
        format!("Unable to {what} controlling tty (errno={} {}).", errno as i32, errno.desc())
    };
    let text = match event {
        Event::Started(pid) => format!("Child spawned with PID {pid}."),
        Event::Session => "setsid complete.".to_owned(),
        Event::NoTerminal(Terminal::Leave, errno) => cannot("detach from", errno),
        Event::NoTerminal(Terminal::Enter, errno) => cannot("attach to", errno),
        Event::LeftTerminal(true) => {
            "Detached from controlling tty, ignoring the SIGHUP and SIGCONT of that.".to_owned()
        }
        Event::LeftTerminal(false) => "Detached from controlling tty, but was not session leader.".to_owned(),
        Event::HandOff(signal) => format!("Ignoring tty hand-off signal {signal}."),
        Event::Received(signal) => format!("Received signal {signal}."),
        Event::PassedOn(from, to) if from == to => forwarded(to),
        Event::PassedOn(from, to) => format!("Translating signal {from} to {to}.\n[dumb-init] {}", forwarded(to)),
        Event::Ignored(_) => "Not forwarding signal 0 to children (ignored).".to_owned(),
        Event::Suspended => "Suspending self due to TTY signal.".to_owned(),
        Event::Exited(pid, code, _) => format!("A child with PID {pid} exited with exit status {code}."),
        Event::Killed(pid, signal, _) => format!("A child with PID {pid} was terminated by signal {signal}."),
        Event::Ended(code) => {
            let term = if level & MORE != 0 { forwarded(15) + "\n[dumb-init] " } else { String::new() };
            format!("{term}Child exited with status {code}. Goodbye.")
        }
    };
    (level & !MORE > 0).then(|| (true, format!("[dumb-init] {text}\n")))
}

fn forwarded(signal: i32) -> String {
    format!("Forwarded signal {signal} to children.")
}

/// catatonit says nothing while all goes well.
pub fn catatonit(_: Level, _: Event) -> Line {
    None
}

/// A line of catatonit's, for an error.
pub fn catatonit_line(text: &str) -> String {
    format!("ERROR (catatonit:{}): {text}\n", std::process::id())
}

/// What dumb-init says of a wrong `-r`.
pub const REWRITE: &str = "Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.\nThis option can be specified multiple times.\nUse --help for full usage.\n";

/// dumb-init without a command.
pub const NO_COMMAND: &str = "Usage: dumb-init [option] program [args]\nTry dumb-init --help for full usage.\n";

/// A flag that there is not, or that lacks its value, as getopt(3) says it.
pub fn flag(program: &str, word: &[u8], lacks_value: bool) -> String {
    match word.strip_prefix(b"--") {
        _ if lacks_value => format!("{program}: option requires an argument -- '{}'\n", escape(word)),
        Some(_) => format!("{program}: unrecognized option '{}'\n", escape(word)),
        None => format!("{program}: invalid option -- '{}'\n", escape(word.get(1..).unwrap_or_default())),
    }
}
