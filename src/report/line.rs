//! A finding or a check in words. Both the text and the JSON use it.

use nix::errno::Errno;
use serde::Serialize;

use super::control::Ids;
use super::fact::{Fact, Failed};
use super::{Report, advice, checks, prove, reasons};
use crate::harden::apply::Outcome;
use crate::harden::plan::{Reason, Refusal, Stays};
use crate::linux::errno::name;
use crate::text::escape::escape;
use crate::verify::{CheckId, Status};

/// One finding or check.
#[derive(Serialize)]
pub(super) struct Line {
    /// What asks for it, such as `mounts.read_only`.
    pub(super) id: &'static str,
    /// How standards call it.
    ids: Ids,
    pub(super) status: Status,
    /// What it is about: a path (escaped) or a process.
    pub(super) subject: String,
    /// What was seen.
    pub(super) detail: String,
    /// What to do.
    pub(super) hint: Option<String>,
}

impl Line {
    pub(super) fn new(report: &Report, fact: &Fact<'_>) -> Self {
        let remove = CheckId::Remove.name();
        let ids = Ids(match fact {
            Fact::Check { check, .. } => Some(check.id),
            Fact::LeftAlone(..) | Fact::Failed(_) | Fact::Stays(_) => Some(CheckId::Remove),
            Fact::Attempt(attempt) => attempt.tried.check(),
            Fact::Refused(_) | Fact::Launch(_) | Fact::Unreadable(_) => None,
        });
        let (id, subject, detail) = match fact {
            Fact::Refused(refusal) => ("refused", escape(&refusal.path), refused(refusal)),
            Fact::LeftAlone(action, outcome) => (remove, escape(&action.path()), left_alone(outcome).to_owned()),
            Fact::Failed(failed) => {
                let first = escape(&failed.first.path());
                let names = if failed.more == 0 { first } else { format!("{first} and {} more", failed.more) };
                (remove, names, failure(failed, report.user))
            }
            Fact::Stays(stays) => (remove, escape(&stays.path), self::stays(stays)),
            Fact::Check { check, .. } => (check.id.name(), checks::subject(&check.subject), checks::detail(check)),
            Fact::Launch(launch) => (launch.id(), "this process".to_owned(), launch.detail()),
            Fact::Attempt(attempt) => (attempt.tried.id(), prove::subject(&attempt.tried), prove::detail(attempt)),
            Fact::Unreadable(error) => ("inventory", report.root.clone(), format!("could not be looked at: {error}")),
        };
        Self { id, ids, status: fact.status(), subject, detail, hint: advice::fact(fact, report.command) }
    }
}

fn refused(Refusal { origin, reason, .. }: &Refusal) -> String {
    let text = reasons::reason(reason);
    let because = match reason {
        // "needs X" alone does not say that X is missing.
        Reason::MissingLibrary(_) => format!("cannot tell which libraries it needs: {text}, which is not there"),
        _ => format!("would delete it, but {text}"),
    };
    format!("{} of profile {} {because}; nothing was deleted at all", origin.rule, origin.profile)
}

fn stays(Stays { origin, reason, .. }: &Stays) -> String {
    format!("was not removed ({}: {}): {}", origin.profile, origin.rule, reasons::reason(reason))
}

fn left_alone(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::OtherMount => "is a mount point by now, and was left alone",
        Outcome::Withheld => "was left alone, because a name that only leads from here could not be removed",
        _ => "was replaced by another file after the plan was made, and left alone",
    }
}

/// Why the kernel refused a step to a process of this user and group.
fn failure(failed: &Failed<'_>, (uid, gid): (u32, u32)) -> String {
    let owner = match failed.directory {
        Some((owner, mode)) => format!(", which belongs to uid {owner} (mode {mode:04o})"),
        None => String::new(),
    };
    let reason = match failed.errno {
        Errno::EROFS => {
            "the filesystem is read-only (EROFS); deleting and readOnlyRootFilesystem exclude each other".to_owned()
        }
        Errno::EACCES => format!("uid {uid} (gid {gid}) may not change this directory{owner} (EACCES)"),
        Errno::EPERM => format!("the kernel forbids it to uid {uid} in this directory{owner} (EPERM)"),
        Errno::EBUSY => "it is in use by the kernel (EBUSY), such as a mount point".to_owned(),
        Errno::ENOTEMPTY => {
            "the directory is not empty (ENOTEMPTY): something in it stays, or was made meanwhile".to_owned()
        }
        errno @ (Errno::ENOSPC | Errno::EDQUOT) => format!("no room for the tombstone ({})", name(errno)),
        errno => format!("{} ({})", errno.desc(), name(errno)),
    };
    format!("could not {}: {reason}", failed.first.verb.name())
}
