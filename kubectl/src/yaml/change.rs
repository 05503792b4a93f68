//! Changes of a document, as data. They are carried out twice: on the text, and separately on the data.

use std::collections::HashMap;

use super::node::Node;
use super::value::Value;

/// One step from a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item of a list.
    Index(usize),
}

/// The steps from a document's root to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path to the value of a key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    /// The path to an item.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The path without its last step.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.split_last().map(|(_, above)| above.to_vec()).unwrap_or_default())
    }

    /// The path to the first difference of two values.
    pub(crate) fn to_difference(one: &Value, other: &Value) -> Self {
        let (step, one, other) = match (one, other) {
            (Value::List(one, _), Value::List(other, _)) => {
                match one.iter().zip(other).enumerate().find(|(_, (one, other))| one != other) {
                    Some((index, (one, other))) => (Step::Index(index), one, other),
                    None => return Self::default(),
                }
            }
            (Value::Map(one, _), Value::Map(others, _)) => {
                let others: HashMap<&String, &Value> = others.iter().map(|(key, value)| (key, value)).collect();
                let both = one.iter().filter_map(|(key, one)| Some((key, one, *others.get(key)?)));
                match both.into_iter().find(|(_, one, other)| one != other) {
                    Some((key, one, other)) => (Step::Key(key.clone()), one, other),
                    None => return Self::default(),
                }
            }
            _ => return Self::default(),
        };
        let rest = Self::to_difference(one, other);
        Self([step].into_iter().chain(rest.0).collect())
    }

    /// The root and the nodes on the path, as far as they exist.
    pub(crate) fn way<'a>(&self, root: &'a Node) -> Vec<&'a Node> {
        let mut nodes = vec![root];
        let step = |node: &'a Node, step: &Step| match step {
            Step::Key(key) => node.entry(key).map(|entry| &entry.value),
            Step::Index(index) => node.items().get(*index),
        };
        nodes.extend(self.0.iter().scan(root, |node, to| {
            *node = step(node, to)?;
            Some(*node)
        }));
        nodes
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

/// What changes at a path.
#[derive(Clone, Debug)]
pub enum Operation {
    /// New entries of a mapping, in front of a key if the mapping has it, else at the end.
    Add {
        /// The key in front of which they stand.
        before: Option<&'static str>,
        entries: Vec<(String, Value)>,
    },
    /// A value for a key whose value is null.
    Fill { key: String, value: Value },
    /// Items at the end of a list.
    Push(Vec<Value>),
    /// The new items of a list. Items that it has already stay as they are written.
    Items(Vec<Value>),
    /// Items at the start of a list.
    Prepend(Vec<Value>),
    /// Another key and value in the place of an entry.
    Set {
        /// The key of that entry.
        key: &'static str,
        /// The new key.
        new_key: &'static str,
        value: Value,
    },
}

/// An operation and where.
#[derive(Clone, Debug)]
pub struct Change {
    /// The mapping or list that it changes.
    pub path: Path,
    pub operation: Operation,
}

impl Change {
    /// Changes the data. `None` if the path leads nowhere.
    pub(crate) fn apply(&self, root: &mut Value) -> Option<()> {
        let mut value = root;
        for step in &self.path.0 {
            value = match (step, value) {
                (Step::Key(key), value) => value.get_mut(key)?,
                (Step::Index(index), Value::List(items, _)) => items.get_mut(*index)?,
                _ => return None,
            };
        }
        match &self.operation {
            Operation::Add { entries, .. } => {
                let Value::Map(known, _) = value else { return None };
                known.extend(entries.iter().cloned());
            }
            Operation::Fill { key, value: new } => *value.get_mut(key).filter(|value| value.is_null())? = new.clone(),
            Operation::Push(new) | Operation::Prepend(new) => {
                let Value::List(items, _) = value else { return None };
                let at = if matches!(self.operation, Operation::Push(_)) { items.len() } else { 0 };
                items.splice(at..at, new.iter().cloned());
            }
            Operation::Items(new) => {
                let Value::List(items, _) = value else { return None };
                items.clone_from(new);
            }
            Operation::Set { key, new_key, value: new } => {
                let Value::Map(entries, _) = value else { return None };
                let entry = entries.iter_mut().find(|(known, _)| known == key)?;
                *entry = ((*new_key).to_owned(), new.clone());
            }
        }
        Some(())
    }
}

/// All changes of one document.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    list: Vec<Change>,
    /// The indices of the changes of each path: a List may have thousands.
    of: HashMap<Path, Vec<usize>>,
}

impl Changes {
    /// The changes in the order of the calls.
    pub fn list(&self) -> &[Change] {
        &self.list
    }

    /// Adds a key. Several keys for one place of a mapping become one change.
    pub fn add(&mut self, path: &Path, before: Option<&'static str>, key: &str, value: Value) {
        let entry = (key.to_owned(), value);
        for index in self.of.get(path).into_iter().flatten() {
            if let Some(Operation::Add { before: known, entries }) = operation(&mut self.list, *index) {
                if *known == before {
                    entries.push(entry);
                    return;
                }
            }
        }
        self.change(path, Operation::Add { before, entries: vec![entry] });
    }

    /// A value for a key whose value is null.
    pub fn fill(&mut self, path: &Path, key: &str, value: Value) {
        self.change(path, Operation::Fill { key: key.to_owned(), value });
    }

    /// Adds an item at the end. Several items for one list become one change.
    pub fn push(&mut self, path: &Path, value: Value) {
        for index in self.of.get(path).into_iter().flatten() {
            if let Some(Operation::Push(items)) = operation(&mut self.list, *index) {
                items.push(value);
                return;
            }
        }
        self.change(path, Operation::Push(vec![value]));
    }

    /// Adds items at the start.
    pub fn prepend(&mut self, path: &Path, values: Vec<Value>) {
        self.change(path, Operation::Prepend(values));
    }

    /// Changes the items of a list. Items that it has already stay as they are written.
    pub fn items(&mut self, path: &Path, values: Vec<Value>) {
        self.change(path, Operation::Items(values));
    }

    /// Sets a value, under the same key or a new one.
    pub fn set(&mut self, path: &Path, key: &'static str, new_key: &'static str, value: Value) {
        self.change(path, Operation::Set { key, new_key, value });
    }

    fn change(&mut self, path: &Path, operation: Operation) {
        self.of.entry(path.clone()).or_default().push(self.list.len());
        self.list.push(Change { path: path.clone(), operation });
    }
}

fn operation(list: &mut [Change], index: usize) -> Option<&mut Operation> {
    list.get_mut(index).map(|change| &mut change.operation)
}
