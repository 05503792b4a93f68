//! `lithify run`: hardens, verifies, drops privileges, confines, then becomes the app or stays as its first process.

mod after_start;
mod order;
mod restrictions;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::fault;
use super::options::{digest, effective_profile};
use super::output::Output;
use crate::cli::{Fallback, Run};
use crate::harden::pipeline::{Planned, Policy, Processes, Protected, Start, is_not_refused};
use crate::launch::duties::Duties;
use crate::launch::exec::AppCommand;
use crate::launch::init::{Init, ParentDeath, hold_signals};
use crate::launch::landlock::{LandlockError, Ruleset, deny_instead};
use crate::launch::privileges::Privileges;
use crate::launch::signal_map;
use crate::linux::deadline::Deadline;
use crate::linux::stream::Stream;
use crate::profile::{ConfineMode, Profile};
use crate::prove::{Listed, Outside};
use crate::recognise::command_line::CommandLine;
use crate::recognise::search_path::DEFAULT_PATH;
use crate::report::{CommandError, Confinement, Exit, Note, Report, Subcommand};
use crate::root::{Failure, InRoot};
use crate::seal::{AsIs, Digest};
use crate::target::Target;
use crate::text::escape::escape;
use crate::verify::{Status, Subject, Verification};
use restrictions::Restrictions;

pub(super) fn run(options: &Run, output: &Output) -> Exit {
    let output = output.for_run();
    fault::ends_with(Exit::RunFailed);
    if let Err(errno) = hold_signals() {
        return output.failure("run", &CommandError::Signals(errno));
    }
    let duties = match duties(options) {
        Ok(duties) => duties,
        Err(error) => return output.failure("run", &error),
    };
    let command = match prepare(options).and_then(|prepared| harden(options, prepared, &output)) {
        Ok(Next::Execute(command)) => command,
        Ok(Next::StartFirst(prepared)) => return after_start::run(options, &duties, output, *prepared),
        Ok(Next::End(exit)) => return exit,
        // The app was not started, whatever the error is. No exit code of the app may be mistaken for ours.
        Err(error) => return output.failure("run", &error),
    };
    if !options.init {
        return execute(command, &output);
    }
    // The child owns the app, the output and all that they hold. Only the loop is left here.
    match Init::start(&duties, move || execute(command, &output).code()) {
        Ok(init) => Exit::App(init.attend_to_the_end()),
        Err(errno) => {
            let _ = Stream::Error.write(&format!("lithify run: {}\n", CommandError::Fork(errno)));
            Exit::RunFailed
        }
    }
}

/// Becomes the app. Returns only if that fails.
fn execute(command: AppCommand, output: &Output) -> Exit {
    output.failure("run", &command.execute().into())
}

/// What `run` does after everything that comes before the app.
enum Next {
    /// It becomes the app.
    Execute(AppCommand),
    /// It starts the app first, because the app needs what the plan deletes to start. It hardens when the app is up.
    StartFirst(Box<Prepared>),
    /// It exits. The report says why.
    End(Exit),
}

/// Everything that is found out before anything is changed.
struct Prepared {
    command: AppCommand,
    /// What the files must be.
    digest: Option<Digest>,
    target: Target,
    profile: Profile,
    restrictions: Restrictions,
    report: Report,
}

