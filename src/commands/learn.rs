//! `lithify learn`: runs the app, or looks at one that runs already, and writes a profile of what it needs.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::pipe2;

use super::fault;
use super::options::profile_of_writes;
use super::output::Output;
use crate::cli::Learn;
use crate::drift::{Since, Writes};
use crate::harden::mark::Mark;
use crate::launch::duties::Duties;
use crate::launch::exec::AppCommand;
use crate::launch::init::{Init, Watch, hold_signals};
use crate::learn::observed::Gap;
use crate::learn::{Learned, Leaving, Look, PAUSE, Seen, Trace};
use crate::linux::deadline::Deadline;
use crate::linux::errno::name;
use crate::linux::stream::Stream;
use crate::linux::sys;
use crate::linux::sys::process::time_of_files;
use crate::linux::time::Time;
use crate::linux::whole_file::WholeFile;
use crate::profile::Profile;
use crate::report::{CommandError, Earlier, Exit, LearnReport, event_line, silent_note};
use crate::root::Root;
use crate::target::Target;
use crate::target::owner::{Owner, OwnerError};
use crate::target::start::start;
use crate::text::escape::escape;

/// How long an app that runs already is watched, if nothing else is said.
const WATCHED: Duration = Duration::from_secs(10);

/// How long tasks may take to stop when the tracing ends.
const LEAVING: Duration = Duration::from_secs(2);

pub(super) fn learn(options: &Learn, output: &Output) -> Exit {
    // Standard output is the app's and the profile's.
    let starts = !options.command.is_empty();
    if options.time == Some(Duration::ZERO) {
        let hint =
            "give the seconds that an app needs to start and to do what it does, such as --for 60, or leave it out";
        return output.error("learn", Exit::Usage, "--for 0: nothing can be seen in no time", Some(hint));
    }
    let output = if starts { output.for_run() } else { output.with_stream(Stream::Error) };
    if starts {
        fault::ends_with(Exit::RunFailed);
    }
    if let Err(errno) = hold_signals() {
        return output.failure("learn", &CommandError::Signals(errno));
    }
    let result = prepare(options).and_then(|(prepared, out)| {
        let learn = if starts { with_command } else { without_command };
        learn(options, &prepared, out, &output)
    });
    result.unwrap_or_else(|error| output.failure("learn", &error))
}

/// What is found out before anything starts.
struct Prepared {
    target: Target,
    profile: Profile,
    earlier: Option<Earlier>,
}

/// The file of `--out`, begun before the app can exchange anything on the way to it; `None` for standard output.
type Out = Option<Result<WholeFile, Errno>>;

fn prepare(options: &Learn) -> Result<(Prepared, Out), CommandError> {
    if !options.command.is_empty() && options.root != Path::new("/") {
        return Err(CommandError::Usage(
            "--root is for an app that runs already; what is started after -- runs in this root".to_owned(),
        ));
    }
    let profile = profile_of_writes(&options.profiles)?;
    let earlier = options.add.as_deref().map(Earlier::load).transpose().map_err(CommandError::Add)?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let out = (options.out != Path::new("-")).then(|| WholeFile::create(&options.out));
    Ok((Prepared { target, profile, earlier }, out))
}

