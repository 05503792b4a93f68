//! Changes carried out on the text itself, so that comments, order and style of everything else stay. The result is read
//! again and must be, as data, what the changes make of the data: where it is not, nothing is returned.

use std::collections::HashSet;
use std::ops::Range;

use super::change::{Change, Changes, Operation, Path};
use super::emit::Form;
use super::failure::{in_vain, unreadable};
use super::node::{Content, Node};
use super::read::{Document, YamlError, read};
use super::value::Value;

/// These bytes become this text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// Bytes of the text as it was.
    pub range: Range<usize>,
    /// What stands there from now on.
    pub text: String,
}

/// A text with its changes.
pub struct Changed {
    /// The text.
    pub text: String,
    /// What it took.
    pub edits: Vec<Edit>,
    /// The text, read again.
    pub documents: Vec<Document>,
}

/// Carries out the changes of each document.
pub fn apply(text: &str, documents: &[Document], changes: &[Changes]) -> Result<Changed, YamlError> {
    let mut edits: Vec<(usize, Edit)> = Vec::new();
    let (mut known, mut intended) = (HashSet::new(), Vec::new());
    for (document, changes) in documents.iter().zip(changes) {
        let mut data = document.root.value();
        let splicer = Splicer { text, form: form(&document.root), newline: newline(text) };
        for change in changes.list() {
            let new = find(&document.root, &change.path).and_then(|node| splicer.edits(node, change));
            let (Some(new), Some(())) = (new, change.apply(&mut data)) else {
                return Err(in_vain(document, &change.path));
            };
            // Two containers that share a list by an anchor get the same entry by one edit.
            for edit in new {
                if known.insert(edit.clone()) {
                    edits.push((change.path.0.len(), edit));
                }
            }
        }
        intended.push(data);
    }
    // What ends at the same line: the inner one first.
    edits.sort_by_key(|(depth, edit)| (edit.range.start, std::cmp::Reverse(*depth)));
    let edits: Vec<Edit> = edits.into_iter().map(|(_, edit)| edit).collect();
    let mut out = String::with_capacity(text.len() + 4096);
    let mut done = 0;
    for edit in &edits {
        // Edits that overlap leave a text that is not what was intended; the comparison sees to that.
        out.push_str(text.get(done..edit.range.start).unwrap_or_default());
        out.push_str(&edit.text);
        done = done.max(edit.range.end);
    }
    out.push_str(text.get(done..).unwrap_or_default());

    let after = read(&out).map_err(|error| unreadable(&edits, &error))?;
    for (index, (document, intended)) in documents.iter().zip(&intended).enumerate() {
        let after = after.get(index).map_or_else(Value::null, |document| document.root.value());
        if after != *intended {
            return Err(in_vain(document, &Path::to_difference(&after, intended)));
        }
    }
    match documents.first() {
        Some(first) if after.len() != documents.len() => Err(in_vain(first, &Path::default())),
        _ => Ok(Changed { text: out, edits, documents: after }),
    }
}

fn find<'a>(root: &'a Node, path: &Path) -> Option<&'a Node> {
    path.way(root).into_iter().nth(path.0.len())
}

fn newline(text: &str) -> &'static str {
    if text.find('\n').is_some_and(|at| text.get(..at).unwrap_or_default().ends_with('\r')) { "\r\n" } else { "\n" }
}

/// As the document's own lists are.
fn form(root: &Node) -> Form {
    fn indent(node: &Node) -> Option<usize> {
        node.entries()
            .iter()
            .find_map(|entry| {
                let list = &entry.value;
                let first = list.items().first().filter(|_| !list.flow);
                // An item of a block list begins two columns after its dash.
                first
                    .map(|item| (item.column.saturating_sub(2)).saturating_sub(entry.column).min(2))
                    .or_else(|| indent(list))
            })
            .or_else(|| node.items().iter().find_map(indent))
    }
    Form { list_indent: indent(root).unwrap_or(2), json: root.flow }
}

