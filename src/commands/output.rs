//! Where a report goes: standard output, `--log`, and the container's termination message.

use std::cell::RefCell;
use std::fs::{File, Metadata};
use std::io::Write as _;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::cli;
use crate::harden::plan::Change;
use crate::linux::errno::name;
use crate::linux::lock::Lock;
use crate::linux::stream::Stream;
use crate::report::{self, AppProcess, CommandError, Exit, Note, Report, Volume};
use crate::text::escape::escape;

/// Where the kubelet looks for a container's termination message by default.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// How our own termination messages start.
const OURS: &[u8] = b"lithify ";

/// How those of `verify` do.
const VERIFY: &[u8] = b"lithify verify";

/// How often the lock of the termination message is tried, 2 ms apart.
const LOCK_TRIES: u32 = 250;

/// Prints as the flags say.
pub(super) struct Output {
    json: bool,
    volume: Volume,
    log: Option<PathBuf>,
    stream: Stream,
    app: AppProcess,
    held_log: Option<File>,
    held_message: Option<File>,
}

impl Output {
    pub(super) fn new(flags: &cli::Output) -> Self {
        Self {
            json: flags.format == cli::Format::Json,
            volume: Volume { verbose: flags.verbose, quiet: flags.quiet },
            log: flags.log.clone(),
            stream: Stream::Output,
            app: AppProcess::NotOurs,
            held_log: None,
            held_message: None,
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    pub(super) fn volume(&self) -> Volume {
        self.volume
    }

    /// The same, printed to `stream`.
    pub(super) fn with_stream(&self, stream: Stream) -> Self {
        Self {
            json: self.json,
            volume: self.volume,
            log: self.log.clone(),
            stream,
            app: self.app,
            held_log: None,
            held_message: None,
        }
    }

    /// Returns the same for `run`. It prints to standard error, because standard output belongs to the app that is
    /// about to start. It opens every file now, because the app's privileges may not allow that later.
    pub(super) fn for_run(&self) -> Self {
        Self {
            json: self.json,
            volume: self.volume,
            log: self.log.clone(),
            stream: Stream::Error,
            app: AppProcess::NotStarted,
            // A file that cannot be opened now is tried again when there is something to write. An error is reported
            // then.
            held_log: self.log.as_ref().and_then(|path| open_log(path).ok()),
            held_message: open_message(Path::new(TERMINATION_LOG)).ok().flatten(),
        }
    }

    /// Returns the same for when `run` has started the app.
    pub(super) fn for_started_app(self) -> Self {
        Self { app: AppProcess::Stopped, ..self }
    }

    /// Prints a report, or the error that prevented it, everywhere it belongs. Returns the exit code for it.
    pub(super) fn report(&self, command: &'static str, result: Result<Report, CommandError>) -> Exit {
        match result {
            Ok(report) => {
                let (exit, own) = (Exit::of_report(&report, self.app), report.notes.len());
                // Not copied, because it may hold a million names.
                let report = RefCell::new(report);
                self.finish(command, exit, &|notes| {
                    let mut report = report.borrow_mut();
                    report.notes.truncate(own);
                    report.notes.extend(notes.into_iter().map(Note::Said));
                    let json = if self.json { report::to_json(&report, exit) } else { String::new() };
                    (report::termination_message(&report), report::to_text(&report, exit, self.volume), json)
                })
            }
            Err(error) => self.failure(command, &error),
        }
    }

    /// Prints a success, but nothing with `-q`. Clears the termination message of an earlier failure.
    pub(super) fn success(&self, command: &'static str, text: &str, json: &dyn Fn(&[String]) -> String) -> Exit {
        self.finish(command, Exit::Ok, &|notes| {
            let json = json(&notes);
            let notes = notes.iter().flat_map(|note| ["note: ", note, "\n"]);
            let text = if self.volume.quiet { String::new() } else { notes.chain([text]).collect() };
            (String::new(), text, json)
        })
    }

    /// Prints the error that prevented a report. Returns the exit code for it.
    pub(super) fn failure(&self, command: &'static str, error: &CommandError) -> Exit {
        let exit = Exit::of_error(error, self.app);
        self.error_with(command, exit, &error.to_string(), error.hint().as_deref(), error.change())
    }

    /// Prints an error that leaves nothing to report.
    pub(super) fn error(&self, command: &'static str, exit: Exit, message: &str, hint: Option<&str>) -> Exit {
        self.error_with(command, exit, message, hint, None)
    }

    fn error_with(
        &self,
        command: &'static str,
        exit: Exit,
        message: &str,
        hint: Option<&str>,
        change: Option<&Change>,
    ) -> Exit {
        self.finish(command, exit, &|notes| {
            let mut text = format!("lithify {command}: {message}\n");
            if let Some(hint) = hint {
                text.push_str("  fix: ");
                text.push_str(hint);
                text.push('\n');
            }
            text.extend(change.map(report::change_text));
            text.extend(notes.iter().flat_map(|note| ["note: ", note, "\n"]));
            let json = report::failure_to_json(command, exit, (message, hint), change, &notes);
            (report::cut_to_termination_message(text.clone()), text, json)
        })
    }

    /// Prints plain text as it is, and no report in addition.
    pub(super) fn plain(&self, command: &'static str, exit: Exit, text: &str) -> Exit {
        self.print(command, exit, text, "")
    }

    /// Prints what `render` returns: the termination message, the text and the JSON. `render` adds the notes that it is
    /// given.
    pub(super) fn finish(
        &self,
        command: &'static str,
        exit: Exit,
        render: &dyn Fn(Vec<String>) -> (String, String, String),
    ) -> Exit {
        let (message, text, _) = render(Vec::new());
        let mut notes = Vec::new();
        if let Some(path) = &self.log {
            if let Err(error) = append(path, self.held_log.as_ref(), &text) {
                notes.push(format!("--log {}: {error}", escape(path.as_os_str().as_encoded_bytes())));
            }
        }
        let message = if exit == Exit::Ok { "" } else { message.as_str() };
        if let Err(error) = self.leave(command, message) {
            notes.push(format!("{TERMINATION_LOG} could not be written: {error}"));
        }
        let (_, text, json) = render(notes);
        self.print(command, exit, if self.json { &json } else { &text }, message)
    }

    /// Prints `text`. If that fails, says so in every other place that can still be written. In the termination message
    /// this follows `message`, which is there already.
    fn print(&self, command: &str, exit: Exit, text: &str, message: &str) -> Exit {
        let Err(errno) = self.stream.write(text) else { return exit };
        let lost = format!(
            "lithify {command}: the report could not be written to {}: {} ({})\n",
            self.stream.name(),
            errno.desc(),
            name(errno)
        );
        if let Some(path) = &self.log {
            let _ = append(path, self.held_log.as_ref(), &lost);
        }
        let _ = self.leave(command, &report::cut_to_termination_message(format!("{message}{lost}")));
        if self.stream != Stream::Error {
            let _ = Stream::Error.write(&lost);
        }
        exit.unreported(self.app)
    }

    fn leave(&self, command: &str, message: &str) -> std::io::Result<()> {
        let over = if message.is_empty() { Over::of(command) } else { Over::Any };
        set_termination_message(Path::new(TERMINATION_LOG), self.held_message.as_ref(), message, over)
    }
}

/// Leaves a termination message, because nothing more can be said. An error is ignored here.
pub(super) fn leave_message(message: &str) {
    let _ = set_termination_message(Path::new(TERMINATION_LOG), None, message, Over::Any);
}

/// Leaves a termination message in case the command is killed before it can report. The report replaces the message. An
/// error is ignored here: if the file cannot be written, the report says so later.
pub(super) fn leave_in_progress(command: &str) {
    let message = format!(
        "lithify {command} was killed before it was done: unless the app itself ended then, raise the probe's timeoutSeconds or the container's CPU limit; after OOMKilled, its memory limit\n"
    );
    let _ = set_termination_message(Path::new(TERMINATION_LOG), None, &message, Over::of(command));
}

/// Which messages of lithify's a new one replaces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Any,
    /// A failed `verify` may be why the kubelet is about to kill the container, so only a `verify` that holds takes its
    /// message away.
    AllButVerify,
}

impl Over {
    /// For a command that has not failed, or not yet.
    fn of(command: &str) -> Self {
        if command == "verify" { Self::Any } else { Self::AllButVerify }
    }
}

fn append(path: &Path, held: Option<&File>, text: &str) -> std::io::Result<()> {
    match held {
        Some(mut file) => file.write_all(text.as_bytes()),
        None => open_log(path)?.write_all(text.as_bytes()),
    }
}

fn open_log(path: &Path) -> std::io::Result<File> {
    // Another user may have made the link, such as the app in its directory for logs. It may lead to any file of
    // root's.
    let is_ours = |link: &Metadata| link.is_symlink() && [0, geteuid().as_raw()].contains(&link.uid());
    let follows = path.starts_with("/proc") || std::fs::symlink_metadata(path).is_ok_and(|link| is_ours(&link));
    // Does not block: a fifo that nobody reads must not hang a probe.
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY | if follows { 0 } else { nix::libc::O_NOFOLLOW };
    File::options().append(true).create(true).mode(0o644).custom_flags(flags).open(path)
}

/// Writes the container's termination message if the file exists and is empty or ours. An empty `message` clears ours.
fn set_termination_message(path: &Path, held: Option<&File>, message: &str, over: Over) -> std::io::Result<()> {
    let opened;
    let file = if let Some(file) = held {
        file
    } else {
        let nothing_to_clear = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() == 0);
        if message.is_empty() && nothing_to_clear {
            return Ok(());
        }
        opened = open_message(path)?;
        let Some(file) = &opened else { return Ok(()) };
        file
    };
    // Several probes may end at once. Without the lock, one could read or write in the middle of another's message.
    let _locked = lock(file);
    exchange(file, message, over)
}

