//! The attempts of `--prove`, in words.

use nix::errno::Errno;
use serde::Serialize;

use super::plural;
use crate::linux::errno::name;
use crate::prove::{Attempt, By, End, Tried, Why};
use crate::text::escape::escape;

/// An attempt in the JSON report.
#[derive(Serialize)]
pub(super) struct Json {
    /// What was tried, such as `prove.start`.
    id: &'static str,
    /// What it was tried with: a path (escaped), or `this process`.
    subject: String,
    outcome: &'static str,
    /// The name of the kernel's reason.
    errno: Option<&'static str>,
    /// Whether a success is a finding.
    counts: bool,
    detail: String,
}

impl Json {
    pub(super) fn new(attempt: &Attempt) -> Self {
        let errno = match attempt.end {
            End::Refused(errno) | End::NotTried(Why::Short(errno)) => Some(name(errno)),
            _ => None,
        };
        Self {
            id: id(&attempt.tried),
            subject: subject(&attempt.tried),
            outcome: outcome(&attempt.end),
            errno,
            counts: attempt.counts,
            detail: detail(attempt),
        }
    }
}

pub(super) fn id(tried: &Tried) -> &'static str {
    match tried {
        Tried::Module => "prove.module",
        Tried::Mount => "prove.mount",
        Tried::Socket(_) => "prove.runtime_socket",
        Tried::Trace => "prove.ptrace",
        Tried::Gain(_) => "prove.gain",
        Tried::UserNamespace => "prove.user_namespace",
        Tried::Start(_) => "prove.start",
        Tried::Search => "prove.search",
        Tried::Execute(_) => "prove.execute",
        Tried::ExecuteMemory => "prove.memfd",
        Tried::Write(_) => "prove.write",
        Tried::Confined(_) => "prove.confine",
    }
}

pub(super) fn subject(tried: &Tried) -> String {
    match tried {
        Tried::Socket(path) => (*path).to_owned(),
        Tried::Gain(path) | Tried::Execute(path) | Tried::Write(path) | Tried::Confined(path) => escape(path),
        Tried::Start(start) => escape(&start.path),
        Tried::Trace => "process 1".to_owned(),
        Tried::Search => "/".to_owned(),
        Tried::Module | Tried::Mount | Tried::UserNamespace | Tried::ExecuteMemory => "this process".to_owned(),
    }
}

pub(super) fn outcome(end: &End) -> &'static str {
    match end {
        End::Succeeded => "succeeded",
        End::Refused(_) => "refused",
        End::Powerless => "powerless",
        End::NotTried(_) => "not tried",
    }
}

pub(super) fn detail(attempt: &Attempt) -> String {
    let what = match &attempt.tried {
        Tried::Module => "to load a kernel module",
        Tried::Mount => "to mount a filesystem",
        Tried::Socket(_) => "to connect to the container runtime",
        Tried::Trace => "to trace it",
        Tried::Gain(_) => "to gain privileges by it",
        Tried::UserNamespace => "to make a user namespace",
        Tried::Start(start) => match &start.by {
            By::Name => "to start it",
            By::Descriptor => "to start it by a descriptor",
            By::Loader(loader) => return format!("to start it by {}{}", escape(loader), how(&attempt.end)),
        },
        Tried::Search => "to find the programs to start",
        Tried::Execute(_) => "to write a program there and start it",
        Tried::ExecuteMemory => "to write a program into memory and start it",
        Tried::Write(_) => "to make a file there",
        Tried::Confined(_) => "to make a file there, which [confine] write does not allow",
    };
    format!("{what}{}", how(&attempt.end))
}

/// How an attempt ended, after what was tried.
fn how(end: &End) -> String {
    let reason = |errno: Errno| format!("{} ({})", errno.desc(), name(errno));
    match end {
        End::Succeeded => " SUCCEEDED".to_owned(),
        End::Refused(errno) => format!(": {}", reason(*errno)),
        End::Powerless => ": it starts, and gains nothing".to_owned(),
        End::NotTried(why) => {
            let why = match why {
                Why::Short(errno) => reason(*errno),
                Why::Late => "the time was over".to_owned(),
                Why::Killed(signal) => format!("signal {signal} killed the child that tried it"),
                Why::Unreadable(error) => error.to_string(),
                Why::Unstoppable => {
                    "nothing would keep the program from running: ptrace and setrlimit are refused".to_owned()
                }
                Why::NotSaid => "/proc does not tell what it gained".to_owned(),
            };
            format!(" was not tried: {why}")
        }
    }
}

/// What to do about an attempt that is a finding.
pub(super) fn hint(attempt: &Attempt) -> Option<&'static str> {
    if !attempt.is_failure() {
        return None;
    }
    Some(match &attempt.tried {
        Tried::Module | Tried::Mount => {
            "set privileged: false and capabilities: {drop: [ALL]} in the container's securityContext"
        }
        Tried::Socket(_) => "whoever can write to it is root on the node: remove this hostPath volume",
        Tried::Trace => {
            "run what is not the app as another user, without the capability SYS_PTRACE; kernel.yama.ptrace_scope of the node limits it, too"
        }
        Tried::Gain(_) => "set allowPrivilegeEscalation: false in the securityContext, or clear the bits with [strip]",
        Tried::UserNamespace => {
            "set seccompProfile: {type: RuntimeDefault} in the securityContext; as root, also drop SYS_ADMIN"
        }
        Tried::Start(_) => "harden first, or remove it in the profile; if the app needs it, save it with [keep]",
        Tried::Search => return None,
        Tried::Execute(_) => {
            "mount it noexec, read-only, or not at all; an emptyDir cannot be mounted noexec, but [confine] execute denies it"
        }
        Tried::ExecuteMemory => {
            "the node's vm.memfd_noexec = 2 (Linux 6.3) or a seccomp profile without memfd_create denies it"
        }
        Tried::Write(_) => {
            "set readOnlyRootFilesystem: true in the securityContext, and readOnly: true on its volumeMount"
        }
        Tried::Confined(_) => "this kernel does not enforce [confine]: see the note on Landlock",
    })
}

/// The part of the summary on the attempts; `None` if there are none.
pub(super) fn summary(attempts: &[Attempt]) -> Option<String> {
    let failed = attempts.iter().filter(|attempt| matches!(attempt.end, End::Refused(_) | End::Powerless)).count();
    (failed > 0).then(|| format!("{} failed", plural(failed, "attempt")))
}

/// A remark on what succeeded and does not count; `None` if there is none.
pub(super) fn allowed(attempts: &[Attempt]) -> Option<String> {
    let allowed = || attempts.iter().filter(|attempt| !attempt.counts && matches!(attempt.end, End::Succeeded));
    let first = allowed().next()?;
    Some(format!(
        "{} succeeded that the profile does not ask to fail, such as {} {}; -v names all",
        plural(allowed().count(), "attempt"),
        id(&first.tried),
        subject(&first.tried)
    ))
}