/// Starts the app, and stays as its first process.
fn with_command(options: &Learn, prepared: &Prepared, out: Out, output: &Output) -> Result<Exit, CommandError> {
    let command = AppCommand::new(&options.command, false)?;
    let start = time_of_files().map_err(CommandError::Fork)?;
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(CommandError::Fork)?;
    let init = Init::start(&Duties::default(), || {
        if !may_start(&reader) {
            return Exit::RunFailed.code();
        }
        output.failure("learn", &command.execute().into()).code()
    });
    let init = init.map_err(CommandError::Fork)?;
    drop(reader);
    sys::signal::discard_sigpipe();
    let mut seen = begin(&prepared.target.root, output);
    let (traced, code) = match Trace::new(init.pid(), &mut seen) {
        Ok(mut trace) => {
            go(&writer)?;
            let mut code = init.attend_with(options.time, &mut trace);
            code = look_at_all(&init, &mut trace, code);
            if code.is_none() {
                code = leave(&init, &mut trace);
            }
            (true, code)
        }
        Err(errno) => {
            seen.add_gap(Gap::NotTraced(errno));
            let mut look = Look::new(Owner::Started { pid: init.pid() }, &mut seen);
            go(&writer)?;
            let code = init.attend_with(options.time, &mut look);
            look.look(true);
            (false, code)
        }
    };
    // An app that could not be executed has said so, and there is nothing to write. One that exits with 0 was executed,
    // whatever was seen of it.
    let no_exec = [Exit::NotFound, Exit::CannotExecute].map(|exit| Some(exit.code())).contains(&code);
    let nothing = (traced || no_exec) && !matches!(code, None | Some(0)) && seen.is_empty() && seen.can_name();
    let written = nothing || write(options, prepared, seen, Some(start), out, output);
    let code = code.unwrap_or_else(|| init.attend_to_the_end_with(&mut Leaving));
    Ok(if code == 0 && !written { Exit::RunFailed } else { Exit::App(code) })
}

/// Nothing has been seen yet; with `-v` each event is told at once.
fn begin<'r>(root: &'r Root, output: &Output) -> Seen<'r> {
    let mut seen = Seen::new(root);
    if output.volume().verbose && !output.is_json() {
        seen.tell(|event| {
            let _ = Stream::Error.write(&event_line(event));
        });
    }
    seen
}

/// Waits in the child until its parent has begun to watch it. Returns whether it has.
fn may_start(reader: &OwnedFd) -> bool {
    let _ = set_pdeathsig(Signal::SIGKILL);
    let may = loop {
        match nix::unistd::read(reader, &mut [0]) {
            Err(Errno::EINTR) => {}
            result => break result == Ok(1),
        }
    };
    let _ = set_pdeathsig(None);
    may
}

/// Lets the child start the app. If that fails and the pipe is closed, the child ends.
fn go(writer: &OwnedFd) -> Result<(), CommandError> {
    loop {
        match nix::unistd::write(writer, b"\n") {
            Err(Errno::EINTR) => {}
            result => return result.map(drop).map_err(CommandError::Fork),
        }
    }
}

/// How many processes are looked at before the app may go on.
const AT_ONCE: usize = 16;

/// Looks at every process as it is now, while the app goes on. Returns its exit code if it has ended by the end.
fn look_at_all(init: &Init, trace: &mut Trace<'_, '_>, mut code: Option<u8>) -> Option<u8> {
    let mut processes = trace.processes();
    while let Some(id) = processes.pop() {
        trace.look_at(id);
        if code.is_none() && processes.len() % AT_ONCE == 0 {
            code = init.attend_with(Some(Duration::ZERO), trace);
        }
    }
    code
}

/// Ends the tracing of an app that goes on. Returns its exit code if it has ended meanwhile.
fn leave(init: &Init, trace: &mut Trace<'_, '_>) -> Option<u8> {
    trace.leave();
    let deadline = Deadline::after(LEAVING);
    let mut code = None;
    while code.is_none() && !trace.has_left() && !deadline.is_over() {
        code = init.attend_with(Some(PAUSE), trace as &mut dyn Watch);
    }
    code
}

