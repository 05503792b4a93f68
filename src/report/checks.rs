//! Puts into words what a check saw.

use std::time::Duration;

use nix::errno::Errno;

use super::{isolation, reasons, seal};
use crate::drift::{Anomaly, Drifted, Sign};
use crate::harden::mark;
use crate::harden::plan::{Origin, Reason, Verb};
use crate::linux::proc::Namespace;
use crate::linux::proc::mountinfo::Mount;
use crate::linux::proc::status::capability_names;
use crate::target;
use crate::text::escape::escape;
use crate::verify::{Check, CheckId, Evidence, Note, Status, Subject, Trial};

/// What a check is about.
pub(super) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Path(path) => escape(path),
        Subject::Process(task) => target::name(*task),
        Subject::Unknown(reason) => reason.to_string(),
        Subject::Namespace(namespace) => match namespace {
            Namespace::Pid => "pid namespace",
            Namespace::Ipc => "ipc namespace",
            Namespace::Uts => "uts namespace",
            Namespace::Network => "network namespace",
        }
        .to_owned(),
        Subject::ControlGroup => "control group".to_owned(),
        Subject::Kernel => "kernel".to_owned(),
    }
}

/// What was seen.
pub(super) fn detail(check: &Check) -> String {
    let text = match &check.evidence {
        Evidence::There => match check.id {
            CheckId::RuntimeSocket => "a container runtime's socket is visible",
            CheckId::ServiceAccountToken => "the service account token is mounted",
            _ => "is there",
        },
        Evidence::NotThere => match check.id {
            CheckId::RuntimeSocket => "no container runtime's socket at the known paths",
            CheckId::Writable | CheckId::WritableIfPresent => "does not exist, and the app must be able to write there",
            _ => "is not there",
        },
        Evidence::Matched(path) => return format!("{} is there", escape(path)),
        Evidence::Dangling => "is a link that leads nowhere",
        Evidence::Tombstone => "is a tombstone of what was removed",
        Evidence::Unreadable(error) => return error.to_string(),
        Evidence::Os(errno) => errno.desc(),

        Evidence::NothingLeft => "nothing is left of what the profile removes",
        Evidence::Planned(action) => {
            let what = match action.verb {
                Verb::Strip { .. } => "still set".to_owned(),
                Verb::LoginShells { .. } => format!("login shells {}", reasons::cause(action).unwrap_or_default()),
                Verb::Remove | Verb::Disable | Verb::Tombstone => "still there".to_owned(),
            };
            return by_rule(&what, &action.origin);
        }
        Evidence::MustStay(origin, reason) => {
            let what = match reason {
                Reason::MissingLibrary(_) => "lacks a library",
                _ => "still there, and must be",
            };
            return by_rule(&format!("{what}: {}", reasons::reason(reason)), origin);
        }
        Evidence::Stays(origin, reason) => {
            return by_rule(&format!("still there: {}", reasons::reason(reason)), origin);
        }

        Evidence::ReadOnly { trial, .. } => return read_only(trial),
        Evidence::ReadOnlyBelow { path, trial } => {
            return format!("mounted below read-only {}: {}", escape(path.as_bytes()), read_only(trial));
        }
        Evidence::ReadOnlyAlone { trial, reason } => {
            return format!("{}; mounts below it were not looked at: {reason}", read_only(trial));
        }
        Evidence::Writable { trial, in_image } => return writable(trial, *in_image),
        Evidence::HasOption => return option(check.id).0.to_owned(),
        Evidence::LacksOption(options) => return format!("{} ({})", option(check.id).1, escape(options)),
        Evidence::LacksOptionBelow(path) => {
            return format!("mounted below {}: {}", escape(path.as_bytes()), option(check.id).1);
        }
        Evidence::MountUnknown => "its mount is not known",
        Evidence::NoMounts(reason) | Evidence::NoStart(reason) => {
            return reason.to_string();
        }
        Evidence::Staged => "the staged copy is mounted, read-only",
        Evidence::StagedWritable => "the staged directory is mounted writable",
        Evidence::StagedWritableAt(point) => {
            return format!("the staged directory is also mounted writable, at {}", escape(point));
        }

        Evidence::NotSaid => "cannot be read",
        Evidence::Ids(seen, wanted) => return ids(check, *seen, *wanted),
        Evidence::NoSuchName(name) => {
            let database = if check.id == CheckId::User { "/etc/passwd" } else { "/etc/group" };
            return format!("{database} inside the root does not have {}", escape(name.as_bytes()));
        }
        Evidence::Groups(extra) if extra.is_empty() => "no supplementary group beyond those allowed",
        Evidence::Groups(extra) => {
            let extra: Vec<String> = extra.iter().map(ToString::to_string).collect();
            return format!("it is in the supplementary groups {}", extra.join(", "));
        }
        Evidence::NoNewPrivs(true) => "no_new_privs is set",
        Evidence::NoNewPrivs(false) => "no_new_privs is not set: setuid programs can raise privileges",
        Evidence::Capabilities(excess) if excess.is_empty() => "no capability beyond those allowed, in any set",
        Evidence::Capabilities(excess) => return capabilities(excess),
        Evidence::Seccomp(2) => "a seccomp filter is in force",
        Evidence::Seccomp(0) => "no seccomp filter: every system call is allowed",
        Evidence::Seccomp(mode) => return format!("seccomp mode is {mode}, not 2 (filter)"),
        Evidence::Isolation(seen) => return isolation::detail(check, seen),

        Evidence::NoDrift => match check.id {
            CheckId::DriftProcesses => {
                "no process runs a program that was deleted, never had a name, or came since the container's start"
            }
            _ => "nothing that can be executed was made or changed since the container's start",
        },
        Evidence::Drifted(file) => return drifted(file),
        Evidence::Runs(comm, anomaly) => return runs(comm, anomaly),
        Evidence::State { expected, found, .. } if expected == found => return found.to_string(),
        Evidence::State { expected, found, .. } => {
            return format!("the files give {found}, not {expected}");
        }
        Evidence::Differs(change) => return seal::change(change),
        Evidence::MoreDiffer(more) => return format!("{more} further differences were only counted"),
        Evidence::Hidden(entries) => return format!("is a mount here, which hides entries of the seal: {entries}"),
        Evidence::Same(entries) => return format!("{entries} entries are as the seal states"),
        Evidence::Unsealed(problem) => return seal::parts(problem).1,
    };
    text.to_owned()
}

