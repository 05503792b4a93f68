//! `--add`: a run joins an earlier profile. What is new comes in, what both have says so, and everything else, comments
//! and order and a person's own keys, stays as it is.
//!
//! A limit is never drawn tighter: a limit that the earlier profile does not have would not count what its runs
//! needed. One that does not hold for this run becomes a comment, if `learn` wrote it.

use std::fmt::Write;
use std::ops::Range;

use super::LearnReport;
use super::draft::{Item, Key, Table, Value, tables};
use super::earlier::Earlier;
use super::edits::Edits;
use crate::profile::place::{Place, place};
use crate::profile::{Profile, Rule, load_as, quote};
use crate::root::InRoot;
use crate::text::escape::escape;

/// Keys that forbid what they do not list.
const LIMITS: [&str; 7] = ["libraries", "user", "group", "capabilities", "write", "execute", "mode"];

/// Why nothing was joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The new text would not say what both say.
    #[error("{file}: this run cannot be joined to it without losing something: {reason}")]
    Lost {
        /// The file, escaped.
        file: String,
        /// What is wrong with the new text.
        reason: String,
    },
}

impl LearnReport {
    /// The earlier profile with what this run has shown. Joining the same run again changes nothing. Fails if the new
    /// text would lose something.
    pub fn joined(&self, earlier: &Earlier) -> Result<String, JoinError> {
        let mut tables = tables(&self.learned);
        let digest = self.digest(&tables);
        let text = &earlier.text;
        let run_line = |line: &&str| line.starts_with("# run ");
        if text.lines().filter(run_line).any(|line| line.contains(&digest)) {
            return Ok(text.clone());
        }
        let numbers = text.lines().filter(run_line).filter_map(|line| line.split(' ').nth(2)?.parse::<usize>().ok());
        let run = numbers.max().unwrap_or(0) + 1;
        part(&mut tables, &earlier.profile);
        let mut joining = Joining { earlier, run, edits: Edits::of(text), further: String::new() };
        joining.edits.insert(behind_runs(text), self.run(run, &digest));
        for table in &tables {
            joining.table(table);
        }
        self.join_likely(&tables, &mut joining);
        let Joining { mut edits, further, .. } = joining;
        if !further.is_empty() {
            let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
            edits.insert(text.len(), format!("{end}{further}"));
        }
        let new = edits.make();
        let lost = |reason| JoinError::Lost { file: escape(earlier.path.as_os_str().as_encoded_bytes()), reason };
        let profile = load_as(&earlier.path, &new).map_err(|error| lost(error.to_string()))?;
        match missing(&earlier.profile, &profile, &tables) {
            None => Ok(new),
            Some(entry) => Err(lost(format!("{} would be missing", escape(entry.as_bytes())))),
        }
    }

    /// Adds what may be needed and is not named yet, and takes out what this run has started.
    fn join_likely(&self, tables: &[Table], joining: &mut Joining<'_>) {
        let Earlier { text, profile, .. } = joining.earlier;
        let is_line = |line: &str| line.starts_with("#   \"") && line.contains("\", # ");
        let entry =
            |line: &str| line.strip_prefix("#   ").and_then(|line| line.split(", # ").next()).map(str::to_owned);
        let only = tables.iter().flat_map(|table| &table.keys).find(|key| key.name == "only");
        let started: Vec<String> = match only.map(|key| &key.value) {
            Some(Value::List(items)) => items.iter().filter_map(|item| Some(quote(item.text.as_ref().ok()?))).collect(),
            _ => Vec::new(),
        };
        let (mut at, mut last, mut known) = (0, None, Vec::new());
        for line in text.split_inclusive('\n') {
            let end = at + line.len();
            if is_line(line) {
                let named = entry(line);
                if named.as_ref().is_some_and(|named| started.contains(named)) {
                    joining.edits.replace(at..end, String::new());
                }
                known.extend(named);
                last = Some(end);
            }
            at = end;
        }
        known.extend(profile.only.iter().filter_map(|rule| match &rule.value {
            crate::profile::Selector::Path(pattern) => Some(quote(pattern.as_str())),
            _ => None,
        }));
        let mut new = String::new();
        self.write_likely(&mut new, &mut |line| entry(line).is_some_and(|entry| !known.contains(&entry)));
        match last {
            Some(last) if !new.is_empty() => {
                // The block is there: its lines alone.
                let lines = new.lines().filter(|line| is_line(line)).fold(String::new(), |all, line| all + line + "\n");
                joining.edits.insert(last, lines);
            }
            _ => joining.further.push_str(&new),
        }
    }
}

