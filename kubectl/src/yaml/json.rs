//! JSON is YAML, except for several values in one text and for long keys.

use std::fmt::Write;
use std::ops::Range;

/// The places of the values of a stream of JSON objects. Like kubectl, this looks at the first brace.
pub(crate) fn values(text: &str) -> Option<Vec<Range<usize>>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let mut places = Vec::new();
    loop {
        let start = values.byte_offset();
        match values.next() {
            Some(Ok(_)) => places.push(start..values.byte_offset()),
            Some(Err(_)) => return None,
            None => return Some(places),
        }
    }
}

/// JSON with an escape for each character that JSON takes as it is and YAML does not (YAML 1.2.2, 5.1). In JSON they are in
/// strings only: an annotation may have any.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(printable, "\\u{:04x}", u32::from(character));
            }
            character => printable.push(character),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::printable;

    #[test]
    fn any_string_of_json_is_read() {
        for character in ('\0'..='\u{3ff}').chain('\u{2000}'..='\u{20ff}').chain('\u{fe00}'..='\u{1001f}') {
            let text = serde_json::json!({ "a": character.to_string() }).to_string();
            let documents = read(&printable(&text)).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            let read = documents[0].root.get("a").unwrap().text().unwrap();
            assert_eq!(read, character.to_string(), "{text:?}");
        }
    }

    #[test]
    fn json_as_kubectl_reads_it() {
        let text = format!("{{\"a\": \"b\"}}\n{{\"{}\": [1]}} {{}}\n", "k".repeat(5000));
        let documents = read(&text).unwrap();
        assert_eq!(documents.len(), 3);
        assert_eq!(&text[documents[0].root.get("a").unwrap().range.clone()], "\"b\"");
        assert_eq!(&text[documents[1].root.entries()[0].value.range.clone()], "[1]");
        assert_eq!(&text[documents[2].root.range.clone()], "{}");
        assert_eq!(read("{}\n{\"a\": 1, \"a\": 2}\n").unwrap_err().range, 12..15);
        assert_eq!(read("{}\n{\"a\": \"\u{7f}\"}\n").unwrap_err().range.start, 10);
    }
}
