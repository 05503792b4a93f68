//! What `stage` has done, as text, which is valid YAML, or as JSON.

use std::fmt::Write;
use std::path::Path;

use nix::unistd::Uid;
use serde::Serialize;

use super::{Volume, reasons};
use crate::harden::plan::{self, Action};
use crate::root::Canonical;
use crate::text::escape::escape;
use crate::text::json_line::json_line;
use crate::volume::stage::{self, Staged};

/// How many paths a note names, unless `-v` asks for all.
const NAMED: usize = 5;

/// Everything that there is to say about a staged tree.
pub struct StageReport<'a> {
    /// The root as given, escaped.
    pub root: String,
    /// Names of the profiles that were combined.
    pub profiles: Vec<String>,
    /// Where the volume is mounted, as a path of the caller.
    pub to: &'a Path,
    /// The actions on names that the copy does not have as they are.
    pub left_out: Vec<Action>,
    /// Remarks.
    pub notes: Vec<StageNote>,
    /// The copy.
    pub staged: Staged,
}

/// One remark.
pub enum StageNote {
    /// A remark on these paths.
    Paths(Paths, Vec<Canonical>),
    /// This user could not look at this many places outside the staged directories.
    Unread(usize, Uid),
    /// The copy is not at a mount point.
    NoMountPoint,
    /// A remark that is in words already.
    Said(String),
    /// A remark on the plan.
    Plan(plan::Note),
}

/// What there is to say about paths.
#[derive(Clone, Copy)]
pub enum Paths {
    /// The profile removes them, but they are not in what is staged.
    Staying,
    /// Links to something that is no longer there.
    Dangling,
    /// `[strip]` would change them, but they are not in what is staged.
    NotStripped,
    /// The plan would replace them with tombstones.
    NoTombstone,
    /// They keep their login shells.
    LoginShells,
    /// Links that lead out of the staged directories.
    LinksOutside,
    /// Links that lead to another mount.
    LinksToOtherMounts,
    /// Files that a runtime mounts in each container.
    Mounted,
}

impl Paths {
    fn text(self) -> &'static str {
        match self {
            Self::Staying => {
                "the profile removes them, but they lie outside of the staged directories and stay in the app's own image; stage their directories, too, or `verify` finds them there"
            }
            Self::Dangling => "links outside of the staged directories, which will lead nowhere in the app's container",
            Self::NotStripped => {
                "[strip] would change them, but they lie outside of the staged directories and stay as they are in the app's own image"
            }
            Self::NoTombstone => "left out without a tombstone in their place: a copy has none",
            Self::LoginShells => "copied with its login shells: stage does not change content",
            Self::LinksOutside => "they lead out of the staged directories, and resolve in the app's own image",
            Self::Mounted => "empty in the copy: the runtime mounts its own there",
            Self::LinksToOtherMounts => "they lead to another mount, which the app's container needs at the same place",
        }
    }
}

impl StageReport<'_> {
    fn to(&self) -> String {
        escape(self.to.as_os_str().as_encoded_bytes())
    }

    fn notes(&self, volume: Volume) -> Vec<String> {
        let most = if volume.verbose { usize::MAX } else { NAMED };
        let text = |note: &StageNote| match note {
            StageNote::Paths(what, paths) => format!("{}: {}", some(paths, most), what.text()),
            StageNote::Unread(places, user) => {
                format!("{places} places outside of the staged directories could not be looked at as uid {user}")
            }
            StageNote::NoMountPoint => format!(
                "{} is not a mount point: write its path in the volume before each subPath; if it is not in a volume, the copy is lost with this container",
                self.to()
            ),
            StageNote::Said(text) => text.clone(),
            StageNote::Plan(note) => reasons::note(note),
        };
        self.notes.iter().map(text).collect()
    }

    fn mounts(&self) -> Vec<stage::Mount> {
        stage::mounts(&self.staged.directories, &stage::volume_name(self.to))
    }

    fn summary(&self) -> String {
        format!(
            "lithify stage {}: {} names, {} bytes are in {}/{}{}; {} names left out or changed",
            self.root,
            self.staged.names,
            self.staged.bytes,
            self.to().trim_end_matches('/'),
            stage::NAME,
            if self.staged.changed { "" } else { " already, and stay as they are" },
            self.left_out.len()
        )
    }

    /// Returns text that is valid YAML: what is not part of the pod spec is a comment.
    pub fn to_text(&self, further: &[String], volume: Volume) -> String {
        if volume.quiet {
            return String::new();
        }
        let mut out = String::new();
        for note in self.notes(volume).iter().chain(further) {
            let _ = writeln!(out, "# note: {note}");
        }
        if volume.verbose {
            for action in &self.left_out {
                let (verb, origin) = (action.verb.name(), &action.origin);
                let _ = writeln!(out, "# {verb} {} ({}: {})", escape(&action.path()), origin.profile, origin.rule);
            }
        }
        out.push_str("# For the app's container; no other container may mount this volume writable:\n");
        out.push_str(&stage::to_yaml(&self.mounts()));
        out.push_str("# For the app's profile, because a subPath that is missing is mounted as an empty directory:\n");
        let present = serde_json::to_string(&stage::present(&self.staged.directories)).unwrap_or_default();
        let _ = writeln!(out, "#   [verify.files]\n#   present = {present}\n# {}", self.summary());
        out
    }

    /// Returns one JSON object on one line.
    pub fn to_json(&self, further: &[String], volume: Volume) -> String {
        let left_out = self.left_out.iter().map(|action| LeftOut {
            action: action.verb.name(),
            path: escape(&action.path()),
            kind: action.stat.kind.name(),
            rule: &action.origin.rule,
            profile: &action.origin.profile,
        });
        let escaped = |paths: &[Canonical]| paths.iter().map(|path| escape(path)).collect();
        json_line(&Json {
            schema: 1,
            command: "stage",
            version: env!("CARGO_PKG_VERSION"),
            root: &self.root,
            to: &self.to(),
            profiles: &self.profiles,
            exit_code: 0,
            changed: self.staged.changed,
            names: self.staged.names,
            bytes: self.staged.bytes,
            left_out: left_out.collect(),
            volume_mounts: &self.mounts(),
            present: &stage::present(&self.staged.directories),
            links_outside: escaped(&self.staged.links.outside),
            links_to_other_mounts: escaped(&self.staged.links.other_mounts),
            notes: self.notes(volume).iter().chain(further).collect(),
        })
    }
}

fn some(paths: &[Canonical], most: usize) -> String {
    let named: Vec<String> = paths.iter().take(most).map(|path| escape(path)).collect();
    let more = paths.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    named.join(", ") + &more
}

#[derive(Serialize)]
struct LeftOut<'a> {
    action: &'a str,
    path: String,
    kind: &'a str,
    rule: &'a str,
    profile: &'a str,
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u8,
    command: &'a str,
    version: &'a str,
    root: &'a str,
    to: &'a str,
    profiles: &'a [String],
    exit_code: u8,
    changed: bool,
    names: u64,
    bytes: u64,
    left_out: Vec<LeftOut<'a>>,
    #[serde(rename = "volumeMounts")]
    volume_mounts: &'a [stage::Mount],
    present: &'a [String],
    links_outside: Vec<String>,
    links_to_other_mounts: Vec<String>,
    notes: Vec<&'a String>,
}
