//! Reads a text as nodes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle};

use super::json;
use super::node::{Content, Entry, Node};
use super::value::{Value, is_literal};

/// The most nodes that anchors, aliases and merge keys may add. An alias of aliases of aliases could stand for more
/// nodes than fit into memory; the length of the text bounds all others.
const MAX_COPIES: usize = 100_000;

/// The most characters of a key without `?` (YAML 1.2.2, 7.4.2). A key in JSON may have more.
const MAX_KEY: usize = 1024;

/// The deepest nesting that is read; no manifest has it.
const MAX_DEPTH: usize = 120;

/// Why a text is not read or a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
}

impl YamlError {
    pub(crate) fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into() }
    }
}

/// One document of a stream.
#[derive(Debug)]
pub struct Document {
    /// The top node; null for an empty document.
    pub root: Node,
    /// The anchors, inner ones first.
    pub(crate) anchors: Vec<Anchor>,
}

/// An anchor and its aliases.
#[derive(Debug)]
pub(crate) struct Anchor {
    /// The place of the anchor itself.
    pub(crate) place: Range<usize>,
    /// The place of the node that it names.
    pub(crate) whole: Range<usize>,
    /// The places of its aliases.
    pub(crate) aliases: Vec<Range<usize>>,
}

/// Reads every document of a text: YAML, or JSON values one after the other.
pub fn read(text: &str) -> Result<Vec<Document>, YamlError> {
    let mut documents = Vec::new();
    match json::values(text) {
        Some(values) => {
            for value in values {
                Reader::new(text, value, usize::MAX).documents(&mut documents)?;
            }
        }
        None => Reader::new(text, 0..text.len(), MAX_KEY).documents(&mut documents)?,
    }
    Ok(documents)
}