/// Where the lines about the runs end; the start of the text if there are none.
fn behind_runs(text: &str) -> usize {
    let (mut at, mut end, mut within) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        at += line.len();
        within = line.starts_with("# run ") || within && line.starts_with("#   ");
        if within && line.ends_with('\n') {
            end = at;
        }
    }
    end
}

/// Leaves out `execute` where something would be both writable and executable.
fn part(tables: &mut [Table], earlier: &Profile) {
    let list = |name: &str, tables: &[Table]| -> Vec<String> {
        let keys = tables.iter().filter(|table| table.name == "confine").flat_map(|table| &table.keys);
        let values = keys.filter(|key| key.name == name).filter_map(|key| match &key.value {
            Value::List(items) => Some(items.iter().filter_map(|item| item.text.clone().ok())),
            _ => None,
        });
        values.flatten().collect()
    };
    let of = |said: &Option<Vec<crate::profile::Sourced<String>>>| -> Vec<String> {
        said.iter().flatten().map(|said| said.value.clone()).collect()
    };
    let (mut write, mut execute) = (list("write", tables), list("execute", tables));
    write.extend(of(&earlier.confine.write));
    execute.extend(of(&earlier.confine.execute));
    let both = |path: &&String| execute.iter().any(|other| InRoot(path.as_bytes()).overlaps(other.as_bytes()));
    let Some(both) = write.iter().find(both) else { return };
    let why =
        format!("left out: {} is written to, and nothing may be both writable and executable", escape(both.as_bytes()));
    for key in tables.iter_mut().flat_map(|table| &mut table.keys).filter(|key| key.name == "execute") {
        key.value = Value::Remark(why.clone());
    }
}

struct Joining<'a> {
    earlier: &'a Earlier,
    /// The number of this run.
    run: usize,
    edits: Edits<'a>,
    /// What comes at the end of the text.
    further: String,
}