/// What is said of a mount that has the option of the check, and of one that lacks it.
fn option(id: CheckId) -> (&'static str, &'static str) {
    match id {
        CheckId::Nosuid => ("nosuid", "setuid programs take effect there"),
        CheckId::Nodev => ("nodev", "device nodes take effect there"),
        _ => ("noexec", "programs can be started there"),
    }
}

fn by_rule(what: &str, origin: &Origin) -> String {
    format!("{what} ({}: {})", origin.profile, origin.rule)
}

fn read_only(trial: &Trial) -> String {
    let on = match &trial.mount {
        Some(mount) => format!(" ({}, {})", escape(&mount.filesystem), escape(&mount.options)),
        None => String::new(),
    };
    match (trial.result, trial.mount.as_deref().map(Mount::is_read_only)) {
        (Err(Errno::EROFS), _) => format!("read-only: writing fails with EROFS{on}"),
        (Ok(()), _) => format!("writable: a file could be made{on}"),
        (Err(Errno::ENOTDIR), Some(true)) => format!("read-only by mountinfo{on}"),
        (Err(Errno::EACCES), Some(false)) => {
            let uid = trial.user.0;
            format!("the mount is writable; only permissions stop uid {uid} (EACCES), which proves nothing{on}")
        }
        (Err(errno), Some(false)) => format!("the mount is writable{on}; trying gave: {}", errno.desc()),
        (Err(errno), Some(true)) => {
            format!("read-only by mountinfo, but writing fails with {} and not EROFS{on}", errno.desc())
        }
        (Err(errno), None) => format!("its mount is not known, and writing fails with {}", errno.desc()),
    }
}

