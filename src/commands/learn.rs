//! `lithify learn`: watches an app, and writes the profile that it needs.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;

use super::fault;
use super::output::Output;
use crate::cli::Learn;
use crate::launch::exec::AppCommand;
use crate::launch::init::{Init, hold_signals};
use crate::learn::observed::{Gap, Observed};
use crate::learn::{Learned, Looker, PERIOD, Recorder, Tracer, written};
use crate::linux::deadline::Deadline;
use crate::linux::proc::Task;
use crate::linux::stream::Stream;
use crate::linux::sys;
use crate::linux::sys::process::time_of_files;
use crate::linux::time::Time;
use crate::profile::{Profile, load};
use crate::report::{CommandError, Exit, LearnReport};
use crate::seal::file::ManifestFile;
use crate::target::Target;
use crate::target::start::start;
use crate::text::escape::escape;

/// How long it looks at an app that runs already.
const LOOK: Duration = Duration::from_secs(10);

/// How long it waits at most until everything that it has followed stands still and is let go.
const LET_GO: Duration = Duration::from_secs(2);

pub(super) fn learn(options: &Learn, output: &Output) -> Exit {
    let output = output.with_stream(Stream::Error);
    if options.command.is_empty() {
        return match look(options, &output) {
            Ok(exit) => exit,
            Err(error) => output.failure("learn", &error),
        };
    }
    let output = output.for_run();
    fault::ends_with(Exit::RunFailed);
    match follow(options, &output) {
        Ok(exit) => exit,
        Err(error) => output.failure("learn", &error),
    }
}

/// Looks at an app that runs already.
fn look(options: &Learn, output: &Output) -> Result<Exit, CommandError> {
    hold_signals().map_err(CommandError::Signals)?;
    let profile = load(options.profiles.iter().map(String::as_str))?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let app = target.look().ok();
    let first = app.as_ref().and_then(|app| app.first.as_ref()).map(|first| first.pid);
    let start = app.as_ref().and_then(|app| start(&target, app).ok());
    let mut recorder = Recorder::new(&target.root);
    recorder.miss(Gap::RanAlready);
    let mut looker = Looker::new(recorder, target.root.stat().id, first);
    let deadline = Deadline::after(options.time.unwrap_or(LOOK));
    while !deadline.is_over() {
        looker.look();
        match sys::signal::wait(Some(PERIOD.min(deadline.remaining()))) {
            Ok(libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT) => break,
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => std::thread::sleep(PERIOD),
        }
    }
    let mut observed = looker.into_recorder().observed();
    let task = first.map_or(Task::Own, Task::Process);
    if let Some(start) = start {
        written::look(&target.root, task, start, &profile, &mut observed);
    }
    let wrote = write(options, &target, observed, output)?;
    Ok(if wrote { Exit::Ok } else { Exit::Finding })
}

