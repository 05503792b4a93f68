//! Failures in words: why the kernel refused, for how many names, and what to do.

use nix::errno::Errno;

use super::Result;
use crate::harden::apply::Outcome;
use crate::harden::plan::Action;
use crate::linux::errno::name;
use crate::text::escape::escape;
use crate::verify::{Check, Status};

/// Names that the kernel refused for the same reason.
struct Group<'a> {
    errno: Errno,
    /// Owner and mode of their directory.
    directory: Option<(u32, u32)>,
    actions: Vec<&'a Action>,
}

/// One finding for each reason, however many names share it.
pub(super) fn failures(actions: &[Action], outcomes: &[Outcome], findings: &mut Vec<Check>) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (action, outcome) in actions.iter().zip(outcomes) {
        match outcome {
            Outcome::Failed { error, directory } => {
                let errno = error.errno();
                match groups.iter_mut().find(|group| group.errno == errno && group.directory == *directory) {
                    Some(group) => group.actions.push(action),
                    None => groups.push(Group { errno, directory: *directory, actions: vec![action] }),
                }
            }
            Outcome::Changed => findings.push(finding(
                &action.path(),
                "was replaced by another file after the plan was made, and left alone".to_owned(),
                "something else is changing the container: run again, and find out what it is",
            )),
            Outcome::OtherMount => findings.push(finding(
                &action.path(),
                "is a mount point by now, and was left alone".to_owned(),
                "something mounted over it while this ran: run again",
            )),
            Outcome::Withheld => findings.push(finding(
                &action.path(),
                "was left alone, because a name that only leads from here could not be removed".to_owned(),
                "see the other findings; with those solved, run again",
            )),
            Outcome::Done | Outcome::Gone | Outcome::Disabled | Outcome::Denied | Outcome::Late => {}
        }
    }
    for Group { errno, directory, actions } in groups {
        let Some(first) = actions.first() else { continue };
        let verb = first.verb.name();
        let names = match actions.len() {
            1 => escape(&first.path()),
            count => format!("{} and {} more", escape(&first.path()), count - 1),
        };
        let (reason, hint) = explain(errno, directory);
        findings.push(Check {
            id: "remove",
            status: Status::Fail,
            subject: names,
            detail: format!("could not {verb}: {reason}"),
            hint: Some(hint),
        });
    }
}

fn finding(path: &[u8], detail: String, hint: &str) -> Check {
    Check { id: "remove", status: Status::Fail, subject: escape(path), detail, hint: Some(hint.to_owned()) }
}

fn explain(errno: Errno, directory: Option<(u32, u32)>) -> (String, String) {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let owner =
        directory.map_or_else(String::new, |(owner, mode)| format!(", which belongs to uid {owner} (mode {mode:04o})"));
    match errno {
        Errno::EROFS => (
            "the filesystem is read-only (EROFS); deleting and readOnlyRootFilesystem exclude each other".to_owned(),
            "keep it read-only, and bake the removal into the image (RUN [\"/lithify\", \"harden\", ...]) \
             or stage a hardened copy of the directories in a volume that the app mounts read-only over them"
                .to_owned(),
        ),
        Errno::EACCES => (
            format!("uid {uid} (gid {gid}) may not change this directory{owner} (EACCES)"),
            format!(
                "run it as the owner (runAsUser: {}), or bake the removal into the image or stage a hardened copy in a volume",
                directory.map_or(0, |(owner, _)| owner)
            ),
        ),
        Errno::EPERM => (
            format!("the kernel forbids it to uid {uid} in this directory{owner} (EPERM)"),
            "an immutable file (chattr -i), a sticky directory of another owner, a security module, or an id that this user namespace does not map".to_owned(),
        ),
        Errno::EBUSY => ("it is in use by the kernel (EBUSY), such as a mount point".to_owned(), "unmount it, or save it with [keep] paths".to_owned()),
        Errno::ENOTEMPTY => (
            "the directory is not empty (ENOTEMPTY): something in it stays, or was made meanwhile".to_owned(),
            "run again; see the other findings for what stays".to_owned(),
        ),
        Errno::ENOSPC | Errno::EDQUOT => (
            format!("no room for the tombstone ({})", name(errno)),
            "it takes 1 MiB once, however many names there are: make room, or use method = \"delete\"".to_owned(),
        ),
        errno => (format!("{} ({})", errno.desc(), name(errno)), "see the reason of the kernel".to_owned()),
    }
}

pub(super) fn result(outcome: Outcome) -> Result {
    match outcome {
        Outcome::Done => Result::Done,
        Outcome::Gone => Result::Gone,
        Outcome::Disabled => Result::Disabled,
        Outcome::Denied => Result::Denied,
        Outcome::Changed => Result::Skipped("replaced by another file".to_owned()),
        Outcome::OtherMount => Result::Skipped("a mount point by now".to_owned()),
        Outcome::Withheld => Result::Skipped("left for a next run".to_owned()),
        Outcome::Late => Result::Skipped("left for a next run, because the deadline came".to_owned()),
        Outcome::Failed { error, .. } => Result::Failed(error.to_string()),
    }
}