struct Reader<'a> {
    text: &'a str,
    /// The offset in the text at which the parser began.
    base: usize,
    parser: Parser<'a, StrInput<'a>>,
    peeked: Option<(Event<'a>, Span)>,
    /// The nodes that the document's anchors name, and the indices in `anchors`.
    known: HashMap<usize, (Node, usize)>,
    anchors: Vec<Anchor>,
    /// How many nodes of all documents are copies, made for an anchor, an alias or a merge key.
    copies: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, part: Range<usize>, max_key: usize) -> Self {
        let mut options = Options::default();
        options.emit_anchor_events = true;
        options.simple_key_max_lookahead = max_key;
        let base = part.start;
        let parser = Parser::new_from_str_with_options(text.get(part).unwrap_or_default(), options);
        Self { text, base, parser, peeked: None, known: HashMap::new(), anchors: Vec::new(), copies: 0 }
    }

    fn documents(mut self, documents: &mut Vec<Document>) -> Result<(), YamlError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), _) => {
                    self.known.clear();
                    let first = self.next()?;
                    let root = self.node(first, 0)?;
                    documents.push(Document { root, anchors: std::mem::take(&mut self.anchors) });
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        if let Some(peeked) = self.peeked.take() {
            return Ok(peeked);
        }
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Err(YamlError::new(self.text.len()..self.text.len(), "the text ends too early")),
        }
    }

    fn scan_error(&self, error: &ScanError) -> YamlError {
        let at = error.marker().byte_offset().map_or(self.text.len(), |at| self.base + at);
        YamlError::new(at..at, error.info())
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or_default();
        self.base + range.start..self.base + range.end
    }

    /// The place of the anchor that belongs to the node just read.
    fn anchor(&mut self) -> Result<Option<Range<usize>>, YamlError> {
        let next = self.next()?;
        if let Event::Anchor(..) = next.0 {
            return Ok(Some(self.range(&next.1)));
        }
        self.peeked = Some(next);
        Ok(None)
    }

    fn node(&mut self, (event, span): (Event<'a>, Span), depth: usize) -> Result<Node, YamlError> {
        let own = self.range(&span);
        if depth > MAX_DEPTH {
            return Err(YamlError::new(own, "this is nested deeper than any manifest"));
        }
        let outer = span.tag_span().map_or(own.start, |tag| self.range(&tag).start);
        let column = span.start.col();
        if let Event::Alias(id) = event {
            let Some((node, anchor)) = self.known.get(&id) else {
                return Err(YamlError::new(own, "this alias refers to what it is part of"));
            };
            copy(&mut self.copies, node.weight, &own)?;
            if let Some(anchor) = self.anchors.get_mut(*anchor) {
                anchor.aliases.push(own.clone());
            }
            // The data are those of the anchor. An edit here would also change the anchor.
            return Ok(Node { outer: own.start, ..node.clone() });
        }
        let id = event.anchor_id();
        let mut node = Node { content: Content::List(Vec::new()), range: own, outer, column, flow: false, weight: 1 };
        let mut place = None;
        match event {
            Event::Scalar(text, style, _, tag) => {
                let string =
                    style != ScalarStyle::Plain || tag.as_ref().is_some_and(|tag| tag.core_suffix() == Some("str"));
                // A block scalar's range goes on to the next token.
                let written = self.text.get(node.range.clone()).unwrap_or_default();
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let length = if block { block_length(written, &text) } else { written.trim_end().len() };
                node.range.end = node.range.start + length;
                let empty = written.is_empty() && style == ScalarStyle::Plain;
                let text = if empty { String::new() } else { text.into_owned() };
                let value = if string || !is_literal(&text) { Value::Text(text) } else { Value::Literal(text) };
                node.content = Content::Scalar(value);
            }
            Event::SequenceStart(style, ..) => node.flow = style == StructureStyle::Flow,
            Event::MappingStart(style, ..) => {
                node.flow = style == StructureStyle::Flow;
                node.content = Content::Map(Vec::new());
            }
            _ => return Err(YamlError::new(node.range, "this is no part of a document")),
        }
        if id.is_some() {
            place = self.anchor()?;
            node.outer = place.as_ref().map_or(outer, |place| outer.min(place.start));
        }
        match node.content {
            Content::Scalar(_) => {}
            Content::List(_) => self.list(&mut node, depth)?,
            Content::Map(_) => self.map(&mut node, depth)?,
        }
        if let Some((id, place)) = id.zip(place) {
            copy(&mut self.copies, node.weight, &place)?;
            self.known.insert(id, (node.clone(), self.anchors.len()));
            self.anchors.push(Anchor { place, whole: node.range.clone(), aliases: Vec::new() });
        }
        Ok(node)
    }

    fn list(&mut self, node: &mut Node, depth: usize) -> Result<(), YamlError> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let next = self.next()?;
            if next.0 == Event::SequenceEnd {
                let end =
                    if node.flow { Some(self.range(&next.1).end) } else { items.last().map(|item| item.range.end) };
                node.range.end = end.unwrap_or(node.range.end);
                node.content = Content::List(items);
                return Ok(());
            }
            // The place of the alias, not that of its anchor.
            let place = matches!(next.0, Event::Alias(_)).then(|| self.range(&next.1));
            let mut item = self.node(next, depth + 1)?;
            node.weight = node.weight.saturating_add(item.weight);
            if let Some(place) = place {
                item.range = place;
            }
            items.push(item);
        }
    }

    fn map(&mut self, node: &mut Node, depth: usize) -> Result<(), YamlError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut end = node.range.end;
        loop {
            let next = self.next()?;
            if next.0 == Event::MappingEnd {
                node.range.end = if node.flow { self.range(&next.1).end } else { end };
                unique(&entries)?;
                node.weight = node.weight.saturating_add(self.merge(&mut entries)?);
                node.content = Content::Map(entries);
                return Ok(());
            }
            let key = self.node(next, depth + 1)?;
            let Content::Scalar(Value::Text(text) | Value::Literal(text)) = key.content else {
                return Err(YamlError::new(key.range, "a key that is a list or a mapping is in no manifest"));
            };
            let next = self.next()?;
            let place = matches!(next.0, Event::Alias(_)).then(|| self.range(&next.1));
            let mut value = self.node(next, depth + 1)?;
            if let Some(place) = place {
                value.range = place;
            }
            if value.range.is_empty() {
                // The parser puts a missing value in front of its colon.
                let rest = self.text.get(key.range.end..).unwrap_or_default();
                let colon = rest.len() - rest.trim_start_matches(' ').len();
                if rest.get(colon..).is_some_and(|rest| rest.starts_with(':')) {
                    let after = key.range.end + colon + 1;
                    value.range = after..after;
                }
            }
            end = value.range.end.max(key.range.end);
            node.weight = node.weight.saturating_add(value.weight + 1);
            entries.push(Entry { key: text, key_range: key.range, column: key.column, value, merged: false });
        }
    }

    /// Adds the entries that a merge key (<https://yaml.org/type/merge.html>) brings and that the mapping does not
    /// have. Returns how many nodes they are.
    fn merge(&mut self, entries: &mut Vec<Entry>) -> Result<usize, YamlError> {
        let sources = match entries.iter().find(|entry| entry.key == "<<").map(|entry| &entry.value) {
            Some(Node { content: Content::List(items), .. }) => items.as_slice(),
            Some(node) => std::slice::from_ref(node),
            None => return Ok(0),
        };
        let mut known: HashSet<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let (mut merged, mut weight) = (Vec::new(), 0);
        for entry in sources.iter().flat_map(Node::entries) {
            if known.insert(&entry.key) {
                copy(&mut self.copies, entry.value.weight + 1, &entry.key_range)?;
                weight += entry.value.weight + 1;
                merged.push(Entry { merged: true, ..entry.clone() });
            }
        }
        entries.extend(merged);
        Ok(weight)
    }
}

fn unique(entries: &[Entry]) -> Result<(), YamlError> {
    let mut known = HashSet::new();
    match entries.iter().find(|entry| !known.insert(&entry.key)) {
        None => Ok(()),
        Some(Entry { key, key_range, .. }) => Err(YamlError::new(
            key_range.clone(),
            format!(
                "the key `{}` stands twice in this mapping, and who reads it decides which counts",
                lithify::text::escape::escape(key.as_bytes())
            ),
        )),
    }
}

