//! A document as it is written: its data with the place of each part.

use std::ops::Range;

use super::value::{Style, Value};

/// One value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    pub content: Content,
    /// Its bytes, without anchor, tag and comments. A block collection goes from its first entry to the end of its
    /// last.
    pub range: Range<usize>,
    /// Where its anchor or tag begins.
    pub(crate) outer: usize,
    /// Column of its first character, from 0.
    pub(crate) column: usize,
    /// Whether it is written in braces or brackets.
    pub(crate) flow: bool,
    /// How many nodes it holds. An alias counts as the nodes that it stands for.
    pub(crate) weight: usize,
}

/// The content of a node.
#[derive(Clone, Debug)]
pub enum Content {
    /// A string or literal.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    /// The bytes of the key.
    pub key_range: Range<usize>,
    /// Its column, from 0.
    pub(crate) column: usize,
    pub value: Node,
    /// Whether it comes from another mapping, by a merge key (`<<`).
    pub(crate) merged: bool,
}

impl Node {
    /// The data of the node.
    pub fn value(&self) -> Value {
        let style = if self.flow { Style::Flow } else { Style::Block };
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::List(items.iter().map(Self::value).collect(), style),
            Content::Map(entries) => {
                let said = entries.iter().filter(|entry| entry.key != "<<" || entry.merged);
                Value::Map(said.map(|entry| (entry.key.clone(), entry.value.value())).collect(), style)
            }
        }
    }

    /// The entries of a mapping. Other nodes have none.
    pub fn entries(&self) -> &[Entry] {
        if let Content::Map(entries) = &self.content { entries } else { &[] }
    }

    /// The items of a list. Other nodes have none.
    pub fn items(&self) -> &[Node] {
        if let Content::List(items) = &self.content { items } else { &[] }
    }

    /// An entry of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a key. `None` for null, which the Kubernetes API treats as missing.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    /// The value at the end of several keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::Text(text) | Value::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// The text of a key's scalar.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The number of a key.
    pub fn number_of(&self, key: &str) -> Option<u64> {
        self.text_of(key)?.parse().ok()
    }

    /// Whether the value of a key is `true`, as YAML 1.1 and the Kubernetes API spell it.
    pub fn is_true(&self, key: &str) -> bool {
        let word = |node: &Node| match &node.content {
            Content::Scalar(Value::Literal(text)) => text.to_ascii_lowercase(),
            _ => String::new(),
        };
        self.get(key).is_some_and(|node| matches!(word(node).as_str(), "true" | "yes" | "on" | "y"))
    }

    /// Whether the value is null, in any spelling, or left out.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(value) if value.is_null())
    }

    /// The words of a key's list.
    pub fn words_of(&self, key: &str) -> Vec<&str> {
        self.get(key).map(Self::words).unwrap_or_default()
    }

    /// The words of a list of scalars.
    pub fn words(&self) -> Vec<&str> {
        self.items().iter().filter_map(Self::text).collect()
    }
}
