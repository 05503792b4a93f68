//! The end after a fault of lithify's own. The build that is shipped has no panic messages, which take 34 kB: a panic is
//! one instruction there, and its address is what can be told.

use std::io::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};

use nix::errno::Errno;

use super::output;
use crate::linux::stream::Stream;
use crate::linux::sys;
use crate::report::{Exit, Fault};

/// The exit code of a fault.
static CODE: AtomicU8 = AtomicU8::new(Exit::Finding.code());

/// From now on a fault is told on standard error and in the termination message.
pub(super) fn catch() {
    sys::signal::on_fault(end);
}

/// From now on a fault ends the process with this code.
pub(super) fn ends_with(exit: Exit) {
    CODE.store(exit.code(), Ordering::Relaxed);
}

/// Says what is known of the fault. Does not allocate.
fn end(address: usize) -> u8 {
    let fault = Fault { address, out_of_memory: Errno::last() == Errno::ENOMEM };
    let mut line = [0; Fault::LONGEST];
    let mut rest = line.as_mut_slice();
    let _ = write!(rest, "{fault}");
    let length = Fault::LONGEST - rest.len();
    let text = line.get(..length).and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let _ = Stream::Error.write(text);
    output::leave_message(text);
    CODE.load(Ordering::Relaxed)
}
