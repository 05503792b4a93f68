//! `lithify run`: harden, verify, drop privileges, confine, then become the app, or stay as its first process.

mod after_start;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

use super::harden::{Prepared, Running, Starts};
use super::options::effective_profile;
use super::output::Output;
use crate::cli::{Fallback, Run};
use crate::harden::apply::{self, Outcome};
use crate::harden::plan::{Plan, Verb};
use crate::launch::exec::App;
use crate::launch::init::{self, Init};
use crate::launch::landlock::{LandlockError, Ruleset, deniable};
use crate::launch::privileges::Privileges;
use crate::linux::deadline::Deadline;
use crate::linux::stream::Stream;
use crate::profile::{ConfineMode, Profile};
use crate::recognise::command_line::CommandLine;
use crate::recognise::search_path::DEFAULT_PATH;
use crate::report::{CommandError, Confinement, Exit, Launch, Note, Report, Subcommand};
use crate::root::Root;
use crate::target::Target;
use crate::text::escape::escape;
use crate::verify::{self, Status, Subject};

pub(super) fn run(options: &Run, output: &Output) -> Exit {
    let output = output.for_run();
    if let Err(errno) = init::hold_signals() {
        return output.failure("run", &CommandError::Signals(errno));
    }
    let app = match ready(options, &output) {
        Ok(app) => app,
        Err(Stop::Late(late)) => return after_start::run(options, output, *late),
        Err(Stop::Reported(exit)) => return exit,
        Err(Stop::Failed(error)) => return output.failure("run", &error),
    };
    if !options.init {
        return execute(app, &output);
    }
    // The app, the output and all they hold are the child's; what is left here is the loop.
    match Init::start(options.process_group, move || execute(app, &output).code()) {
        Ok(init) => Exit::App(init.attend_to_the_end()),
        Err(errno) => {
            let text = format!("lithify run: the app cannot be started: fork: {}\n", errno.desc());
            let _ = Stream::Error.write(&text);
            Exit::RunFailed
        }
    }
}

/// Becomes the app; what it returns says that this failed.
fn execute(app: App, output: &Output) -> Exit {
    output.failure("run", &app.execute().into())
}

/// An app that is to be started before anything is deleted, with all that was found out for it.
struct Late {
    app: App,
    target: Target,
    profile: Profile,
    privileges: Privileges,
    rulesets: Vec<(Confinement, Ruleset)>,
    report: Report,
    parent: Pid,
    parent_death: Option<Signal>,
}

/// Why the app is not started at once.
enum Stop {
    /// It needs to start what the plan deletes, or `--after-start` asks for it.
    Late(Box<Late>),
    /// It is in the report.
    Reported(Exit),
    Failed(CommandError),
}

