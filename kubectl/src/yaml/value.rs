//! The data of a document, without its layout.

use std::collections::HashMap;

/// One value, and the style in which a new one is written.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// A number, a boolean or null, as written.
    Literal(String),
    /// A list.
    List(Vec<Value>, Style),
    /// A mapping of unique keys.
    Map(Vec<(String, Value)>, Style),
}

/// How a new collection is written. Comparisons ignore it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One entry a line.
    Block,
    /// In braces or brackets on one line.
    Flow,
    /// On one line with every word quoted: a command.
    Words,
}

impl Value {
    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number.
    pub fn number(number: u64) -> Self {
        Self::Literal(number.to_string())
    }

    /// `true`.
    pub fn yes() -> Self {
        Self::Literal("true".to_owned())
    }

    /// `false`.
    pub fn no() -> Self {
        Self::Literal("false".to_owned())
    }

    /// `null`.
    pub fn null() -> Self {
        Self::Literal("null".to_owned())
    }

    /// A command.
    pub fn words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Self {
        Self::List(words.into_iter().map(|word| Self::text(word.as_ref())).collect(), Style::Words)
    }

    /// A mapping, one entry a line.
    pub fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.map(|(key, value)| (key.to_owned(), value)).into(), Style::Block)
    }

    /// A mapping in braces.
    pub fn braces<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.map(|(key, value)| (key.to_owned(), value)).into(), Style::Flow)
    }

    /// The value of a key of a mapping.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let Self::Map(entries, _) = self else { return None };
        entries.iter_mut().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether the value is null, in any spelling, or left out.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Literal(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// The order of keys does not count; the order of a list does.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Literal(one), Self::Literal(other)) => {
                one == other || self.is_null() && { Self::Literal(other.clone()).is_null() }
            }
            (Self::List(one, _), Self::List(other, _)) => one == other,
            (Self::Map(one, _), Self::Map(others, _)) => {
                let others: HashMap<&String, &Self> = others.iter().map(|(key, value)| (key, value)).collect();
                one.len() == others.len() && one.iter().all(|(key, value)| others.get(key) == Some(&value))
            }
            _ => false,
        }
    }
}

/// Whether a reader, old (YAML 1.1) or new, may take a plain scalar for another type than a string.
pub(crate) fn is_literal(plain: &str) -> bool {
    let word = plain.to_ascii_lowercase();
    let first = word.bytes().next().unwrap_or_default();
    matches!(
        word.as_str(),
        "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | ".inf" | ".nan"
    ) || (first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.'))
        && word.bytes().all(|c| {
            c.is_ascii_hexdigit() || matches!(c, b'x' | b'o' | b'_' | b'+' | b'-' | b'.' | b':' | b't' | b'z' | b' ')
        })
        && word.bytes().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_as_data() {
        let one = Value::map([("a", Value::number(1)), ("b", Value::text("1"))]);
        let other = Value::braces([("b", Value::text("1")), ("a", Value::number(1))]);
        assert_eq!(one, other);
        assert_ne!(one, Value::map([("a", Value::number(1)), ("b", Value::number(1))]));
        assert_ne!(Value::words(["a", "b"]), Value::words(["b", "a"]));
        assert_eq!(Value::Literal("~".into()), Value::Literal(String::new()));
        assert_ne!(Value::Literal("~".into()), Value::text("~"));
    }

    #[test]
    fn what_is_no_string() {
        for plain in ["", "~", "Yes", "off", "1", "-1.5e3", "0x1F", "1_000", "010", "2024-01-01", "1:30", ".5", "NULL"]
        {
            assert!(is_literal(plain), "{plain}");
        }
        for plain in ["-g", "a", "/lithify", "nginx:1.28", "--", "yesterday", "v1", "1.2.3-alpine"] {
            assert!(!is_literal(plain), "{plain}");
        }
    }
}