/// Finds out what to start and how. Everything that can refuse comes before anything is changed.
fn prepare(options: &Run) -> Result<Prepared, CommandError> {
    let parent_death = options.parent_death.as_deref().map(signal).transpose()?.map(ParentDeath::new);
    let digest = digest(options.digest.as_deref())?;
    let mut profile = profile(options, digest)?;
    if let Some(directory) = &options.chdir {
        let usage = |error: std::io::Error| {
            CommandError::Usage(format!("--chdir {}: {error}", escape(directory.as_os_str().as_bytes())))
        };
        std::env::set_current_dir(directory).map_err(usage)?;
    }
    let mut command = AppCommand::new(&options.command, options.keep_fds)?;
    let only_starts = profile.is_empty() && digest.is_none() && !options.prove;
    let open = if only_starts { Target::without_asking } else { Target::open };
    let target = open(Path::new("/"), Deadline::default()).map_err(CommandError::Root)?;
    let root = &target.root;
    let privileges = Privileges::wanted(root, &profile.verify, options.user.as_deref())?;
    privileges.replace_in(&mut profile);
    if let Some(home) = privileges.home() {
        command.set_variable("HOME", home)?;
    }
    let mut report = Report::new(Subcommand::Run, root.path(), &profile);
    report.add_silent(root);
    let mut restrictions = Restrictions::new(privileges, parent_death);
    match Ruleset::confining(root, &profile.confine, command.program().as_os_str().as_bytes()) {
        Ok(Some(ruleset)) => restrictions.add(Confinement::Confine, ruleset),
        Ok(None) => {}
        Err(LandlockError::Unavailable(errno)) if profile.confine.mode() == ConfineMode::BestEffort => {
            report.notes.push(Note::NotConfined(errno));
        }
        Err(LandlockError::Partial(level)) if profile.confine.mode() == ConfineMode::BestEffort => {
            report.notes.push(Note::Unconfined(level));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Prepared { command, digest, target, profile, restrictions, report })
}

/// Does everything that comes before the app, and reports it.
fn harden(options: &Run, prepared: Prepared, output: &Output) -> Result<Next, CommandError> {
    let Prepared { command, digest, target, profile, mut restrictions, mut report } = prepared;
    let hardens = !profile.is_empty();
    if hardens {
        let line = command_line(options, &command.program());
        let policy = Policy {
            allow_host: options.allow_host,
            start: Start::Next { command: &line, by_scripts: options.after_start },
            processes: Processes::Veto,
            dry_run: false,
            disable_instead: options.fallback == Fallback::Deny,
        };
        let mut planned = Protected::new(&target, &profile, policy)?.survey()?.plan();
        if order::is_app_first(options, &planned, &mut report.notes) {
            drop(planned);
            return Ok(Next::StartFirst(Box::new(Prepared { command, digest, target, profile, restrictions, report })));
        }
        planned.lead_on(&|planned| is_not_refused(planned) || order::is_app_first(options, planned, &mut Vec::new()));
        carry_out(options, planned, digest, &mut restrictions, &mut report)?;
    } else if let Some(digest) = digest {
        let mut verification = Verification::default();
        verification.check_digest(&target.root, &profile, digest, options.max_file_size.0, &mut AsIs);
        report.add_verification(verification);
    }
    if report.is_clean() {
        let listed = options.prove.then(|| {
            Listed::new(&target, &profile, report.all_checks(), Some(command.program().as_os_str().as_bytes()))
        });
        if restrictions.give_up_privileges(&target.root, &profile, &mut report) {
            let outside = listed.as_ref().map(Outside::of);
            restrictions.enter(&mut report);
            if let Some((listed, outside)) = listed.zip(outside).filter(|_| report.is_clean()) {
                report.add_attempts(listed.make(&target.root, &outside, &|| true));
            }
        }
    }
    restrictions.await_parent_death(&mut report);
    let fails = !report.is_clean();
    if !fails && !hardens && !output.volume().verbose {
        return Ok(Next::Execute(command));
    }
    let exit = output.report("run", Ok(report));
    Ok(if fails { Next::End(exit) } else { Next::Execute(command) })
}

/// Carries the plan out and verifies. With `--fallback deny`, names that could not be deleted are disabled, or else
/// marked to be denied.
fn carry_out(
    options: &Run,
    mut planned: Planned<'_>,
    digest: Option<Digest>,
    restrictions: &mut Restrictions,
    report: &mut Report,
) -> Result<(), CommandError> {
    // An app that runs as this user and cannot gain privileges may not enter a directory that this user may not enter.
    let privileges = &mut restrictions.privileges;
    let unreachable = if privileges.changes_user() { Vec::new() } else { take_unreachable(&mut planned) };
    if !unreachable.is_empty() {
        privileges.require_no_new_privs();
    }
    let mut applied = planned.settle()?.apply();
    let read_only = applied.is_read_only();
    if options.fallback == Fallback::Deny {
        match deny_instead(&mut applied) {
            Ok(Some(ruleset)) => restrictions.add(Confinement::Fallback, ruleset),
            Ok(None) => {}
            Err(LandlockError::Unavailable(errno)) => report.notes.push(Note::CannotDeny(errno)),
            Err(error) => return Err(error.into()),
        }
    }
    let mut verified = applied.verify_tree();
    if let Some(verification) = verified.verification.as_mut().filter(|_| !unreachable.is_empty()) {
        verification.checks.retain(|check| {
            let is_there = |path: &Vec<u8>| matches!(&check.subject, Subject::Path(subject) if subject == path);
            check.status != Status::Unverified || !unreachable.iter().any(is_there)
        });
    }
    if let Some(digest) = digest {
        verified.check_digest(digest, options.max_file_size.0);
    }
    let is_verified = verified.verification.is_some();
    report.add(verified);
    if is_verified && !unreachable.is_empty() {
        report.notes.push(Note::NotEntered(unreachable));
    }
    if read_only && options.fallback == Fallback::Warn {
        report.accept_read_only();
    }
    Ok(())
}

/// Takes out of `planned` the directories that could not be looked at because this user may not even enter them.
/// Returns their paths.
fn take_unreachable(planned: &mut Planned<'_>) -> Vec<Vec<u8>> {
    let root = &planned.protected.target.root;
    let mut unreachable = Vec::new();
    planned.unreadable.retain(|error| {
        let Failure::Os { path, errno: Errno::EACCES, .. } = error.failure() else { return true };
        let inside = InRoot(path).join(b".");
        let closed = matches!(root.resolve(&inside), Err(error) if error.errno() == Errno::EACCES);
        if closed {
            unreachable.push(path.clone());
        }
        !closed
    });
    unreachable
}

/// The command to start.
fn command_line(options: &Run, program: &Path) -> CommandLine {
    let text = |text: &OsStr| text.to_string_lossy().into_owned();
    let arguments = options.command.iter().skip(1).map(|word| text(word));
    CommandLine {
        words: [text(program.as_os_str())].into_iter().chain(arguments).collect(),
        path: Some(std::env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.to_owned())),
        directory: std::env::current_dir().map(|path| text(path.as_os_str())).unwrap_or_default(),
        running: false,
    }
}