impl<E: Into<CommandError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Does everything that comes before the app, and reports it.
fn ready(options: &Run, output: &Output) -> Result<App, Stop> {
    let parent = getppid();
    let parent_death = options.parent_death.as_deref().map(signal).transpose()?;
    let mut profile = profile(options)?;
    if let Some(directory) = &options.chdir {
        let usage = |error: std::io::Error| {
            CommandError::Usage(format!("--chdir {}: {error}", escape(directory.as_os_str().as_bytes())))
        };
        std::env::set_current_dir(directory).map_err(usage)?;
    }
    let mut app = App::new(&options.command, options.keep_fds)?;
    let target = Target::open(Path::new("/"), Deadline::default()).map_err(CommandError::Root)?;
    let root = &target.root;

    // Whatever can refuse comes before anything is changed.
    let mut privileges = Privileges::wanted(root, &profile.verify, options.user.as_deref())?;
    privileges.replace_in(&mut profile);
    if let Some(home) = privileges.home() {
        app.set_variable("HOME", home)?;
    }
    let mut report = Report::new(Subcommand::Run, root.path(), &profile);
    let program = app.program();
    let mut rulesets = Vec::new();
    match Ruleset::confining(root, &profile.confine, program.as_os_str().as_bytes()) {
        Ok(ruleset) => rulesets.extend(ruleset.map(|ruleset| (Confinement::Confine, ruleset))),
        Err(LandlockError::Unavailable(errno)) if profile.confine.mode() == ConfineMode::BestEffort => {
            report.notes.push(Note::NotConfined(errno));
        }
        Err(error) => return Err(error.into()),
    }
    if profile != Profile::default() {
        let starts = Starts::Now(command_line(options, &program), options.after_start);
        let prepared = Prepared::with(&target, &profile, options.allow_host, &starts, Running::Protected)?;
        let later = options.after_start || prepared.only_refuses_start();
        // Once it runs, what cannot be deleted can no longer be denied either.
        let warns = |errno: &Errno| options.fallback == Fallback::Warn && *errno == Errno::EROFS;
        let stuck = prepared.stuck(root).filter(|errno| later && !warns(errno));
        report.notes.extend(stuck.map(Note::Stuck));
        if later && stuck.is_none() && !prepared.refuses_command() {
            if !rulesets.is_empty() {
                privileges.require_no_new_privs();
            }
            let late = Late { app, target, profile, privileges, rulesets, report, parent, parent_death };
            return Err(Stop::Late(Box::new(late)));
        }
        let denied = harden(options, &target, &profile, prepared, &mut privileges, &mut report)?;
        rulesets.extend(denied.map(|ruleset| (Confinement::Fallback, ruleset)));
    }

    if !rulesets.is_empty() {
        // Without it Landlock asks for CAP_SYS_ADMIN; and it takes the effect from what could not be stripped.
        privileges.require_no_new_privs();
    }
    if report.is_clean() {
        become_restricted(root, &profile, &privileges, &rulesets, &mut report);
    }
    if let Some(signal) = parent_death {
        if let Err(errno) = init::on_parent_death(signal, parent) {
            report.launch.push(Launch::ParentDeath(errno));
        }
    }
    let failed = !report.is_clean();
    if !failed && profile == Profile::default() {
        return Ok(app);
    }
    let exit = output.report("run", Ok(report));
    if failed { Err(Stop::Reported(exit)) } else { Ok(app) }
}

/// The command that is to be started.
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

/// What the command line names; nothing at all is enough where something else is asked for.
fn profile(options: &Run) -> Result<Profile, CommandError> {
    let named = [&options.profiles, &options.remove];
    if (options.init || options.user.is_some()) && named.iter().all(|list| list.is_empty()) {
        return Ok(Profile::default());
    }
    effective_profile(&options.profiles, &options.remove)
}

/// Names of the signals from 1 on, as signal(7) numbers them on x86 and ARM.
const SIGNALS: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// `TERM`, `SIGTERM` or `15`.
fn signal(text: &str) -> Result<Signal, CommandError> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let named = SIGNALS.split(' ').zip(1..).find(|(known, _)| *known == name).map(|(_, number)| number);
    named.or_else(|| text.parse().ok()).and_then(|number: i32| Signal::try_from(number).ok()).ok_or_else(|| {
        CommandError::Usage(format!("--parent-death {}: not a signal; write TERM or 15", escape(text.as_bytes())))
    })
}

/// Hardens and verifies. With `--fallback deny`, what could not be deleted is disabled, else to be denied by the ruleset
/// that is returned.
fn harden(
    options: &Run,
    target: &Target,
    profile: &Profile,
    mut prepared: Prepared,
    privileges: &mut Privileges,
    report: &mut Report,
) -> Result<Option<Ruleset>, CommandError> {
    let root = &target.root;
    // An app that is this user and can gain no privileges may not enter what this user may not enter.
    let unreachable = if privileges.changes_user() { Vec::new() } else { prepared.take_unreachable(root) };
    if !unreachable.is_empty() {
        privileges.require_no_new_privs();
    }
    let (plan, protection) = prepared.into_report(report);
    let mut outcomes = apply::apply(root, &plan);
    let read_only = is_read_only(&outcomes);
    let mut denied = None;
    if options.fallback == Fallback::Deny {
        apply::disable_instead(root, &plan, &mut outcomes);
        denied = deny_instead(root, &plan, &mut outcomes, report)?;
    }
    report.add_plan(plan, Some(outcomes));
    if !report.is_refused() {
        let mut verification = verify::verify_tree(target, profile, &protection);
        verification.checks.retain(|check| {
            let is_there = |path: &Vec<u8>| matches!(&check.subject, Subject::Path(subject) if subject == path);
            check.status != Status::Unverified || !unreachable.iter().any(is_there)
        });
        report.add_verification(verification);
        if !unreachable.is_empty() {
            report.notes.push(Note::NotEntered(unreachable));
        }
    }
    if read_only && options.fallback == Fallback::Warn {
        report.accept_read_only();
    }
    Ok(denied)
}

