//! What `learn` says: the profile, and a summary for people.

mod draft;
mod earlier;
mod edits;
mod event;
mod gap;
mod join;
mod json;
mod reasons;

use std::fmt::Write;

use super::{Exit, Volume as Amount, plural};
use crate::learn::{Learned, Likely, Written};
use crate::profile::quote;
use crate::root::pattern::literal;
use crate::text::escape::escape;
use draft::{Item, Key, Table, Value, tables};
pub use earlier::Earlier;
pub use event::line as event_line;
pub use join::JoinError;

/// How a profile begins. The kubectl plugin finds it by this in a log.
pub const PROFILE_BEGINS: &str = "# Written by `lithify learn`";

/// What stands in the last line, if the profile is written.
pub const PROFILE_IS_IN: &str = "; the profile is in ";

/// Everything that there is to say.
pub struct LearnReport {
    /// The root as given, escaped.
    pub root: String,
    /// What the profile says.
    pub learned: Learned,
}

impl LearnReport {
    /// The profile, as TOML.
    pub fn profile(&self) -> String {
        let tables = tables(&self.learned);
        let run = self.run(1, &self.digest(&tables));
        let mut text = PROFILE_BEGINS.to_owned();
        text.push_str(": what an app was seen to start, load and write. What was not exercised is not in it.\n");
        text.push_str(&run);
        let _ = write!(text, "schema = 1\nname = {}\n", quote(&self.name()));
        for table in &tables {
            let _ = write!(text, "\n[{}]\n", table.name);
            for key in &table.keys {
                key.write(&mut text, 1);
            }
        }
        self.write_likely(&mut text, &mut |_| true);
        text
    }

    /// Writes those of the programs that may be needed of which `fresh` holds, as lines that can be moved to `only`.
    fn write_likely(&self, text: &mut String, fresh: &mut dyn FnMut(&str) -> bool) {
        let before = text.len();
        text.push_str(
            "\n# Not seen, and may be needed. To keep one, move its line up to [keep] only, without the #.\n",
        );
        let head = text.len();
        for Likely { path, named_in, by_system } in &self.learned.likely {
            // What is not UTF-8 no line can name.
            let Ok(glob) = String::from_utf8(literal(path)) else { continue };
            let why = if *by_system { "system(3) or popen(3) starts it, which is called by" } else { "named in" };
            let line = format!("#   {}, # {why} {}", quote(&glob), reasons::some(named_in));
            if fresh(&line) {
                let _ = writeln!(text, "{line}");
            }
        }
        if text.len() == head {
            text.truncate(before);
        }
    }

    /// The name of the profile: that of the app's program.
    fn name(&self) -> String {
        let name = self.learned.app_name().and_then(|name| std::str::from_utf8(name).ok());
        match name.filter(|name| !name.chars().any(char::is_control)) {
            Some(name) => format!("learned-{name}"),
            None => "learned".to_owned(),
        }
    }

    /// A digest of what this run has shown: by it two runs are the same.
    fn digest(&self, tables: &[Table]) -> String {
        let mut body = self.command();
        for key in tables.iter().flat_map(|table| &table.keys) {
            key.write(&mut body, 1);
        }
        self.write_likely(&mut body, &mut |_| true);
        format!("({:016x})", fnv(&body))
    }

    /// The lines about this run, whose number in the profile is `number`.
    fn run(&self, number: usize, digest: &str) -> String {
        let Learned { ports, gaps, .. } = &self.learned;
        let mut text = format!("# run {number} {digest}: {}\n", self.command());
        if let Some(ports) = reasons::ports(ports) {
            let _ = writeln!(text, "#   it listened on {ports}");
        }
        for gap in gaps {
            let _ = writeln!(text, "#   not seen: {}", gap::text(gap));
        }
        text
    }

    /// The command that was started.
    fn command(&self) -> String {
        let words: Vec<String> = self.learned.command.iter().map(|word| escape(word)).collect();
        if words.is_empty() { "an app that ran already".to_owned() } else { words.join(" ") }
    }

    /// The exit code: what could not be seen is no finding.
    pub fn exit(&self) -> Exit {
        Exit::Ok
    }

    /// What people read: what could not be seen, with what helps, and one summary line. `to` says where the profile
    /// went.
    pub fn summary(&self, to: &str, amount: Amount) -> String {
        let mut text = String::new();
        let Learned { only, paths, libraries, writable, gaps, .. } = &self.learned;
        for gap in gaps {
            let _ = writeln!(text, "note: {}\n  fix: {}", gap::text(gap), gap::advice(gap));
        }
        unnamed(&tables(&self.learned), &mut |what, fix| {
            let _ = writeln!(text, "note: {what}\n  fix: {fix}");
        });
        if amount.quiet {
            return text;
        }
        let places = writable.iter().flatten().filter(|place| place.written != Written::Temporary);
        let writable = places.count();
        let directories =
            if writable == 1 { "1 writable directory" } else { &format!("{writable} writable directories") };
        let _ = writeln!(
            text,
            "lithify learn {}: {}, {} ({} by name), {directories}{PROFILE_IS_IN}{to}",
            self.root,
            plural(only.len(), "program"),
            if *libraries == 1 { "1 library".to_owned() } else { format!("{libraries} libraries") },
            paths.len(),
        );
        text
    }
}

/// Calls `each` with what the profile cannot name, and what helps.
fn unnamed(tables: &[Table], each: &mut dyn FnMut(String, &'static str)) {
    for item in tables.iter().flat_map(Table::items) {
        if let Err(path) = &item.text {
            let text =
                format!("{} is not UTF-8, so the profile cannot name it, and an allow-list takes it", escape(path));
            each(text, "give the file another name, or list its directory in [keep] paths");
        }
    }
}

impl Table {
    fn items(&self) -> impl Iterator<Item = &Item> {
        self.keys.iter().flat_map(|key| if let Value::List(items) = &key.value { items.as_slice() } else { &[] })
    }
}

impl Key {
    /// Writes the key; what was seen belongs to the run of this number.
    fn write(&self, text: &mut String, run: usize) {
        let name = self.name;
        let _ = match &self.value {
            Value::Remark(why) => writeln!(text, "# {name}: {why}; run {run}"),
            Value::Scalar(value, why) => writeln!(text, "{name} = {value} # {why}; run {run}"),
            Value::List(items) if items.is_empty() => writeln!(text, "{name} = []"),
            Value::List(items) => {
                let _ = writeln!(text, "{name} = [");
                for item in items {
                    item.write(text, run);
                }
                writeln!(text, "]")
            }
        };
    }
}

impl Item {
    /// Writes the line of the entry.
    fn write(&self, text: &mut String, run: usize) {
        let why = &self.why;
        let _ = match &self.text {
            Ok(value) => writeln!(text, "  {}, # {why}; run {run}", quote(value)),
            Err(bytes) => writeln!(text, "  # not UTF-8, so it cannot stand here: {}: {why}; run {run}", escape(bytes)),
        };
    }
}

/// The 64-bit hash FNV-1a.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
