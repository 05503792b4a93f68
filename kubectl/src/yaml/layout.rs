//! How a text is laid out: its line ends, its indentation, and where lines, dashes and comments stand.

use super::edit::Edit;
use super::emit::Form;
use super::node::Node;

/// A text and the style of one of its documents.
pub(crate) struct Layout<'a> {
    pub(crate) text: &'a str,
    pub(crate) form: Form,
    pub(crate) newline: &'static str,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(text: &'a str, root: &Node) -> Self {
        Self { text, form: form(root), newline: newline(text) }
    }

    /// Inserts lines at the start of a line, or at the end of a text without a final line end.
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

    /// The start of a key's line and of the comments right above it. `None` unless the key is the first on its line.
    pub(crate) fn above(&self, key: usize) -> Option<usize> {
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

    /// The end of the line of `end` and of the comments below it, if these are indented at least to `column` and no
    /// other entry follows to which they may belong.
    pub(crate) fn below(&self, end: usize, column: usize) -> usize {
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

fn newline(text: &str) -> &'static str {
    if text.find('\n').is_some_and(|at| text.get(..at).unwrap_or_default().ends_with('\r')) { "\r\n" } else { "\n" }
}

/// The style of the document's own lists.
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