impl Joining<'_> {
    fn table(&mut self, table: &Table) {
        let text = &self.earlier.text;
        let mut new = String::new();
        for key in &table.keys {
            match place(text, table.name, key.name) {
                Place::Value { span, items } => self.value(key, &span, &items),
                Place::NoKey { after } if self.comes_in(key) => {
                    let mut lines = String::new();
                    key.write(&mut lines, self.run);
                    self.edits.insert(after, lines);
                }
                Place::NoTable if self.comes_in(key) => key.write(&mut new, self.run),
                // `Earlier::load` has refused the rest.
                Place::NoKey { .. } | Place::NoTable | Place::Unusual(_) => {}
            }
        }
        if !new.is_empty() {
            let _ = write!(self.further, "\n[{}]\n{new}", table.name);
        }
    }

    /// Whether a key that the earlier profile does not have is added.
    fn comes_in(&self, key: &Key) -> bool {
        let known = format!("# {}: ", key.name);
        match &key.value {
            Value::Remark(_) => !self.earlier.text.lines().any(|line| line.starts_with(&known)),
            Value::List(_) | Value::Scalar(..) => !LIMITS.contains(&key.name),
        }
    }

    /// Joins a key that both have.
    fn value(&mut self, key: &Key, span: &Range<usize>, items: &[(String, Range<usize>)]) {
        let text = &self.earlier.text;
        let written = text.get(span.start..self.edits.line(span.end).end).unwrap_or_default();
        let ours = written.contains("; run");
        match &key.value {
            Value::List(new) => self.list(new, span, items),
            Value::Remark(why) if ours && LIMITS.contains(&key.name) => {
                self.edits.comment_out(span.clone(), &format!("# {}: {why}; run {}", key.name, self.run));
            }
            Value::Remark(why) if items.is_empty() => self.mark(span.end, why),
            Value::Remark(why) => {
                let at = self.edits.line(span.start).start;
                self.edits.insert(at, format!("# {}: {why}; run {}\n", key.name, self.run));
            }
            Value::Scalar(value, why) if text.get(span.clone()) == Some(value) => self.mark(span.end, why),
            Value::Scalar(value, _) => {
                let other = text.get(span.clone()).unwrap_or_default();
                if ours && matches!(key.name, "user" | "group") {
                    self.edits.replace(span.clone(), quote("non-root"));
                    let why = if other == quote("non-root") {
                        format!("{value} was seen")
                    } else {
                        format!("{other} and {value} were seen")
                    };
                    self.mark(span.end, &why);
                } else {
                    self.mark(span.end, &format!("{value} was seen"));
                }
            }
        }
    }

    /// Adds the entries that are new, and marks those that both have.
    fn list(&mut self, new: &[Item], span: &Range<usize>, items: &[(String, Range<usize>)]) {
        let text = &self.earlier.text;
        let mut lines = String::new();
        for item in new {
            let known = match &item.text {
                Ok(value) => items.iter().find(|(known, _)| known == value).map(|(_, span)| span.end),
                Err(bytes) => text.find(&format!("cannot stand here: {}: ", escape(bytes))),
            };
            match (known, &item.text) {
                (Some(end), Ok(_)) => self.mark(end, &item.why),
                (Some(_), Err(_)) => {}
                (None, _) => item.write(&mut lines, self.run),
            }
        }
        if lines.is_empty() {
            return;
        }
        // The last entry may have no comma.
        if let Some((_, last)) = items.last() {
            let rest = text.get(last.end..span.end).unwrap_or_default();
            let code = rest.lines().map(|line| line.split('#').next().unwrap_or_default());
            if !code.into_iter().any(|code| code.contains(',')) {
                self.edits.insert(last.end, ",".to_owned());
            }
        }
        let end = span.end - 1;
        let line = self.edits.line(end).start;
        if line > span.start && text.get(line..end).is_some_and(|before| before.trim().is_empty()) {
            self.edits.insert(line, lines);
        } else {
            self.edits.insert(end, format!("\n{lines}"));
        }
    }

    /// Says in the comment behind an entry or a value that this run has shown it, too, and for what. An entry that has
    /// another one on its line gets no comment.
    fn mark(&mut self, end: usize, why: &str) {
        let text = &self.earlier.text;
        let line = self.edits.line(end).end;
        let rest = text.get(end..line).unwrap_or_default();
        let behind = rest.trim_start();
        let behind = behind.strip_prefix(',').unwrap_or(behind).trim_start();
        let run = self.run;
        if behind.is_empty() {
            self.edits.insert(line, format!(" # {why}; run {run}"));
            return;
        }
        if !behind.starts_with('#') {
            return;
        }
        let start = line - behind.len();
        let comment = match behind.rsplit_once("; run") {
            Some((before, runs)) if before.ends_with(why) && is_list(runs) => {
                format!("{before}; runs {}, {run}", runs.trim_start_matches('s').trim())
            }
            _ => format!("{}; {why}; run {run}", behind.trim_end()),
        };
        self.edits.replace(start..line, comment);
    }
}

/// Whether this is what stands behind `run` in a comment: ` 1`, or `s 1, 2`.
fn is_list(text: &str) -> bool {
    let numbers = text.strip_prefix('s').unwrap_or(text);
    !numbers.trim().is_empty() && numbers.bytes().all(|byte| byte.is_ascii_digit() || b", ".contains(&byte))
}

/// An entry of the earlier profile or of this run that the new one does not have.
fn missing(earlier: &Profile, new: &Profile, tables: &[Table]) -> Option<String> {
    let rules = |profile: &Profile| -> Vec<String> {
        let rules = profile.only.iter().chain(&profile.keep).chain(&profile.remove);
        let of_rules = rules.map(|rule: &Rule| rule.value.to_string());
        let verify = &profile.verify;
        let paths = verify.writable.iter().chain(&verify.writable_if_present).map(|said| said.value.clone());
        of_rules.chain(paths).collect()
    };
    let now = rules(new);
    let lost = rules(earlier).into_iter().find(|entry| !now.contains(entry));
    let kept = |entry: &String| {
        new.only.iter().chain(&new.keep).any(|rule| match &rule.value {
            crate::profile::Selector::Path(pattern) => pattern.as_str() == entry,
            _ => false,
        })
    };
    lost.or_else(|| {
        let keep = tables.iter().filter(|table| table.name == "keep").flat_map(Table::items);
        keep.filter_map(|item| item.text.clone().ok()).find(|entry| !kept(entry))
    })
}
