//! What `seal` says: the digest, or why there is none.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::{Exit, plural};
use crate::seal::{Change, Digest, Exclusion, FileType, Origin, Problem, Sealed, Sha256};
use crate::text::escape::escape;
use crate::text::json_line::json_line;

/// How many problems the text names. JSON has all of them.
const MOST: usize = 20;

/// A seal in words.
pub struct SealReport<'a> {
    root: String,
    sealed: &'a Sealed,
    silent: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    command: &'static str,
    version: &'static str,
    exit_code: u8,
    root: &'a str,
    digest: Option<String>,
    entries: u64,
    excluded: Vec<Excluded<'a>>,
    mounts: Vec<String>,
    unverified: Vec<Unverified>,
    notes: Vec<String>,
}

/// What was left out.
#[derive(Serialize)]
struct Excluded<'a> {
    path: String,
    by: &'static str,
    profile: Option<&'a str>,
}

#[derive(Serialize)]
struct Unverified {
    path: String,
    reason: String,
}

impl<'a> SealReport<'a> {
    /// The report of what was found out about `root`, a path of the caller. `silent` is the remark on mounts that do not
    /// answer.
    pub fn new(root: &Path, sealed: &'a Sealed, silent: Option<String>) -> Self {
        Self { root: escape(root.as_os_str().as_encoded_bytes()), sealed, silent }
    }

    /// The remarks, one on each line.
    pub fn notes(&self) -> String {
        self.remarks().fold(String::new(), |lines, note| lines + "note: " + &note + "\n")
    }

    fn remarks(&self) -> impl Iterator<Item = String> {
        self.sealed.exclusions.iter().filter_map(unmet).chain(self.silent.clone())
    }

    /// What `finish` prints if there is a digest. With `--out -` the manifest was printed, whose last line is the
    /// digest.
    pub fn success(&self, digest: Digest, manifest_printed: bool, further: &[String]) -> (String, String, String) {
        let text = if manifest_printed { String::new() } else { format!("{digest}\n") };
        (String::new(), text, if manifest_printed { String::new() } else { self.json(Some(digest), further) })
    }

    /// What `finish` prints if there is none.
    pub fn failure(&self, further: &[String]) -> (String, String, String) {
        let problems = &self.sealed.problems;
        let mut text = String::new();
        for problem in problems.iter().take(MOST) {
            let (path, reason) = parts(problem);
            let _ = writeln!(text, "UNVERIFIED seal {path}: {reason}\n  fix: {}", fix(problem));
        }
        if let Some(more) = problems.len().checked_sub(MOST).filter(|more| *more > 0) {
            let _ = writeln!(text, "... and {more} more: --format json lists all");
        }
        for note in further {
            let _ = writeln!(text, "note: {note}");
        }
        let summary = format!(
            "lithify seal {}: no digest, because {} could not be looked at\n",
            self.root,
            plural(problems.len(), "file")
        );
        (format!("{summary}{text}"), format!("{text}{summary}"), self.json(None, further))
    }

    fn json(&self, digest: Option<Digest>, further: &[String]) -> String {
        let Sealed { exclusions, mounts, entries, problems, .. } = self.sealed;
        let unverified = problems.iter().map(|problem| {
            let (path, reason) = parts(problem);
            Unverified { path, reason }
        });
        json_line(&Document {
            schema: 1,
            command: "seal",
            version: env!("CARGO_PKG_VERSION"),
            exit_code: if digest.is_some() { Exit::Ok } else { Exit::Finding }.code(),
            root: &self.root,
            digest: digest.map(|digest| digest.to_string()),
            entries: *entries,
            excluded: exclusions.iter().map(excluded).collect(),
            mounts: mounts.iter().map(|mount| escape(mount)).collect(),
            unverified: unverified.collect(),
            notes: self.remarks().chain(further.iter().cloned()).collect(),
        })
    }
}

/// The key of a profile that asks for an exclusion, and the profile.
fn excluded(exclusion: &Exclusion) -> Excluded<'_> {
    let (by, profile) = match &exclusion.origin {
        Origin::Always => ("always", None),
        Origin::Exclude(profile) => ("seal.exclude", Some(&**profile)),
        Origin::Writable(profile) => ("verify.mounts.writable", Some(&**profile)),
        Origin::WritableIfPresent(profile) => ("verify.mounts.writable_if_present", Some(&**profile)),
    };
    Excluded { path: escape(exclusion.text.as_bytes()), by, profile }
}

/// The remark on an exclusion that met nothing.
fn unmet(exclusion: &Exclusion) -> Option<String> {
    let key = match &exclusion.origin {
        _ if !exclusion.is_unmet() => return None,
        Origin::Exclude(_) => "[seal] exclude",
        _ => "[verify.mounts] writable",
    };
    Some(format!("{key} {}: nothing is there to leave out", escape(exclusion.text.as_bytes())))
}

/// How a file differs from what a seal states.
pub(super) fn change(change: &Change) -> String {
    match change {
        Change::Added { kind: FileType::Link, .. } => "is new: a link".to_owned(),
        Change::Added { kind, mode } => format!("is new: {}, mode {mode:04o}", kind.name()),
        Change::Removed { kind } => format!("is gone: {}", kind.name()),
        Change::Kind { old, new } => format!("is a {} now, and was a {}", new.name(), old.name()),
        Change::Content { old, new } => {
            format!("has other content: {}, not {}", content(new), content(old))
        }
        Change::Mode { old, new } => format!("has mode {new:04o}, not {old:04o}"),
        Change::Owner { old, new } => format!("belongs to {}:{}, not {}:{}", new.0, new.1, old.0, old.1),
        Change::Link { old, new } => format!("leads to {}, not {}", escape(new), escape(old)),
        Change::Capability { old, new } => format!("has {}, not {}", capability(new), capability(old)),
        Change::Device { old, new } => format!("is device {},{}, not {},{}", new.0, new.1, old.0, old.1),
    }
}

fn content((size, sha256): &(u64, Option<Sha256>)) -> String {
    let begin = sha256.iter().flatten().take(6).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{size} bytes, sha256 {begin}...")
}

fn capability(value: &[u8]) -> String {
    let hex = value.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    if hex.is_empty() { "no file capabilities".to_owned() } else { format!("file capabilities {hex}") }
}

/// The path, and why it is not known what is there.
pub(super) fn parts(problem: &Problem) -> (String, String) {
    match problem {
        Problem::Unreadable(error) => (escape(error.path()), error.to_string()),
        Problem::Changed(path) => (path.to_string(), "changed while it was read".to_owned()),
        Problem::TooLarge { path, size, limit } => {
            (path.to_string(), format!("{size} bytes are more than --max-file-size allows ({limit})"))
        }
    }
}

/// What to do about it.
pub(super) fn fix(problem: &Problem) -> &'static str {
    match problem {
        Problem::Unreadable(error) => match error.failure() {
            crate::root::Failure::Os { errno: nix::errno::Errno::EACCES | nix::errno::Errno::EPERM, .. } => {
                "run lithify as root or as the owner, or leave the path out with [seal] exclude"
            }
            crate::root::Failure::Late => "raise --deadline and the probe's timeoutSeconds, or seal --only executables",
            _ => "see why it cannot be read, or leave the path out with [seal] exclude",
        },
        Problem::Changed(_) => {
            "what the app writes is no part of the seal: mount a volume there, or leave it out with [seal] exclude"
        }
        Problem::TooLarge { .. } => "raise --max-file-size, or leave the file out with [seal] exclude",
    }
}
