//! `lithify run`: harden, verify, then become the app.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use super::harden::Prepared;
use super::output::Output;
use super::{CommandError, effective_profile};
use crate::cli::{Fallback, Run};
use crate::escape::escape;
use crate::profile::Profile;
use crate::report::{Exit, Report};
use crate::root::Root;
use crate::verify::Status;
use crate::{apply, sys};

/// Where a command is looked for when `PATH` is not set, as execvp(3) does.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn run(options: &Run, output: &Output) -> Exit {
    let output = output.on_stderr();
    let Some((name, _)) = options.command.split_first() else { return Exit::Usage };
    let program = match find(name) {
        Ok(program) => program,
        Err(errno) => return cannot_start(&output, name.as_bytes(), errno),
    };
    let report = match prepare(options, &program) {
        Ok(report) => report,
        // Whatever it was: the app was not started, and no code of the app's may be mistaken for ours.
        Err(error) => return output.error("run", Exit::RunFailed, &error.to_string(), error.hint()),
    };
    let failed = report.exit != Exit::Ok;
    let mut report = report;
    if failed {
        report.exit = Exit::RunFailed;
    }
    output.report("run", Ok(report));
    if failed {
        return Exit::RunFailed;
    }
    let errno = become_app(&program, options);
    cannot_start(&output, name.as_bytes(), errno)
}

fn prepare(options: &Run, program: &CString) -> Result<Report, CommandError> {
    let profile = effective_profile(&options.profiles, Some(&options.remove))?;
    let root = Root::open(Path::new("/")).map_err(CommandError::Root)?;
    let prepared = Prepared::new(&root, &profile, options.allow_host, Some(program.as_bytes()))?;
    let mut report = Report::new("run", root.path(), &profile);
    let (plan, protection) = prepared.into_report(&mut report);
    let outcomes = apply::apply(&root, &plan);
    let read_only = !outcomes.is_empty()
        && outcomes
            .iter()
            .all(|outcome| matches!(outcome, apply::Outcome::Failed { error, .. } if error.errno() == Errno::EROFS));
    report.add_plan(plan, Some(outcomes));
    if report.exit != Exit::Refused {
        report.add_verification(crate::verify::verify(&root, &profile, &protection));
    }
    if read_only && options.fallback == Fallback::Warn {
        accept_read_only(&mut report, &profile);
    }
    Ok(report.conclude())
}

/// On a read-only root nothing can be deleted, and nothing can be changed either: what the profile would remove is said
/// in one note, and verification alone decides.
fn accept_read_only(report: &mut Report, profile: &Profile) {
    report.findings.retain(|finding| finding.status != Status::Fail || !matches!(finding.id, "remove" | "strip"));
    report.notes.push(format!(
        "the root is read-only, so that {} names that the profile removes stay and can still be run ({}); \
         bake the removal into the image to get rid of them, or use --fallback fail to insist",
        report.steps.len(),
        profile.sources.iter().map(|source| &*source.name).collect::<Vec<_>>().join(", "),
    ));
}

/// The path of the command's program, looked up in `PATH` as execvp(3) does.
fn find(name: &OsStr) -> Result<CString, Errno> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(Errno::ENOENT);
    }
    if bytes.contains(&b'/') {
        return CString::new(bytes).map_err(|_| Errno::EINVAL);
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut denied = false;
    for directory in std::env::split_paths(&path) {
        let candidate = directory.join(name);
        let c = CString::new(candidate.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
        if !candidate.is_file() {
            continue;
        }
        match nix::unistd::access(c.as_c_str(), nix::unistd::AccessFlags::X_OK) {
            Ok(()) => return Ok(c),
            Err(_) => denied = true,
        }
    }
    Err(if denied { Errno::EACCES } else { Errno::ENOENT })
}

/// Replaces this process by the app; returns only if that fails.
fn become_app(program: &CString, options: &Run) -> Errno {
    let arguments: Result<Vec<CString>, _> =
        options.command.iter().map(|argument| CString::new(argument.as_bytes())).collect();
    let Ok(arguments) = arguments else { return Errno::EINVAL };
    // Nothing of ours may reach the app: no descriptor, no ignored signal. Every descriptor of ours is close-on-exec
    // anyway; kernels before 5.11 lack the call that marks those that were inherited.
    let _ = sys::close_on_exec_from_3();
    let _ = sys::default_sigpipe();
    match nix::unistd::execv(program, &arguments) {
        Err(errno) => errno,
    }
}

fn cannot_start(output: &Output, name: &[u8], errno: Errno) -> Exit {
    let there = name.contains(&b'/') && Path::new(OsStr::from_bytes(name)).exists();
    let (exit, reason, hint) = match errno {
        Errno::ENOENT if there => (
            Exit::CannotExecute,
            "its interpreter (the #! line or the ELF loader) does not exist",
            Some("a script whose shell was removed cannot start: run the program itself"),
        ),
        Errno::ENOENT => (Exit::NotFound, "not found", Some("give its absolute path, or correct PATH")),
        Errno::EACCES => {
            (Exit::CannotExecute, "permission denied: not executable for this user, or on a noexec mount", None)
        }
        Errno::ENOEXEC => (Exit::CannotExecute, "neither a program of this machine nor a script with a #! line", None),
        errno => (Exit::CannotExecute, errno.desc(), None),
    };
    output.error("run", exit, &format!("cannot start {}: {reason}", escape(name)), hint)
}