/// The length of a block scalar without its last line end. With `+` it includes the empty lines that follow.
fn block_length(written: &str, text: &str) -> usize {
    let kept = text.get(text.trim_end().len()..).unwrap_or_default().matches('\n').count();
    let end = written.trim_end().len();
    let ends = written.get(end..).unwrap_or_default().match_indices('\n');
    let last = ends.take(kept).last().map_or(end, |(newline, _)| end + newline);
    written.get(..last).map_or(end, |written| written.trim_end_matches('\r').len())
}

/// Counts the nodes of a copy that is about to be made.
fn copy(copies: &mut usize, weight: usize, place: &Range<usize>) -> Result<(), YamlError> {
    *copies = copies.saturating_add(weight);
    if *copies > MAX_COPIES {
        return Err(YamlError::new(place.clone(), "the aliases up to here stand for more than any manifest holds"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Value {
        read(text).unwrap().remove(0).root.value()
    }

    #[test]
    fn styles_anchors_and_merge_keys_are_the_same_data() {
        let block = value("a:\n  b: 1\n  c: [x, 'y']\nd:\n- e: true\n");
        assert_eq!(block, value(r#"{"a": {"b": 1, "c": ["x", "y"]}, "d": [{"e": true}]}"#));
        let merged = value("base: &base\n  b: 1\nother:\n  <<: *base\n  c: 2\nlist: [*base]\n");
        assert_eq!(merged, value("base: {b: 1}\nother: {b: 1, c: 2}\nlist: [{b: 1}]\n"));
        assert_ne!(value("a: 1"), value("a: \"1\""));
    }

    #[test]
    fn places() {
        let text = "a: é\nb:\n  - x: |\n      text\n\n  - y # z\n";
        let documents = read(text).unwrap();
        let root = &documents[0].root;
        assert_eq!(&text[root.get("a").unwrap().range.clone()], "é");
        let items = root.get("b").unwrap().items();
        assert_eq!(&text[items[0].range.clone()], "x: |\n      text");
        assert_eq!(&text[items[1].range.clone()], "y");
        assert_eq!(documents[0].root.column, 0);
    }

    #[test]
    fn block_scalars_end_with_what_they_keep() {
        for (scalar, whole) in [
            ("|\n  a\n\n\n", "a"),
            ("|-\n  a\n\n", "a"),
            ("|+\n  a\n\n\n", "a\n\n"),
            (">+ # why\n  a\n  b\n\n", "a\n  b\n"),
            ("|+\r\n  a\r\n\r\n", "a\r\n"),
            ("|\n  a\n    \n\n", "a\n    "),
            ("|\n  a\n# no part\n", "a"),
            ("|+\n  a\n\n# no part\n\n", "a\n"),
        ] {
            for after in ["", "c: 1\n"] {
                let text = format!("b: {scalar}{after}");
                let documents = read(&text).unwrap();
                let range = documents[0].root.get("b").unwrap().range.clone();
                assert_eq!(&text[range], whole, "{text:?}");
            }
        }
    }

    #[test]
    fn several_documents_and_empty_ones() {
        let documents = read("---\n# nothing\n---\na: 1\n...\n---\n").unwrap();
        assert_eq!(documents.iter().map(|document| document.root.is_null()).collect::<Vec<_>>(), [true, false, true]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn refused() {
        for (text, part) in [
            ("a: 1\na: 2\n", "twice"),
            ("a:\n\t- b\n", "tabs"),
            ("a: [b\n", "unclosed bracket"),
            ("? [a]\n: b\n", "key"),
            ("a: &x [*x]\n", "part of"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message.contains(part), "{text:?}: {error:?}");
        }
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..30 {
            let inner = format!("*a{}", level - 1);
            bomb = format!("{bomb}a{level}: &a{level} [{inner}, {inner}, {inner}]\n");
        }
        assert!(read(&bomb).unwrap_err().message.contains("aliases"));
        // Each level of merge keys and each document adds what the one before has.
        let merged = (1..3000).map(|level| format!("a{level}: &a{level} {{<<: *a{}, k{level}: 1}}\n", level - 1));
        assert!(
            read(&format!("a0: &a0 {{}}\n{}", merged.collect::<String>())).unwrap_err().message.contains("aliases")
        );
        let document = format!("a: &a [{}]\nb: [*a, *a, *a]\n---\n", "x,".repeat(1000));
        read(&document).unwrap();
        assert!(read(&document.repeat(300)).unwrap_err().message.contains("aliases"));
    }

    #[test]
    fn what_is_written_out_may_be_long_and_wide() {
        // A reader that is not linear would take hours.
        let list = format!("[{}]", "x,".repeat(300_000));
        assert_eq!(read(&list).unwrap()[0].root.items().len(), 300_000);
        let map = (0..60_000).map(|key| format!("k{key}: v\n")).collect::<Vec<_>>().concat();
        let map = value(&map);
        assert_eq!(map, map.clone());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ a-c:\\-\\[\\]{}&*#|>\"'\n,?!%é]{0,60}") {
            let _ = read(&text);
        }
    }
}
