//! Changes are carried out on the text, so that the comments, order and style of everything else stay. The new text is
//! read again and must equal, as data, the changed data of the old text; otherwise nothing is returned.

use std::collections::HashSet;

use super::change::{Changes, Path};
use super::edit::Edit;
use super::failure::{in_vain, unreadable};
use super::layout::Layout;
use super::node::Node;
use super::read::{Document, YamlError, read};
use super::splice;
use super::value::Value;

/// A text with its changes.
pub struct Changed {
    /// The text.
    pub text: String,
    /// The edits that made it.
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
        let layout = Layout::new(text, &document.root);
        for change in changes.list() {
            let new = find(&document.root, &change.path).and_then(|node| splice::edits(&layout, node, change));
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
    // Of two insertions at the same place, the inner one comes first.
    edits.sort_by_key(|(depth, edit)| (edit.range.start, std::cmp::Reverse(*depth)));
    let edits: Vec<Edit> = edits.into_iter().map(|(_, edit)| edit).collect();
    let mut out = String::with_capacity(text.len() + 4096);
    let mut done = 0;
    for edit in &edits {
        // Overlapping edits make a wrong text, which the comparison below refuses.
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