/// The profile that the command line names. It may name none if the command line asks for something else.
fn profile(options: &Run, digest: Option<Digest>) -> Result<Profile, CommandError> {
    let named = [&options.profiles, &options.remove];
    if (options.init || options.prove || options.user.is_some() || digest.is_some())
        && named.iter().all(|list| list.is_empty())
    {
        return Ok(Profile::default());
    }
    effective_profile(&options.profiles, &options.remove)
}

/// What the command line asks of the first process.
fn duties(options: &Run) -> Result<Duties, CommandError> {
    let mut duties = Duties { group: options.process_group, grace: options.grace, ..Duties::default() };
    for text in &options.signals {
        duties.signals.add(text).map_err(|error| CommandError::Usage(format!("--signal {error}")))?;
    }
    for text in &options.exit_codes {
        duties.exit_codes.add(text).map_err(|error| CommandError::Usage(format!("--exit-code {error}")))?;
    }
    Ok(duties)
}

/// The signal of `--parent-death`.
fn signal(text: &str) -> Result<Signal, CommandError> {
    let signal = signal_map::number(text).and_then(|number| Signal::try_from(i32::from(number)).ok());
    signal.ok_or_else(|| {
        CommandError::Usage(format!("--parent-death {}: not a signal; write TERM or 15", escape(text.as_bytes())))
    })
}
