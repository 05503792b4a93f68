//! What `diff` says: what has changed, who could have written it, and what a read-only root needs.

mod json;
mod volumes;

use std::fmt::Write;

use nix::unistd::Uid;

use super::{Exit, Volume as Amount, plural};
use crate::drift::{Change, Event, Sign, Writes};
use crate::recognise::accounts::{Id, accounts, groups};
use crate::root::{Canonical, Kind, Stat};
use crate::text::escape::escape;
use crate::verify;

/// How many directories the text names, and how many names of each, unless `-v` asks for all.
const DIRECTORIES: usize = 30;
const NAMES: usize = 10;

/// Since when something counts as changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The start of the container's first process.
    Start,
    /// This many seconds ago.
    Seconds,
}

/// Everything that there is to say.
pub struct DiffReport {
    /// The root as given, escaped.
    pub root: String,
    /// Since when something counts as changed.
    pub from: From,
    /// What has changed since that time.
    pub writes: Writes,
    /// passwd(5) and group(5) of the target.
    pub accounts: (Vec<u8>, Vec<u8>),
    /// Remarks.
    pub notes: Vec<DiffNote>,
}

/// One remark.
pub enum DiffNote {
    /// A remark on what was looked at.
    Verify(verify::Note),
    /// A remark that is in words already.
    Said(String),
    /// lithify has changed files in this layer before the container's first process started.
    Restarted,
}

impl DiffReport {
    /// The exit code: what has changed is no finding.
    pub fn exit(&self) -> Exit {
        if self.writes.changes.unreadable.is_empty() { Exit::Ok } else { Exit::Finding }
    }

    /// The termination message, the text and the JSON.
    pub fn write(&self, further: &[String], amount: Amount) -> (String, String, String) {
        let mut text = String::new();
        for error in &self.writes.changes.unreadable {
            let _ = writeln!(text, "UNVERIFIED diff {}: {error}", escape(error.path()));
        }
        let problems = text.len();
        if !amount.quiet {
            for note in self.notes().iter().chain(further) {
                let _ = writeln!(text, "note: {note}");
            }
            self.groups(&mut text, amount);
            volumes::write(&self.writes.volumes, &mut text);
        }
        let summary = self.summary();
        if !amount.quiet || problems > 0 {
            text.push_str(&summary);
        }
        let message = summary + text.get(..problems).unwrap_or_default();
        (super::cut_to_termination_message(message), text, json::write(self, further))
    }

    fn notes(&self) -> Vec<String> {
        let text = |note: &DiffNote| {
            match note {
            DiffNote::Verify(note) => super::checks::note(note),
            DiffNote::Said(text) => text.clone(),
            DiffNote::Restarted => "the container was started again in the same layer: what an earlier run wrote is older than this start, and not listed; --since SECONDS shows it".to_owned(),
        }
        };
        self.notes.iter().map(text).collect()
    }

    /// The changes, by directory.
    fn groups(&self, text: &mut String, amount: Amount) {
        let most = |limit: usize| if amount.verbose { usize::MAX } else { limit };
        let mut groups: Vec<(Canonical, Vec<&Change>)> = Vec::new();
        let mut more = 0;
        for change in &self.writes.changes.list {
            let directory = change.path.parent().unwrap_or_default();
            // The last ones first: changes of one directory mostly come together.
            let place = groups.iter().rposition(|(known, _)| *known == directory);
            let is_full = groups.len() >= most(DIRECTORIES);
            match place.and_then(|place| groups.get_mut(place)) {
                Some((_, list)) => list.push(change),
                None if is_full => more += 1,
                None => groups.push((directory, vec![change])),
            }
        }
        for (directory, list) in &groups {
            let _ = writeln!(text, "{directory}");
            for change in list.iter().take(most(NAMES)) {
                let _ = writeln!(text, "  {}: {}", escape(change.path.name()), self.described(change));
            }
            if let Some(rest) = list.len().checked_sub(most(NAMES)).filter(|rest| *rest > 0) {
                let _ = writeln!(text, "  and {rest} more; -v shows them");
            }
        }
        if more > 0 {
            let _ = writeln!(text, "and {more} more in other directories; -v shows them");
        }
    }

    fn described(&self, change: &Change) -> String {
        let what = match (change.event, change.sign) {
            (Event::Made, _) => "an empty directory, made or emptied",
            (Event::Emptied, _) => "a directory in which something was removed or renamed",
            (Event::Attributes, _) => "a directory that got another mode or owner, or was copied up (overlayfs)",
            (Event::Changed, Some(Sign::Mode)) => "EXECUTABLE file",
            (Event::Changed, Some(Sign::Elf)) => "EXECUTABLE content, a program or library",
            (Event::Changed, Some(Sign::Script)) => "EXECUTABLE content, a script",
            (Event::Changed, None) => change.stat.kind.name(),
        };
        let size = match change.stat.kind {
            Kind::File => format!(", {}", plural(usize::try_from(change.stat.size).unwrap_or(usize::MAX), "byte")),
            _ => String::new(),
        };
        let after = change.changed.since(self.writes.since.start).as_secs();
        let from = match self.from {
            From::Start => format!("{after} s after the start"),
            From::Seconds => format!("{after} s after that time"),
        };
        format!("{what}{size}, {from}, writable by {}", self.writers(&change.stat))
    }

    /// Who could have written the file, by its owner and mode.
    fn writers(&self, stat: &Stat) -> String {
        let mut text = user(&self.accounts.0, stat.uid);
        if stat.kind != Kind::Symlink && stat.mode & 0o020 != 0 {
            let _ = write!(text, ", group {}", group(&self.accounts.1, stat.gid));
        }
        if stat.kind != Kind::Symlink && stat.mode & 0o002 != 0 {
            text.push_str(", everybody");
        }
        text
    }

    fn summary(&self) -> String {
        let changes = &self.writes.changes.list;
        let since = match self.from {
            From::Start => "the container's start",
            From::Seconds => "that time",
        };
        let mut text = match changes.len() {
            0 => format!("nothing has changed since {since}"),
            count => format!("{} changed since {since}", plural(count, "name")),
        };
        let executables = changes.iter().filter(|change| change.sign.is_some()).count();
        if executables > 0 {
            let _ = write!(text, ", {}", plural(executables, "executable"));
        }
        if !self.writes.changes.unreadable.is_empty() {
            let _ = write!(
                text,
                ", {} could not be looked at as uid {}",
                self.writes.changes.unreadable.len(),
                Uid::effective()
            );
        }
        format!("lithify diff {}: {text}\n", self.root)
    }
}

/// The user's name, else the id.
fn user(passwd: &[u8], uid: u32) -> String {
    named(accounts(passwd).map(|account| (account.uid, account.name)), uid)
}

/// The group's name, else the id.
fn group(text: &[u8], gid: u32) -> String {
    named(groups(text).map(|group| (group.gid, group.name)), gid)
}

fn named<'a>(mut entries: impl Iterator<Item = (Id<'a>, &'a [u8])>, id: u32) -> String {
    let name = entries.find(|(known, _)| known.strictly() == Some(id)).map(|(_, name)| escape(name));
    name.unwrap_or_else(|| id.to_string())
}
