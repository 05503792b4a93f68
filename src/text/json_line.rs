//! JSON for machines, one value per line.

use serde::Serialize;

/// `value` as one line of JSON, with its line feed. Strings and numbers cannot fail to serialize.
pub fn json_line<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}
