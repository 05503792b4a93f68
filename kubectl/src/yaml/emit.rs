//! Writes new parts of a document, in the style of our examples.

use std::fmt::Write;

use super::value::{Style, Value, is_literal};

/// How a document is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// How far a list is indented below its key: 0 or 2.
    pub(crate) list_indent: usize,
    /// Whether the document is JSON: every string is quoted.
    pub(crate) json: bool,
}

impl Form {
    /// The entries of a mapping, one or more lines each.
    pub(crate) fn entries(self, entries: &[(String, Value)], column: usize, lines: &mut Vec<String>) {
        for (key, value) in entries {
            let start = format!("{:column$}{}:", "", scalar(key));
            match value {
                Value::Map(inner, Style::Block) if !inner.is_empty() => {
                    lines.push(start);
                    self.entries(inner, column + 2, lines);
                }
                Value::List(items, Style::Block) if !items.is_empty() => {
                    lines.push(start);
                    self.items(items, column + self.list_indent, lines);
                }
                _ => lines.push(format!("{start} {}", self.flow(value))),
            }
        }
    }

    /// The items of a list.
    pub(crate) fn items(self, items: &[Value], column: usize, lines: &mut Vec<String>) {
        for item in items {
            let start = format!("{:column$}- ", "");
            match item {
                Value::Map(inner, Style::Block) if !inner.is_empty() => {
                    let first = lines.len();
                    self.entries(inner, column + 2, lines);
                    if let Some(line) = lines.get_mut(first) {
                        *line = format!("{start}{}", line.trim_start());
                    }
                }
                _ => lines.push(format!("{start}{}", self.flow(item))),
            }
        }
    }

    /// A value on one line.
    pub(crate) fn flow(self, value: &Value) -> String {
        match value {
            Value::Text(text) if self.json => quoted(text),
            Value::Text(text) => scalar(text),
            Value::Literal(_) if self.json && value.is_null() => "null".to_owned(),
            Value::Literal(text) => text.clone(),
            Value::List(items, style) => {
                let quote = Self { json: self.json || *style == Style::Words, ..self };
                let items: Vec<String> = items.iter().map(|item| quote.flow(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(entries, _) if entries.is_empty() => "{}".to_owned(),
            Value::Map(entries, _) => format!("{{ {} }}", self.flow_entries(entries)),
        }
    }

    /// The entries of a mapping without its braces.
    pub(crate) fn flow_entries(self, entries: &[(String, Value)]) -> String {
        let entry = |(key, value): &(String, Value)| {
            let key = if self.json { quoted(key) } else { scalar(key) };
            format!("{key}: {}", self.flow(value))
        };
        entries.iter().map(entry).collect::<Vec<_>>().join(", ")
    }
}

/// A string, without quotes if no reader can take that for another type.
fn scalar(text: &str) -> String {
    let plain = text
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'_' | b'-' | b'+' | b':' | b'@' | b'<'))
        && text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == b'/')
        && !text.ends_with(':')
        && !is_literal(text);
    if plain { text.to_owned() } else { quoted(text) }
}

/// A string in quotes as in JSON. YAML wants some more characters escaped (YAML 1.2.2, production 1).
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in serde_json::to_string(text).unwrap_or_default().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use proptest::prelude::*;

    const FORM: Form = Form { list_indent: 2, json: false };

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![".{0,8}".prop_map(Value::Text), (0u64..99).prop_map(Value::number), Just(Value::yes())];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let style = || prop_oneof![Just(Style::Block), Just(Style::Flow), Just(Style::Words)];
            prop_oneof![
                (prop::collection::vec(inner.clone(), 0..4), style())
                    .prop_map(|(items, style)| Value::List(items, style)),
                (prop::collection::btree_map("[a-z~/ :#]{1,6}", inner, 0..4), style())
                    .prop_map(|(entries, style)| Value::Map(entries.into_iter().collect(), style)),
            ]
        })
    }

    #[test]
    fn as_in_the_examples() {
        let container = Value::map([
            ("name", Value::text("lithify")),
            ("image", Value::text("ghcr.io/lithify/lithify:0.1.0")),
            ("args", Value::words(["install", "/lithify"])),
            (
                "securityContext",
                Value::map([(
                    "capabilities",
                    Value::braces([("drop", Value::List(vec![Value::text("ALL")], Style::Flow))]),
                )]),
            ),
            (
                "volumeMounts",
                Value::List(
                    vec![Value::braces([("name", Value::text("lithify")), ("readOnly", Value::yes())])],
                    Style::Block,
                ),
            ),
        ]);
        let mut lines = Vec::new();
        FORM.items(&[container], 4, &mut lines);
        let expected = "    - name: lithify
      image: ghcr.io/lithify/lithify:0.1.0
      args: [\"install\", \"/lithify\"]
      securityContext:
        capabilities: { drop: [ALL] }
      volumeMounts:
        - { name: lithify, readOnly: true }";
        assert_eq!(lines.join("\n"), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in tree(), list_indent in prop_oneof![Just(0usize), Just(2)], json: bool) {
            let form = Form { list_indent, json };
            let text = form.flow(&value);
            prop_assert_eq!(&read(&text).unwrap()[0].root.value(), &value, "{}", text);
            let mut lines = Vec::new();
            form.entries(&[("key".to_owned(), value.clone())], 0, &mut lines);
            let text = lines.join("\n");
            prop_assert_eq!(read(&text).unwrap()[0].root.get("key").map_or(Value::Literal(String::new()), super::super::Node::value), value, "{}", text);
        }
    }
}
