//! The edits of a text that carry out one change.

use super::change::{Change, Operation};
use super::edit::Edit;
use super::emit::Form;
use super::items;
use super::layout::Layout;
use super::node::{Content, Node};
use super::value::Value;

pub(crate) fn edits(layout: &Layout<'_>, node: &Node, change: &Change) -> Option<Vec<Edit>> {
    let edit = match &change.operation {
        Operation::Items(items) => return items::edits(layout, node, items),
        Operation::Add { entries, .. } if node.flow => {
            let last = node.entries().iter().rfind(|entry| !entry.merged);
            let end = last.map(|entry| entry.value.range.end.max(entry.key_range.end));
            Some(inside_flow(node, end, &layout.form.flow_entries(entries)))
        }
        Operation::Add { before, entries } => {
            let mut lines = Vec::new();
            let column = node.entries().first().filter(|first| !first.merged)?.column;
            layout.form.entries(entries, column, &mut lines);
            let before = before.and_then(|key| node.entry(key)).filter(|entry| !entry.merged);
            match before.and_then(|entry| layout.above(entry.key_range.start)) {
                Some(at) => Some(layout.lines(at, &lines)),
                None => Some(layout.lines(layout.below(end_of(node)?, column), &lines)),
            }
        }
        Operation::Push(items) if node.flow => {
            let text = items.iter().map(|item| layout.form.flow(item)).collect::<Vec<_>>().join(", ");
            Some(inside_flow(node, node.items().last().map(|item| item.range.end), &text))
        }
        Operation::Push(items) => {
            let mut lines = Vec::new();
            let (_, column) = layout.dash(node.items().first()?)?;
            layout.form.items(items, column, &mut lines);
            Some(layout.lines(layout.below(node.items().last()?.range.end, column), &lines))
        }
        Operation::Prepend(items) if node.flow => {
            let first = node.items().first()?.outer;
            let quote = Form { json: true, ..layout.form };
            let text: String = items.iter().map(|item| quote.flow(item) + ", ").collect();
            Some(Edit { range: first..first, text })
        }
        Operation::Prepend(items) => {
            let first = node.items().first()?;
            let mut lines = Vec::new();
            let (dash, column) = layout.dash(first)?;
            layout.form.items(items, column, &mut lines);
            // The first dash may stand behind another dash, so its line stays as it is.
            let between = format!("{}{:column$}", layout.newline, "");
            let text = lines.iter().flat_map(|line| [line.trim_start(), between.as_str()]).collect();
            Some(Edit { range: dash..dash, text })
        }
        Operation::Set { key, new_key, value } => replace(layout, node, key, new_key, value),
        Operation::Fill { key, value } => replace(layout, node, key, key, value),
    };
    edit.map(|edit| vec![edit])
}

/// Replaces an entry of a mapping.
fn replace(layout: &Layout<'_>, node: &Node, key: &str, new_key: &str, value: &Value) -> Option<Edit> {
    let entry = node.entry(key).filter(|entry| !entry.merged)?;
    let range = entry.key_range.start..entry.value.range.end.max(entry.key_range.end);
    let entries = [(new_key.to_owned(), value.clone())];
    if node.flow {
        return Some(Edit { range, text: layout.form.flow_entries(&entries) });
    }
    let mut lines = Vec::new();
    layout.form.entries(&entries, entry.column, &mut lines);
    Some(Edit { range, text: lines.join(layout.newline).trim_start().to_owned() })
}

/// Inserts after the last entry, or behind the opening bracket of an empty collection.
fn inside_flow(node: &Node, last: Option<usize>, new: &str) -> Edit {
    if let Some(end) = last {
        return Edit { range: end..end, text: format!(", {new}") };
    }
    let open = node.range.start + 1;
    let text = if matches!(node.content, Content::Map(_)) { format!(" {new} ") } else { new.to_owned() };
    Edit { range: open..open, text }
}

/// The end of the last entry that is written in a mapping.
fn end_of(node: &Node) -> Option<usize> {
    node.entries()
        .iter()
        .filter(|entry| !entry.merged)
        .map(|entry| entry.value.range.end.max(entry.key_range.end))
        .max()
}