/// How an app is watched.
enum Way<'a> {
    Traced(Tracer<'a>),
    Looked(Looker<'a>),
}

/// Starts an app, and watches it.
fn follow(options: &Learn, output: &Output) -> Result<Exit, CommandError> {
    hold_signals().map_err(CommandError::Signals)?;
    if options.root != Path::new("/") {
        return Err(CommandError::Usage("--root: with a command, the app's root is this container's own".to_owned()));
    }
    let profile = load(options.profiles.iter().map(String::as_str))?;
    let target = Target::open(Path::new("/"), Deadline::default()).map_err(CommandError::Root)?;
    let command = AppCommand::new(&options.command, false)?;
    let began = time_of_files().map_err(CommandError::Fork)?;
    let mut recorder = Some(Recorder::new(&target.root));
    let (wait, go) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(CommandError::Fork)?;
    let parents = go.as_raw_fd();
    let started = Init::start(false, || {
        // The end of this process is then the end of the file.
        let _ = nix::unistd::close(parents);
        until_followed(&wait);
        output.failure("learn", &command.execute().into()).code()
    });
    let init = started.map_err(CommandError::Fork)?;
    let mut way = match Tracer::seize(&mut recorder, init.pid()) {
        Ok(tracer) => Way::Traced(tracer),
        Err(errno) => {
            let mut recorder = recorder.take().unwrap_or_else(|| Recorder::new(&target.root));
            recorder.miss(Gap::NotTraced(errno));
            Way::Looked(Looker::new(recorder, target.root.stat().id, Some(init.pid())))
        }
    };
    drop(go);
    let code = watch(&init, options.time, &mut way);
    let recorder = match way {
        Way::Traced(mut tracer) => {
            tracer.look();
            tracer.let_go();
            let deadline = Deadline::after(LET_GO);
            while code.is_none() && !tracer.is_done() && !deadline.is_over() {
                if let Some(code) = init.attend_watched(Some(PERIOD), &mut tracer) {
                    return Ok(finish(options, &target, &profile, began, tracer.into_recorder(), output, code));
                }
            }
            tracer.into_recorder()
        }
        Way::Looked(looker) => looker.into_recorder(),
    };
    if let Some(code) = code {
        return Ok(finish(options, &target, &profile, began, recorder, output, code));
    }
    let _ = finish(options, &target, &profile, began, recorder, output, 0);
    drop((target, profile));
    Ok(Exit::App(init.attend_to_the_end()))
}

/// Waits until the app is followed: until the other end is closed.
fn until_followed(wait: &OwnedFd) {
    while nix::unistd::read(wait, &mut [0]) == Err(Errno::EINTR) {}
}

/// Watches the app until it ends or `time` has passed.
fn watch(init: &Init, time: Option<Duration>, way: &mut Way<'_>) -> Option<u8> {
    let looker = match way {
        Way::Traced(tracer) => return init.attend_watched(time, tracer),
        Way::Looked(looker) => looker,
    };
    let deadline = time.map(Deadline::after);
    loop {
        looker.look();
        let code = init.attend_watched(Some(PERIOD), looker);
        if code.is_some() || deadline.is_some_and(Deadline::is_over) {
            return code;
        }
    }
}

/// Writes the profile of an app that has ended with `code`, or goes on.
fn finish(
    options: &Learn,
    target: &Target,
    profile: &Profile,
    began: Time,
    recorder: Recorder<'_>,
    output: &Output,
    code: u8,
) -> Exit {
    let mut observed = recorder.observed();
    observed.command = options.command.iter().map(|word| word.as_bytes().to_vec()).collect();
    written::look(&target.root, Task::Own, began, profile, &mut observed);
    // Whatever becomes of the profile, the app's exit code is the app's.
    if let Err(error) = write(options, target, observed, output) {
        let _ = output.failure("learn", &error);
    }
    Exit::App(code)
}

/// Writes the profile to `--out`, and what people read to standard error. Whether the file could be written.
fn write(options: &Learn, target: &Target, observed: Observed, output: &Output) -> Result<bool, CommandError> {
    let learned = Learned::of(&target.root, observed).map_err(CommandError::Scan)?;
    let report = LearnReport { root: escape(target.root.path().as_os_str().as_bytes()), learned };
    let text = report.profile();
    let mut wrote = true;
    let mut place = "standard output".to_owned();
    if options.out != Path::new("-") {
        match save(&options.out, &text) {
            Ok(()) => place = escape(options.out.as_os_str().as_bytes()),
            Err(errno) => {
                let error = CommandError::Manifest { path: options.out.clone(), errno };
                let _ = Stream::Error.write(&format!("lithify learn: {error}; the profile goes to standard output\n"));
                wrote = false;
            }
        }
    }
    if place == "standard output" {
        wrote &= Stream::Output.write(&text).is_ok();
    }
    let _ = Stream::Error.write(&report.summary(&place, output.volume()));
    Ok(wrote)
}

fn save(path: &Path, text: &str) -> Result<(), Errno> {
    let mut file = ManifestFile::create(path)?;
    file.write(text.as_bytes());
    file.finish()
}
