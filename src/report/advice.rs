//! What to do about each finding.

pub(super) mod errors;

use nix::errno::Errno;

use super::fact::{Fact, Failed};
use super::{Subcommand, prove};
use crate::drift::Anomaly;
use crate::harden::apply::Outcome;
use crate::harden::plan::{Reason, Refusal, STAYS, UNREADABLE, pattern_for};
use crate::harden::protection::{Claim, For, Needed};
use crate::root::{Canonical, RootError};
use crate::seal::{Digest, Scope};
use crate::target::candidates::Certainty;
use crate::text::escape::escape;
use crate::verify::{Check, CheckId, Evidence, Status, Subject};

const HARDEN_FIRST: &str = "harden first, by a startupProbe or `run`; if that was done, something has put it there since: find out what did; a restart hardens again";

/// What to do about a fact that is a finding of `command`.
pub(super) fn fact(fact: &Fact<'_>, command: Subcommand) -> Option<String> {
    let text = match fact {
        Fact::Refused(refusal) => return Some(self::refusal(refusal)),
        Fact::Failed(failed) => return Some(self::failed(failed)),
        Fact::Check { first_left: true, .. } => HARDEN_FIRST,
        Fact::Check { check, .. } => return self::check(check),
        Fact::Attempt(attempt) => return prove::hint(attempt).map(str::to_owned),
        Fact::Unreadable(error) => return unreadable(error, command).map(str::to_owned),
        Fact::Launch(launch) => return launch.hint().map(str::to_owned),
        Fact::LeftAlone(_, Outcome::OtherMount) => "something mounted over it while this ran: run again",
        Fact::LeftAlone(_, Outcome::Withheld) => "see the other findings; with those solved, run again",
        Fact::LeftAlone(..) => "something else is changing the container: run again, and find out what it is",
        Fact::Stays(stays) => match stays.reason {
            Reason::MountPoint | Reason::OtherMount => {
                "name its mount point in [remove] mounts if you mean it, save it with [keep] paths, or mount something clean there"
            }
            _ => "the other names lie under another mount or outside the root: find them with `find -inum`",
        },
    };
    Some(text.to_owned())
}

/// What to do if a rule asks for something that must stay.
fn refusal(refusal: &Refusal) -> String {
    let keep = refusal.keep.as_deref().map(|paths| keep_paths(paths));
    let claim = match &refusal.reason {
        Reason::Protected(claim) => &**claim,
        _ => {
            return "if LD_LIBRARY_PATH leads to it, name it in [keep] paths; otherwise the program could not start before: install the library, or keep less".to_owned();
        }
    };
    match (claim, keep) {
        (Claim::Lithify, _) => "name what it removes by paths that do not meet lithify".to_owned(),
        (Claim::Library(_), _) => {
            "programs need shared libraries and the loader to start: name programs instead, or save it with [keep] paths"
                .to_owned()
        }
        (Claim::Runs(_, Certainty::Possible), _) => UNREADABLE.to_owned(),
        (Claim::Needed(Needed { by: For::Kept(_), .. }), Some(keep)) => format!("save it with {keep}, or keep less"),
        (Claim::Needed(Needed { by: For::Kept(_), .. }), None) => {
            "keep the program itself in place of the script that starts it; or keep the script's shell, too, which an intruder can then use".to_owned()
        }
        (Claim::Needed(Needed { by: For::App { script: false, .. }, .. }), Some(keep)) => {
            format!("save it in a profile: {keep}")
        }
        (Claim::Needed(Needed { by: For::Command { passes: false }, .. }), Some(keep)) => format!(
            "save it in a profile: {keep}; or, if the command is a script that only starts the app, add --after-start"
        ),
        (Claim::Needed(Needed { by: For::Command { .. } | For::App { .. }, .. }), Some(keep)) => format!(
            "start the app itself in place of its script (and name that by --app), or save what the script needs in a profile: {keep}"
        ),
        (Claim::Runs(..) | Claim::LeadsToProgram(_) | Claim::Needed(_), Some(keep)) => format!(
            "in a startupProbe add --wait-for-app; or save it with {keep}, harden when nothing of the app needs it any more, or name it in [remove] force"
        ),
        (Claim::Runs(..) | Claim::LeadsToProgram(_) | Claim::Needed(_), None) => {
            format!("in a startupProbe add --wait-for-app; {STAYS}")
        }
    }
}

/// Formats the paths for a profile.
fn keep_paths(paths: &[Vec<u8>]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| pattern_for(path)).collect();
    format!("[keep] paths = [{}]", quoted.join(", "))
}

/// What to do if the kernel refuses a step.
fn failed(failed: &Failed<'_>) -> String {
    let text = match failed.errno {
        Errno::EROFS => {
            "keep it read-only, and bake the removal into the image (RUN [\"/lithify\", \"harden\", ...]) \
             or stage a hardened copy of the directories in a volume that the app mounts read-only over them"
        }
        Errno::EACCES => {
            return format!(
                "run it as the owner (runAsUser: {}), or bake the removal into the image or stage a hardened copy in a volume",
                failed.directory.map_or(0, |(owner, _)| owner)
            );
        }
        Errno::EPERM => {
            "an immutable file (chattr -i), a sticky directory of another owner, a security module, or an id that this user namespace does not map"
        }
        Errno::EBUSY => "unmount it, or save it with [keep] paths",
        Errno::ENOTEMPTY => "run again; see the other findings for what stays",
        Errno::ENOSPC | Errno::EDQUOT => {
            "it takes 1 MiB once, however many names there are: make room, or use method = \"delete\""
        }
        _ => "see the kernel's reason",
    };
    text.to_owned()
}