pub(crate) struct Splicer<'a> {
    pub(crate) text: &'a str,
    pub(crate) form: Form,
    newline: &'static str,
}

impl Splicer<'_> {
    fn edits(&self, node: &Node, change: &Change) -> Option<Vec<Edit>> {
        let edit = match &change.operation {
            Operation::Items(items) => return self.items(node, items),
            Operation::Add { entries, .. } if node.flow => {
                let last = node.entries().iter().rfind(|entry| !entry.merged);
                let end = last.map(|entry| entry.value.range.end.max(entry.key_range.end));
                Some(inside_flow(node, end, &self.form.flow_entries(entries)))
            }
            Operation::Add { before, entries } => {
                let mut lines = Vec::new();
                let column = node.entries().first().filter(|first| !first.merged)?.column;
                self.form.entries(entries, column, &mut lines);
                let before = before.and_then(|key| node.entry(key)).filter(|entry| !entry.merged);
                match before.and_then(|entry| self.above(entry.key_range.start)) {
                    Some(at) => Some(self.lines(at, &lines)),
                    None => Some(self.lines(self.below(end_of(node)?, column), &lines)),
                }
            }
            Operation::Push(items) if node.flow => {
                let text = items.iter().map(|item| self.form.flow(item)).collect::<Vec<_>>().join(", ");
                Some(inside_flow(node, node.items().last().map(|item| item.range.end), &text))
            }
            Operation::Push(items) => {
                let mut lines = Vec::new();
                let (_, column) = self.dash(node.items().first()?)?;
                self.form.items(items, column, &mut lines);
                Some(self.lines(self.below(node.items().last()?.range.end, column), &lines))
            }
            Operation::Prepend(items) if node.flow => {
                let first = node.items().first()?.outer;
                let quote = Form { json: true, ..self.form };
                let text: String = items.iter().map(|item| quote.flow(item) + ", ").collect();
                Some(Edit { range: first..first, text })
            }
            Operation::Prepend(items) => {
                let first = node.items().first()?;
                let mut lines = Vec::new();
                let (dash, column) = self.dash(first)?;
                self.form.items(items, column, &mut lines);
                // The first dash may stand behind another one: its line is kept as it is.
                let between = format!("{}{:column$}", self.newline, "");
                let text = lines.iter().flat_map(|line| [line.trim_start(), between.as_str()]).collect();
                Some(Edit { range: dash..dash, text })
            }
            Operation::Set { key, new_key, value } => self.replace(node, key, new_key, value),
            Operation::Fill { key, value } => self.replace(node, key, key, value),
        };
        edit.map(|edit| vec![edit])
    }

    /// Another entry in the place of one.
    fn replace(&self, node: &Node, key: &str, new_key: &str, value: &Value) -> Option<Edit> {
        let entry = node.entry(key).filter(|entry| !entry.merged)?;
        let range = entry.key_range.start..entry.value.range.end.max(entry.key_range.end);
        let entries = [(new_key.to_owned(), value.clone())];
        if node.flow {
            return Some(Edit { range, text: self.form.flow_entries(&entries) });
        }
        let mut lines = Vec::new();
        self.form.entries(&entries, entry.column, &mut lines);
        Some(Edit { range, text: lines.join(self.newline).trim_start().to_owned() })
    }

    /// New lines at the start of a line, or at the end of a text that does not end its last one.
    pub(crate) fn lines(&self, at: usize, lines: &[String]) -> Edit {
        let mut text = lines.join(self.newline);
        if self.text.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('\n')) {
            text.push_str(self.newline);
        } else {
            text.insert_str(0, self.newline);
        }
        Edit { range: at..at, text }
    }

    /// The place of the dash in front of an item, and its column. Comments may stand between them.
    pub(crate) fn dash(&self, item: &Node) -> Option<(usize, usize)> {
        let mut before = self.text.get(..item.outer)?;
        loop {
            before = before.trim_end();
            let line = self.line_start(before.len());
            let (written, comment) = match before.get(line..)?.split_once('#') {
                Some((written, _)) => (written.trim_end(), true),
                None => (before.get(line..)?, false),
            };
            if let Some(indent) = written.strip_suffix('-') {
                return Some((line + indent.len(), indent.chars().count()));
            }
            if !comment || !written.is_empty() {
                return None;
            }
            before = before.get(..line)?;
        }
    }

    /// The start of the line of a key that is the first on its line, and of the comments right above it.
    fn above(&self, key: usize) -> Option<usize> {
        let mut start = self.line_start(key);
        let indent = self.text.get(start..key)?;
        if !indent.trim().is_empty() {
            return None;
        }
        while start > 0 {
            let previous = self.line_start(start - 1);
            if !self.text.get(previous..start)?.strip_prefix(indent).is_some_and(|line| line.starts_with('#')) {
                break;
            }
            start = previous;
        }
        Some(start)
    }

    /// The end of the line of `end`, and of comments below it that are indented as what ends there, unless another entry
    /// follows that they may belong to.
    fn below(&self, end: usize, column: usize) -> usize {
        let after = self.line_end(end);
        let mut at = after;
        while let Some(line) = self.text.get(at..self.line_end(at)).filter(|line| !line.is_empty()) {
            let content = line.trim_start();
            let indent = line.len() - content.len();
            if content.starts_with('#') && indent >= column {
                at = self.line_end(at);
            } else if !content.is_empty() && !content.starts_with('#') && indent >= column {
                return after;
            } else {
                break;
            }
        }
        at
    }

    pub(crate) fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
    }

    pub(crate) fn line_end(&self, at: usize) -> usize {
        self.text.get(at..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |newline| at + newline + 1)
    }
}