/// Looks at an app that runs already.
fn without_command(options: &Learn, prepared: &Prepared, out: Out, output: &Output) -> Result<Exit, CommandError> {
    let target = &prepared.target;
    if !target.owner.has_processes() {
        return Err(CommandError::Usage(format!(
            "--root {}: {}",
            escape(options.root.as_os_str().as_bytes()),
            match &target.owner {
                Owner::Unknown(error) => error.to_string(),
                _ => OwnerError::Directory.to_string(),
            }
        )));
    }
    let first = target.look().map_err(OwnerError::from).and_then(|app| start(target, &app)).ok();
    let mut seen = begin(&target.root, output);
    seen.add_gap(Gap::RanAlready);
    let mut look = Look::new(target.owner.clone(), &mut seen);
    let deadline = Deadline::after(options.time.unwrap_or(WATCHED));
    loop {
        look.look(false);
        match sys::signal::wait(Some(PAUSE.min(deadline.remaining()))) {
            Ok(libc::SIGTERM | libc::SIGINT | libc::SIGHUP) => break,
            // A seccomp profile refuses it.
            Err(Errno::ENOSYS | Errno::EPERM) => std::thread::sleep(PAUSE),
            _ => {}
        }
        if deadline.is_over() {
            break;
        }
    }
    look.look(true);
    Ok(if write(options, prepared, seen, first, out, output) { Exit::Ok } else { Exit::Finding })
}

/// Writes the profile of what was seen since `start`. Returns whether it is where it should be; else says why.
fn write(options: &Learn, prepared: &Prepared, seen: Seen<'_>, start: Option<Time>, out: Out, output: &Output) -> bool {
    let report = match profile(options, prepared, seen, start) {
        Ok(report) => report,
        Err(error) => {
            output.failure("learn", &error);
            return false;
        }
    };
    let place = escape(options.out.as_os_str().as_bytes());
    let joined = prepared.earlier.as_ref().map_or_else(|| Ok(report.profile()), |earlier| report.joined(earlier));
    let is_joined = joined.is_ok();
    // A profile that could not be joined must not take the place of the earlier one.
    let file = out.filter(|_| is_joined);
    let to_output = file.is_none();
    let text = joined.unwrap_or_else(|error| {
        let hint = "join the profile on standard output by hand";
        output.error("learn", Exit::RunFailed, &error.to_string(), Some(hint));
        report.profile()
    });
    let to_file = |file: Result<WholeFile, Errno>| {
        let mut file = file?;
        file.write(text.as_bytes());
        file.finish()
    };
    let mut failed = file.map_or(Ok(()), to_file);
    let mut to = place.as_str();
    if let Err(errno) = failed {
        let hint = "name a file in a directory that can be written, such as a volume";
        let message = format!("--out {place}: {} ({}); the profile goes to standard output", errno.desc(), name(errno));
        output.error("learn", Exit::RunFailed, &message, Some(hint));
    }
    if to_output || failed.is_err() {
        to = Stream::Output.name();
        if let Err(errno) = Stream::Output.write(&text) {
            failed = Err(errno);
            let message = format!("the profile could not be written to {to}: {} ({})", errno.desc(), name(errno));
            output.error("learn", Exit::RunFailed, &message, None);
        }
    }
    if failed.is_ok() && is_joined {
        let silent = silent_note(&prepared.target.root);
        output.finish("learn", report.exit(), &|notes| {
            let notes: Vec<String> = silent.iter().cloned().chain(notes).collect();
            let further = notes.iter().flat_map(|note| ["note: ", note, "\n"]);
            let summary: String = further.chain([report.summary(to, output.volume()).as_str()]).collect();
            (String::new(), summary, report.json(&text, to, &notes))
        });
    }
    failed.is_ok() && is_joined
}

/// The profile of what was seen.
fn profile(
    options: &Learn,
    prepared: &Prepared,
    seen: Seen<'_>,
    start: Option<Time>,
) -> Result<LearnReport, CommandError> {
    let target = &prepared.target;
    let mut observed = seen.observed();
    observed.command = options.command.iter().map(|word: &OsString| word.as_bytes().to_vec()).collect();
    if let Some(start) = start {
        let since = Since { start, mark: Mark::read(&target.root).unwrap_or_default() };
        // What could not be walked is not known, and the profile says so.
        observed.writes = Writes::look(&target.root, &prepared.profile, since).ok();
        if observed.writes.is_some() {
            observed.note_volumes(&target.root, &target.owner);
        }
    }
    let learned = Learned::of(&target.root, observed).map_err(CommandError::Scan)?;
    Ok(LearnReport { root: escape(options.root.as_os_str().as_bytes()), learned })
}
