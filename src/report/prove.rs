//! The attempts of `--prove`, in words.

use nix::errno::Errno;
use serde::Serialize;

use super::control::Ids;
use super::plural;
use crate::linux::errno::name;
use crate::prove::{Attempt, By, End, Tried, Why};
use crate::text::escape::escape;

/// An attempt in the JSON report.
#[derive(Serialize)]
pub(super) struct Json {
    /// What was tried, such as `prove.start`.
    id: &'static str,
    /// How standards call the check that reads what this tries.
    ids: Ids,
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
            End::Refused(errno) | End::NotTried(Why::Short(errno) | Why::Before(errno) | Why::NotMade(errno, _)) => {
                Some(name(errno))
            }
            _ => None,
        };
        Self {
            id: attempt.tried.id(),
            ids: Ids(attempt.tried.check()),
            subject: subject(&attempt.tried),
            outcome: outcome(&attempt.end),
            errno,
            counts: attempt.counts,
            detail: detail(attempt),
        }
    }
}

pub(super) fn subject(tried: &Tried) -> String {
    match tried {
        Tried::Socket(path)
        | Tried::Gain(path)
        | Tried::Execute(path)
        | Tried::Write(path)
        | Tried::Confined(path)
        | Tried::Ioctl(path) => escape(path),
        Tried::Bind(port) | Tried::Connect(port) => format!("TCP port {port}"),
        Tried::Start(start) => escape(&start.path),
        Tried::Trace => "process 1".to_owned(),
        Tried::Search => "/".to_owned(),
        Tried::Module
        | Tried::Mount
        | Tried::UserNamespace
        | Tried::ExecuteMemory
        | Tried::AbstractSocket
        | Tried::Signal => "this process".to_owned(),
    }
}

pub(super) fn outcome(end: &End) -> &'static str {
    match end {
        End::Succeeded => "succeeded",
        End::Refused(_) | End::Filtered => "refused",
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
        Tried::Ioctl(_) => "to control it (ioctl), which [confine] ioctl does not allow",
        Tried::Bind(_) => "to bind a socket to it, which [confine] bind does not allow",
        Tried::Connect(_) => "to connect to it, which [confine] connect does not allow",
        Tried::AbstractSocket => "to connect to an abstract socket of a process that [confine] scope puts out of reach",
        Tried::Signal => "to send a signal to a process that [confine] scope puts out of reach",
    };
    format!("{what}{}", how(&attempt.end))
}

/// How an attempt ended, after what was tried.
fn how(end: &End) -> String {
    let reason = |errno: Errno| match errno {
        Errno::UnknownErrno => "an error that errno(3) does not have".to_owned(),
        errno => format!("{} ({})", errno.desc(), name(errno)),
    };
    match end {
        End::Succeeded => " SUCCEEDED".to_owned(),
        End::Refused(errno) => format!(": {}", reason(*errno)),
        End::Filtered => ": a seccomp filter kills whoever tries it (SIGSYS)".to_owned(),
        End::Powerless => ": it starts, and gains nothing".to_owned(),
        End::NotTried(why) => {
            let why = match why {
                Why::Short(errno) => reason(*errno),
                Why::Before(errno) => format!("something else than [confine] refuses it before: {}", reason(*errno)),
                Why::NotMade(errno, stated) => {
                    let says = stated.map(|option| format!(", and mountinfo says {option}")).unwrap_or_default();
                    let proves = if matches!(errno, Errno::EACCES | Errno::EPERM) && stated.is_none() {
                        ", which says nothing of the mount"
                    } else {
                        ""
                    };
                    format!("no file without a name can be made there by this user: {}{says}{proves}", reason(*errno))
                }
                Why::Late => "the time was over".to_owned(),
                Why::Killed(signal) => format!("signal {signal} killed the child that tried it"),
                Why::Unreadable(error) => error.to_string(),
                Why::NoMounts(reason) => reason.to_string(),
                Why::Unconfined => "the app's confinement could not be entered".to_owned(),
                Why::Unstoppable => {
                    "nothing would keep the program from running: ptrace and setrlimit are refused, or do nothing"
                        .to_owned()
                }
                Why::NotSaid => "/proc does not tell what it gained".to_owned(),
            };
            format!(" was not tried: {why}")
        }
    }
}

/// What to do about an attempt that is a finding.
pub(super) fn hint(attempt: &Attempt) -> Option<&'static str> {
    if let End::NotTried(why) = &attempt.end {
        return not_tried(why).filter(|_| attempt.is_finding());
    }
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
        Tried::Confined(_)
        | Tried::Ioctl(_)
        | Tried::Bind(_)
        | Tried::Connect(_)
        | Tried::AbstractSocket
        | Tried::Signal => "this kernel does not enforce that part of [confine]: see the note on Landlock",
    })
}

/// What to do so that it can be tried.
fn not_tried(why: &Why) -> Option<&'static str> {
    Some(match why {
        Why::Short(_) => "raise the container's limits on memory and processes, make room on the disk, or try again",
        Why::NotMade(..) => "have a user try it who may write there",
        Why::Late => "give the container more CPU time, and the probe a longer timeoutSeconds",
        Why::NoMounts(_) | Why::NotSaid => "lithify needs /proc of this container",
        Why::Unstoppable => "allow ptrace(2) or setrlimit(2) in the seccomp profile; an emulated CPU can prove nothing",
        Why::Unreadable(error) => return error.silent().map(|mount| super::silent::hint(std::slice::from_ref(mount))),
        Why::Killed(_) | Why::Unconfined | Why::Before(_) => return None,
    })
}

/// The part of the summary on the attempts; `None` if there are none.
pub(super) fn summary(attempts: &[Attempt]) -> Option<String> {
    let stopped = attempts
        .iter()
        .filter(|attempt| matches!(attempt.end, End::Refused(_) | End::Filtered | End::Powerless))
        .count();
    (stopped > 0).then(|| format!("{} stopped", plural(stopped, "attempt")))
}

/// A remark on what succeeded and does not count; `None` if there is none.
pub(super) fn allowed(attempts: &[Attempt]) -> Option<String> {
    let allowed = || attempts.iter().filter(|attempt| !attempt.counts && matches!(attempt.end, End::Succeeded));
    let first = allowed().next()?;
    Some(format!(
        "{} succeeded that the profile does not ask to fail, such as {} {}; -v names all",
        plural(allowed().count(), "attempt"),
        first.tried.id(),
        subject(&first.tried)
    ))
}