/// After the last entry, else behind the opening bracket.
fn inside_flow(node: &Node, last: Option<usize>, new: &str) -> Edit {
    if let Some(end) = last {
        return Edit { range: end..end, text: format!(", {new}") };
    }
    let open = node.range.start + 1;
    let text = if matches!(node.content, Content::Map(_)) { format!(" {new} ") } else { new.to_owned() };
    Edit { range: open..open, text }
}

/// The end of the last thing that is written in a mapping.
fn end_of(node: &Node) -> Option<usize> {
    node.entries()
        .iter()
        .filter(|entry| !entry.merged)
        .map(|entry| entry.value.range.end.max(entry.key_range.end))
        .max()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn changed(text: &str, change: impl FnOnce(&mut Changes)) -> Result<String, YamlError> {
        let documents = read(text).unwrap();
        let mut changes = Changes::default();
        change(&mut changes);
        apply(text, &documents, &[changes]).map(|changed| changed.text)
    }

    pub(crate) fn at(keys: &[&str]) -> Path {
        keys.iter().fold(Path::default(), |path, key| path.key(key))
    }

    pub(crate) fn item() -> Value {
        Value::braces([("name", Value::text("x"))])
    }

    #[test]
    fn keys_and_items_into_block_style() {
        let text = "spec:\n  # the app\n  list:\n    - name: a # first\n      # about a\n  # more\nlast: 1";
        let path = at(&["spec"]);
        let out = changed(text, |changes| {
            changes.add(&path, Some("list"), "init", Value::List(vec![item()], super::super::Style::Block));
            changes.push(&path.key("list"), item());
            changes.add(&path.key("list").index(0), None, "b", Value::number(2));
            changes.add(&Path::default(), None, "end", Value::map([("x", Value::yes())]));
        });
        let expected = "spec:\n  init:\n    - { name: x }\n  # the app\n  list:\n    - name: a # first\n      # about a\n      b: 2\n    - { name: x }\n  # more\nlast: 1\nend:\n  x: true";
        assert_eq!(out.unwrap(), expected);
    }

    #[test]
    fn lists_without_indentation_and_windows_line_ends() {
        let out = changed("a:\r\n- b: 1\r\n# c\r\nd: 2\r\n", |changes| {
            changes.push(&at(&["a"]), item());
            changes.add(&Path::default(), None, "e", Value::List(vec![item()], super::super::Style::Block));
        });
        assert_eq!(out.unwrap(), "a:\r\n- b: 1\r\n- { name: x }\r\n# c\r\nd: 2\r\ne:\r\n- { name: x }\r\n");
    }

    #[test]
    fn into_flow_style_and_json() {
        let out = changed("a: [b]\nc: {}\nd: []\ne: { f: 1 # g\n  }\n", |changes| {
            changes.push(&at(&["a"]), item());
            changes.add(&at(&["c"]), None, "x", Value::number(1));
            changes.push(&at(&["d"]), item());
            changes.add(&at(&["e"]), None, "h", Value::text("i"));
        });
        assert_eq!(out.unwrap(), "a: [b, { name: x }]\nc: { x: 1 }\nd: [{ name: x }]\ne: { f: 1, h: i # g\n  }\n");
        let out = changed("{\"a\": [\n  {\"b\": 1}\n]}\n", |changes| changes.push(&at(&["a"]), item())).unwrap();
        assert_eq!(out, "{\"a\": [\n  {\"b\": 1}, { \"name\": \"x\" }\n]}\n");
        serde_json::from_str::<serde_json::Value>(&out).unwrap();
    }

    #[test]
    fn commands_and_replaced_entries() {
        let words = || vec![Value::text("run"), Value::text("--")];
        let out = changed("c: [nginx, -g]\n", |changes| changes.prepend(&at(&["c"]), words()));
        assert_eq!(out.unwrap(), "c: [\"run\", \"--\", nginx, -g]\n");
        let out = changed("c:\n  # why\n  - nginx\n", |changes| changes.prepend(&at(&["c"]), words()));
        assert_eq!(out.unwrap(), "c:\n  # why\n  - run\n  - \"--\"\n  - nginx\n");
        let out = changed("p:\n  tcpSocket: # old\n    port: 1 # one\n  periodSeconds: 2\n", |changes| {
            changes.set(&at(&["p"]), "tcpSocket", "exec", Value::map([("command", Value::words(["x"]))]));
            changes.set(&at(&["p"]), "periodSeconds", "periodSeconds", Value::number(5));
        });
        assert_eq!(out.unwrap(), "p:\n  exec:\n    command: [\"x\"] # one\n  periodSeconds: 5\n");
    }

    #[test]
    fn what_is_null_is_filled() {
        let out = changed("a:\nb: 1\n", |changes| {
            changes.fill(&Path::default(), "a", Value::List(vec![item()], super::super::Style::Block));
        });
        assert_eq!(out.unwrap(), "a:\n  - { name: x }\nb: 1\n");
    }

    #[test]
    fn comments_between_the_dash_and_its_item() {
        let text = "a:\n- # mine - or\n  # more\n\n  name: x\n- - # in\n    y\n";
        let pushed = changed(text, |changes| changes.push(&at(&["a"]), item())).unwrap();
        assert_eq!(pushed, format!("{text}- {{ name: x }}\n"));
        let inner = changed(text, |changes| changes.push(&at(&["a"]).index(1), Value::text("z"))).unwrap();
        assert_eq!(inner, format!("{text}  - z\n"));
    }

    #[test]
    fn what_an_anchor_shares_is_refused_unless_all_get_the_same() {
        let shared = "one: &m\n  - a\ntwo: *m\n";
        let one = changed(shared, |changes| changes.push(&at(&["one"]), item())).unwrap_err();
        assert!(one.message.contains("anchor"), "{one:?}");
        assert_eq!(&shared[one.range], "&m");
        let both = changed(shared, |changes| {
            changes.push(&at(&["one"]), item());
            changes.push(&at(&["two"]), item());
        });
        assert_eq!(both.unwrap(), "one: &m\n  - a\n  - { name: x }\ntwo: *m\n");
    }
}
