//! Where the keys of a profile stand in its text, for whoever adds to it without changing the rest.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Where a key stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Its table is not there.
    NoTable,
    /// Its table begins with this line, and does not have it.
    NoKey {
        /// The byte behind the table's header.
        after: usize,
    },
    /// Its value, and each entry of a list of strings with the entry's text.
    Value {
        /// The value in the text.
        span: Range<usize>,
        /// The entries, in order.
        items: Vec<(String, Range<usize>)>,
    },
    /// The table has no header line of its own, such as `[keep]`. It begins here.
    Unusual(Range<usize>),
}

/// Where `key` of `table` (`verify.mounts`) stands in `text`, which is a valid profile.
pub(crate) fn place(text: &str, table: &str, key: &str) -> Place {
    let Ok(parsed) = DeTable::parse(text) else { return Place::Unusual(0..0) };
    let mut entries = parsed.into_inner();
    let mut begins = 0..0;
    for name in table.split('.') {
        begins = entries.get_key_value(name).map_or(0..0, |(key, _)| key.span());
        entries = match entries.remove(name).map(toml::Spanned::into_inner) {
            Some(DeValue::Table(inner)) => inner,
            Some(_) => return Place::Unusual(begins),
            None => return Place::NoTable,
        };
    }
    let Some(value) = entries.remove(key) else { return header(text, table).unwrap_or(Place::Unusual(begins)) };
    let span = value.span();
    let mut items = Vec::new();
    if let DeValue::Array(list) = value.into_inner() {
        for item in list {
            let span = item.span();
            if let DeValue::String(text) = item.into_inner() {
                items.push((text.into_owned(), span));
            }
        }
    }
    Place::Value { span, items }
}

/// Where the header of the table ends. A line that looks like it in a string of several lines is one that the caller
/// finds out by reading the new text.
fn header(text: &str, table: &str) -> Option<Place> {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        let rest = line.trim_start().strip_prefix('[').and_then(|line| line.trim_start().strip_prefix(table));
        let rest = rest.and_then(|rest| rest.trim_start().strip_prefix(']'));
        if rest.is_some_and(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('#')) {
            return line.ends_with('\n').then_some(Place::NoKey { after: end });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_keys() {
        let text = "name = \"x\"\n[keep] # all\nonly = [\n  \"/a\", # b\n  '/c' ]\n[verify.mounts]\nwritable = []\n";
        let Place::Value { span, items } = place(text, "keep", "only") else { panic!() };
        assert_eq!(&text[span], "[\n  \"/a\", # b\n  '/c' ]");
        let items: Vec<(&str, &str)> = items.iter().map(|(item, span)| (item.as_str(), &text[span.clone()])).collect();
        assert_eq!(items, [("/a", "\"/a\""), ("/c", "'/c'")]);
        assert_eq!(place(text, "keep", "paths"), Place::NoKey { after: text.find("only").unwrap() });
        assert!(matches!(place(text, "verify.mounts", "writable"), Place::Value { .. }));
        assert_eq!(place(text, "verify.process", "user"), Place::NoTable);
        assert_eq!(place("keep.only = []\n", "keep", "paths"), Place::Unusual(0..4));
        assert_eq!(place("keep = { only = [] }\n", "keep", "paths"), Place::Unusual(0..4));
    }
}