/// Puts `message` in the place of nothing or of our own message. A message of another program stays.
fn exchange(file: &File, message: &str, over: Over) -> std::io::Result<()> {
    let mut start = [0; VERIFY.len()];
    let length = file.read_at(&mut start, 0)?;
    let start = start.get(..length).unwrap_or_default();
    let stays = if length == 0 { message.is_empty() } else { !start.starts_with(OURS) };
    if stays || over == Over::AllButVerify && start == VERIFY {
        return Ok(());
    }
    file.set_len(0)?;
    file.write_all_at(message.as_bytes(), 0)
}

/// Locks the file (`flock(2)`) against other processes of lithify, until what it returns is dropped. Does not wait for
/// long, because the app may hold a lock for ever; `None` if it is not locked.
fn lock(file: &File) -> Option<Lock> {
    for _ in 0..LOCK_TRIES {
        match Lock::take(file.try_clone().ok()?.into()) {
            Ok(locked) => return Some(locked),
            Err(Errno::EWOULDBLOCK) => std::thread::sleep(Duration::from_millis(2)),
            Err(_) => return None,
        }
    }
    None
}

/// Opens the file of the termination message; `None` if it is not there or is not a regular file.
fn open_message(path: &Path) -> std::io::Result<Option<File>> {
    if !std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NOCTTY;
    File::options().read(true).write(true).custom_flags(flags).open(path).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_file_or_our_own_message_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("termination-log");
        let read = || std::fs::read_to_string(&path).unwrap();
        set_termination_message(&path, None, "lithify x", Over::Any).unwrap();
        assert!(!path.exists(), "made by the kubelet, never by us");
        std::fs::write(&path, "").unwrap();
        set_termination_message(&path, None, "lithify run: no\n", Over::Any).unwrap();
        assert_eq!(read(), "lithify run: no\n");
        set_termination_message(&path, None, "lithify again", Over::Any).unwrap();
        assert_eq!(read(), "lithify again");
        set_termination_message(&path, None, "", Over::Any).unwrap();
        assert_eq!(read(), "");
        std::fs::write(&path, "the app's last words").unwrap();
        set_termination_message(&path, None, "lithify x", Over::Any).unwrap();
        set_termination_message(&path, None, "", Over::Any).unwrap();
        assert_eq!(read(), "the app's last words");
    }

    /// The kubelet restarts a container for its livenessProbe while `run` or `harden` still works in it.
    #[test]
    fn what_a_failed_verify_said_stays_until_one_holds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("termination-log");
        let failed = "lithify verify /: 1 finding\nFAIL remove /usr/bin/sh: still there\n";
        let leave = |message: &str, over| {
            set_termination_message(&path, None, message, over).unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        std::fs::write(&path, failed).unwrap();
        for command in ["run", "harden"] {
            assert_eq!(leave("", Over::of(command)), failed, "{command}");
            assert_eq!(leave("lithify harden was killed", Over::of(command)), failed, "{command}");
        }
        assert_eq!(leave("lithify run /: refused\n", Over::Any), "lithify run /: refused\n", "it ends the container");
        std::fs::write(&path, failed).unwrap();
        assert_eq!(leave("lithify verify was killed", Over::of("verify")), "lithify verify was killed");
        assert_eq!(leave("", Over::of("verify")), "");
        std::fs::write(&path, "lithify harden: not yet\n").unwrap();
        assert_eq!(leave("", Over::of("harden")), "");
    }

    #[test]
    fn several_at_once_leave_one_whole_message() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("termination-log");
        std::fs::write(&path, "").unwrap();
        let messages: Vec<String> = (1..5).map(|probe| format!("lithify {}", "x".repeat(probe * 1000))).collect();
        let write = |message: &String| {
            for _ in 0..100 {
                set_termination_message(&path, None, message, Over::Any).unwrap();
                set_termination_message(&path, None, "", Over::Any).unwrap();
            }
            set_termination_message(&path, None, message, Over::Any).unwrap();
        };
        std::thread::scope(|scope| messages.iter().for_each(|message| drop(scope.spawn(|| write(message)))));
        assert!(messages.contains(&std::fs::read_to_string(&path).unwrap()));
    }

    #[test]
    fn a_message_that_another_program_locks_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("termination-log");
        std::fs::write(&path, "lithify run: no").unwrap();
        let _other = Lock::take(File::open(&path).unwrap().into()).unwrap();
        set_termination_message(&path, None, "lithify x", Over::Any).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "lithify x");
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("termination-log"), directory.path().join("other"));
        std::fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        set_termination_message(&path, None, "lithify x", Over::Any).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "");
    }

    #[test]
    fn the_log_is_appended_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        append(&path, None, "a\n").unwrap();
        append(&path, None, "b\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\nb\n");
        // By a link of one's own; the tests in containers have another's.
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        append(&link, None, "c\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\nb\nc\n");
    }
}