fn unreadable(error: &RootError, command: Subcommand) -> Option<&'static str> {
    match error.errno() {
        Errno::EFBIG => Some(
            "no more than 1 GiB of a program is searched: keep it with [keep] paths if it is the app's, else delete it",
        ),
        Errno::ENAMETOOLONG => Some(
            "remove it: its directories are nested so deep that their paths exceed 16 KiB; only somebody who hides something needs that",
        ),
        _ if error.silent().is_some() => Some(super::silent::HINT),
        _ if command == Subcommand::Stage => {
            Some("this user may not read it: run the init container as root, or remove that file in the profile")
        }
        _ => None,
    }
}

/// What to do about a check that does not hold.
fn check(check: &Check) -> Option<String> {
    let text = match (&check.evidence, check.id) {
        (Evidence::Unreadable(_), CheckId::ReadOnly) => {
            "a path that is not there cannot be checked: correct it, or check its parent"
        }
        (Evidence::Writable { trial, in_image }, _) => {
            return match trial.result {
                Err(Errno::EACCES) if !in_image => {
                    let gid = trial.user.1;
                    Some(format!(
                        "set fsGroup: {gid} in the pod's securityContext, so that its volumes belong to that group"
                    ))
                }
                Err(Errno::EROFS | Errno::EACCES) => Some(volume(check)),
                _ => None,
            };
        }
        (Evidence::NotThere, CheckId::Writable | CheckId::WritableIfPresent) => return Some(volume(check)),
        (Evidence::Runs(_, Anomaly::Unreadable(_)), _) => {
            "it runs as another user, or changed its user itself: start the app as the user of this probe (runAsUser), or add the capability SYS_PTRACE to its container"
        }
        (Evidence::Unreadable(_), CheckId::DriftExecutables) => {
            "this user may not look there: run the probe as the app's user, without capabilities and with allowPrivilegeEscalation: false, or as root; or name it in [verify.mounts] writable if the app writes there"
        }
        (Evidence::Unsealed(problem), _) => super::seal::fix(problem),
        _ if check.status != Status::Fail => return None,
        (Evidence::State { expected, found: _, mounts }, _) => return Some(difference(*expected, mounts)),
        (Evidence::Hidden(_), _) => {
            "where the seal is made, leave this directory out: name it in [seal] exclude, or in [verify.mounts] writable if the app writes there"
        }
        (Evidence::ReadOnly { at_root: true, .. }, _) => {
            "set readOnlyRootFilesystem: true in the container's securityContext"
        }
        (Evidence::ReadOnly { .. }, _) => {
            "set readOnly: true on the volumeMount, or readOnlyRootFilesystem: true when no volume is mounted there"
        }
        (Evidence::ReadOnlyBelow { .. }, _) => {
            let point = super::checks::subject(&check.subject);
            return Some(format!(
                "set readOnly: true on its volumeMount, or add \"{point}\" to [verify.mounts] writable if the app needs it"
            ));
        }
        (Evidence::StagedWritable, _) => "set readOnly: true on its volumeMount",
        (Evidence::StagedWritableAt(_), _) => {
            "mount the staged volume writable in the init container that runs `lithify stage`, and nowhere else"
        }
        (
            _,
            CheckId::Remove
            | CheckId::Strip
            | CheckId::ReadOnly
            | CheckId::Writable
            | CheckId::WritableIfPresent
            | CheckId::Staged
            | CheckId::Absent
            | CheckId::Present
            | CheckId::Seal
            | CheckId::SealDigest,
        ) => return None,
        (_, id) => id.remedy(),
    };
    Some(text.to_owned())
}

/// How to see in what the files differ from those that `expected` states, where `mounts` were left out.
fn difference(expected: Digest, mounts: &[Canonical]) -> String {
    let only = if expected.scope == Scope::Executables { " --only executables" } else { "" };
    let mut text = format!(
        "to see what differs, add --out FILE to the `lithify seal{only} ...` that gave the digest, bring FILE here, and run `lithify verify --seal FILE` with the same profile"
    );
    if !mounts.is_empty() {
        let mounts: Vec<String> = mounts.iter().map(ToString::to_string).collect();
        text.push_str("; if the image has files or directories where these mounts are, name them in [seal] exclude and compute the digest again: ");
        text.push_str(&mounts.join(", "));
    }
    text
}

fn volume(check: &Check) -> String {
    match &check.subject {
        Subject::Path(path) => volume_at(path),
        _ => String::new(),
    }
}

/// A name for the volume at `path`, as a DNS label.
pub(super) fn volume_name(path: &str) -> String {
    let name: String = path
        .trim_matches('/')
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let name = name.get(name.len().saturating_sub(63)..).unwrap_or(&name).trim_matches('-');
    if name.is_empty() { "volume".to_owned() } else { name.to_owned() }
}

/// The two pieces of YAML that make a path writable.
fn volume_at(path: &[u8]) -> String {
    let name = volume_name(&String::from_utf8_lossy(path));
    format!(
        "add to the pod's volumes `- {{name: {name}, emptyDir: {{}}}}` and to the container's volumeMounts `- {{name: {name}, mountPath: {}}}`",
        escape(path)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_for_a_missing_volume() {
        let hint = volume_at(b"/usr/local/apache2/logs");
        assert!(hint.contains("{name: usr-local-apache2-logs, emptyDir: {}}"), "{hint}");
        assert!(hint.contains("mountPath: /usr/local/apache2/logs}"), "{hint}");
    }
}
