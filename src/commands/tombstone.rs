//! What lithify does when it is started as a tombstone: it says what was removed, and reports the attempt.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::stat::fstat;

use crate::linux::proc::Task;
use crate::recognise::tombstone::{self, Epitaph};
use crate::text::escape::{escape, escape_cut};

/// The exit code of a shell for a command that does not exist.
const NOT_FOUND: u8 = 127;

/// Limits what is reported of the arguments. A report is one line, and must not grow with what an intruder passes.
const MAX_ARGUMENTS: usize = 1024;

/// Tells whoever started it what was removed. Tells the container's log who tried.
pub(super) fn answer(epitaphs: &[Epitaph], arguments: &[OsString]) -> u8 {
    let started_as = crate::linux::sys::program::exec_filename().map(|name| name.to_bytes().to_vec());
    let called = arguments.first().map(|name| name.as_bytes().to_vec());
    let names: Vec<Vec<u8>> = started_as.into_iter().chain(called).collect();
    let attempt = attempt(&names, arguments);
    let mut stderr = std::io::stderr();
    let (what, by) = match tombstone::find(epitaphs, &names) {
        Some(Epitaph { path, profile, rule }) => (path.clone(), format!(" (profile {profile}: {rule})")),
        None => (names.first().map(|name| escape_cut(name)).unwrap_or_default(), String::new()),
    };
    let pod = nix::unistd::gethostname().map(|name| escape(name.as_bytes())).unwrap_or_default();
    let _ = writeln!(
        stderr,
        "{what}: removed from this container by lithify{by}\n  \
         fix: to look into a running pod use `kubectl debug -it {pod} --image=busybox --target=CONTAINER`; \
         an app that needs this command must keep it with [keep] in the profile"
    );
    // Does not block: nobody may be reading. Only the user of the first process may open its stderr. If that is denied,
    // the line goes to our own stderr, which is the container's log if the app itself started this.
    let mut options = File::options();
    options.append(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY);
    let _ = match Task::Process(1).open_descriptor(2, &options) {
        Ok(mut log) if !is_same(&log, &stderr) => log.write_all(attempt.as_bytes()),
        _ => stderr.write_all(attempt.as_bytes()),
    };
    NOT_FOUND
}

fn is_same(a: &impl AsFd, b: &impl AsFd) -> bool {
    matches!((fstat(a), fstat(b)), (Ok(a), Ok(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}

/// Returns one line that says who tried to start what.
fn attempt(names: &[Vec<u8>], arguments: &[OsString]) -> String {
    let parent = nix::unistd::getppid();
    // A parent outside the container's pid namespace (exec) has number 0, and has no name here.
    let task = Task::Process(u32::try_from(parent.as_raw()).unwrap_or_default());
    let parent = match task.comm() {
        Ok(comm) => format!("process {parent} ({})", escape(&comm)),
        Err(_) => "outside this container".to_owned(),
    };
    let mut text: Vec<u8> = Vec::new();
    for argument in arguments {
        text.extend_from_slice(argument.as_bytes());
        text.push(b' ');
    }
    let all = text.len() <= MAX_ARGUMENTS;
    text.truncate(MAX_ARGUMENTS);
    format!(
        "lithify tombstone: uid {} tried to run {}, from {parent}: {}{}\n",
        nix::unistd::getuid(),
        names.first().map(|name| escape_cut(name)).unwrap_or_default(),
        escape(text.trim_ascii_end()),
        if all { "" } else { "..." },
    )
}