fn writable(trial: &Trial, in_image: bool) -> String {
    match trial.result {
        Ok(()) => "writable".to_owned(),
        Err(Errno::EROFS) => "is read-only (EROFS), and the app must be able to write there".to_owned(),
        Err(Errno::EACCES) => {
            let (uid, gid) = trial.user;
            let owner = if in_image { ", who does not own it, and no volume is mounted there" } else { "" };
            format!("permission denied (EACCES) for uid {uid}, gid {gid}{owner}")
        }
        Err(errno @ (Errno::EOPNOTSUPP | Errno::EISDIR)) => match &trial.mount {
            Some(mount) if !mount.is_read_only() => {
                format!("writable by mountinfo; not tried, because {} has no O_TMPFILE", escape(&mount.filesystem))
            }
            _ => format!("cannot be tried: {}", errno.desc()),
        },
        Err(errno) => format!("cannot be written: {}", errno.desc()),
    }
}

fn ids(check: &Check, seen: [u32; 4], wanted: Option<u32>) -> String {
    let [real, effective, saved, filesystem] = seen;
    let kind = if check.id == CheckId::User { "uid" } else { "gid" };
    let text = if seen == [real; 4] {
        format!("{kind} {real}")
    } else {
        format!("{kind} {real}, effective {effective}, saved {saved}, filesystem {filesystem}")
    };
    match wanted {
        _ if check.status == Status::Pass => text,
        None => format!("it runs as root: {text}"),
        Some(id) => format!("{text}, not {id}"),
    }
}

fn capabilities(excess: &[(&str, u64)]) -> String {
    let sets: Vec<String> = excess
        .iter()
        .map(|(set, mask)| {
            let names = capability_names(*mask);
            if names.len() > 6 {
                format!("{set}: {} capabilities", names.len())
            } else {
                format!("{set}: {}", names.join(" "))
            }
        })
        .collect();
    format!("it holds more than allowed: {}", sets.join("; "))
}

fn drifted(file: &Drifted) -> String {
    let what = match file.sign {
        Sign::Mode => "executable",
        Sign::Elf => "a program or library",
        Sign::Script => "a script",
    };
    format!("was made or changed {}: {what}, mode {:04o}, uid {}", after(file.after), file.mode, file.uid)
}

fn runs(comm: &[u8], anomaly: &Anomaly) -> String {
    let what = match anomaly {
        Anomaly::Deleted(path) => format!("runs a program that was deleted: {}", escape(path)),
        Anomaly::InMemory(name) => format!("runs a program in memory that never had a name: memfd {}", escape(name)),
        Anomaly::Changed(path, time) => format!("runs {}, which was made or changed {}", escape(path), after(*time)),
        Anomaly::Unreadable(errno) => format!("what it runs cannot be looked at: {}", errno.desc()),
    };
    format!("({}) {what}", escape(comm))
}

fn after(time: Duration) -> String {
    format!("{} s after the container's start", time.as_secs())
}

/// A remark on what was looked at.
pub(super) fn note(note: &Note) -> String {
    match note {
        Note::RuntimeMounts(points) => {
            let points: Vec<String> = points.iter().map(|point| escape(point)).collect();
            format!("writable mounts of the runtime and the kubelet, not counted: {}", points.join(", "))
        }
        Note::StagedUnknown(reason) => {
            format!("whether a staged directory is mounted writable was not looked at: {reason}")
        }
        Note::Closed(paths) => format!(
            "neither this user nor the app may enter these directories, so they were not looked at for drift: {}",
            paths.iter().map(|path| escape(path)).collect::<Vec<_>>().join(", ")
        ),
        Note::LeftOnReadOnly => {
            "the root is read-only, so nothing can be removed from it while it runs: under `lithify run`, Landlock denies what is left to the app and its children, but it is there for this process and for every exec; bake the removal into the image or stage a hardened copy, or leave [remove] out of the profile of this verify"
                .to_owned()
        }
        Note::NoMark(reason) => format!("{} is no mark of lithify's and excuses nothing: {reason}", escape(mark::PATH)),
    }
}