/// Whether nothing could be deleted because the filesystem is read-only.
fn is_read_only(outcomes: &[Outcome]) -> bool {
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Failed { error, .. } if error.errno() == Errno::EROFS);
    !outcomes.is_empty() && outcomes.iter().all(refused)
}

/// Makes the rules that deny what could not be removed, and marks those steps.
fn deny_instead(
    root: &Root,
    plan: &Plan,
    outcomes: &mut [Outcome],
    report: &mut Report,
) -> Result<Option<Ruleset>, CommandError> {
    let stays = |outcome: &Outcome| outcome.was_refused() || matches!(outcome, Outcome::Disabled);
    let steps = plan.actions.iter().zip(&*outcomes).filter(|(_, outcome)| stays(outcome));
    let mut names = Vec::new();
    let mut any = false;
    for (action, _) in steps {
        any = true;
        if !matches!(action.verb, Verb::Strip { .. } | Verb::LoginShells { .. }) {
            names.push((action.path(), action.stat.kind));
        }
    }
    if !any {
        return Ok(None);
    }
    let denied = deniable(root, names);
    let ruleset = match Ruleset::denying(root, &denied) {
        Ok(ruleset) => ruleset,
        Err(LandlockError::Unavailable(errno)) => {
            report.notes.push(Note::CannotDeny(errno));
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    for (action, outcome) in plan.actions.iter().zip(outcomes) {
        let read_only = matches!(outcome, Outcome::Failed { error, .. } if error.errno() == Errno::EROFS);
        let deniable = match action.verb {
            // setuid and file capabilities do nothing under no_new_privs, write permission nothing on a read-only root.
            Verb::Strip { bits, .. } => read_only || bits & 0o002 == 0,
            // Nobody becomes another user by logging in under no_new_privs.
            Verb::LoginShells { .. } => true,
            Verb::Remove | Verb::Tombstone | Verb::Disable => denied.contains(&action.path()),
        };
        if outcome.was_refused() && deniable {
            *outcome = Outcome::Denied;
        }
    }
    Ok(Some(ruleset))
}

/// Gives up privileges, checks what `[verify.process]` asks, and enters the confinement; what fails is a finding.
fn become_restricted(
    root: &Root,
    profile: &Profile,
    privileges: &Privileges,
    rulesets: &[(Confinement, Ruleset)],
    report: &mut Report,
) {
    if let Err(error) = privileges.bring_about() {
        report.launch.push(Launch::Privileges(error));
        return;
    }
    report.add_verification(verify::verify_this_process(root, profile));
    let stays = |outcome: Option<&Outcome>| matches!(outcome, Some(Outcome::Denied | Outcome::Disabled));
    let names = report.steps().filter(|(_, outcome)| stays(*outcome)).count();
    for (confinement, ruleset) in rulesets {
        if let Err(error) = ruleset.enforce() {
            report.launch.push(Launch::NotConfined(*confinement, error));
            return;
        }
        let level = ruleset.level();
        report.launch.push(Launch::Confined(*confinement, level));
        report.notes.push(match confinement {
            Confinement::Fallback => Note::Denied { names, level },
            Confinement::Confine => Note::Confined(level),
        });
        if !ruleset.missing.is_empty() {
            report.notes.push(Note::NothingToConfine(ruleset.missing.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for known in Signal::iterator() {
            let number = (known as i32).to_string();
            for text in [known.as_str(), known.as_str().trim_start_matches("SIG"), &number] {
                assert!(matches!(signal(text), Ok(found) if found == known), "{text}");
            }
        }
        for text in ["", "SIG", "0", "64", "-1", "term", "TERM KILL"] {
            assert!(signal(text).is_err(), "{text}");
        }
    }
}
