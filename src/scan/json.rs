//! Reads JSON (RFC 8259), as far as an earlier result of ours needs it: strings, lists and objects. Keeps numbers,
//! `true`, `false` and `null` as they are written. Written by hand, because the reader of `serde_json` takes 20 kB.

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object, in the order of the text.
    Object(Vec<(String, Json)>),
    /// A number, `true`, `false` or `null`, as written.
    Other(String),
}

/// The text is not JSON, or is nested too deeply. Holds the offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not JSON (at byte {0})")]
pub struct JsonError(pub usize);

/// Deeper than any result of ours.
const MAX_DEPTH: usize = 32;

impl Json {
    /// Reads the whole text, which must hold exactly one value.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0);
        reader.blanks();
        match value {
            Some(value) if reader.at == text.len() => Ok(value),
            _ => Err(JsonError(reader.at)),
        }
    }

    /// The value of `key`; the first one if several entries have that key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The string at `key`; `None` if there is none.
    pub fn text(&self, key: &str) -> Option<&str> {
        let Self::Text(text) = self.get(key)? else { return None };
        Some(text)
    }

    /// The list at `key`; `None` if there is none.
    pub fn list(&self, key: &str) -> Option<&[Self]> {
        let Self::List(list) = self.get(key)? else { return None };
        Some(list)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips blanks, then steps over `byte` if it comes next.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.blanks();
        match self.peek()? {
            _ if depth == MAX_DEPTH => None,
            b'"' => self.string().map(Json::Text),
            b'[' => {
                let mut list = Vec::new();
                self.members(b']', |reader| {
                    list.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(Json::List(list))
            }
            b'{' => {
                let mut entries = Vec::new();
                self.members(b'}', |reader| {
                    reader.blanks();
                    let key = reader.string()?;
                    reader.take(b':')?;
                    entries.push((key, reader.value(depth + 1)?));
                    Some(())
                })?;
                Some(Json::Object(entries))
            }
            _ => {
                let start = self.at;
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
                    self.at += 1;
                }
                self.text.get(start..self.at).filter(|word| !word.is_empty()).map(|word| Json::Other(word.to_owned()))
            }
        }
    }

    /// Reads members separated by commas, from the opening bracket to `end`.
    fn members(&mut self, end: u8, mut member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            member(self)?;
            if self.take(b',').is_none() {
                return self.take(end);
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut text = String::new();
        loop {
            let mut rest = self.text.get(self.at..)?.chars();
            let c = rest.next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(text),
                '\\' => {
                    let escaped = rest.next()?;
                    self.at += escaped.len_utf8();
                    text.push(match escaped {
                        '"' | '\\' | '/' => escaped,
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => self.unicode()?,
                        _ => return None,
                    });
                }
                c if c < ' ' => return None,
                c => text.push(c),
            }
        }
    }

    /// Reads what follows `\u`: four hexadecimal digits, or two such escapes that form a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hexadecimal()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if self.text.get(self.at..self.at + 2)? != "\\u" {
            return None;
        }
        self.at += 2;
        let second = self.hexadecimal()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.bytes().try_fold(0, |value, digit| Some(value * 16 + char::from(digit).to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn from_serde(value: &Value) -> Json {
        match value {
            Value::String(text) => Json::Text(text.clone()),
            Value::Array(list) => Json::List(list.iter().map(from_serde).collect()),
            Value::Object(map) => {
                Json::Object(map.iter().map(|(key, value)| (key.clone(), from_serde(value))).collect())
            }
            other => Json::Other(other.to_string()),
        }
    }

    fn words(value: &Json) -> Vec<&str> {
        match value {
            Json::Text(_) => Vec::new(),
            Json::List(list) => list.iter().flat_map(words).collect(),
            Json::Object(entries) => entries.iter().flat_map(|(_, value)| words(value)).collect(),
            Json::Other(word) => vec![word],
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null)
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn escapes_and_blanks() {
        let text = "\t{ \"a\\u0041\\ud83d\\ude00\\/\\n\" : [ ] , \"b\":\n{} } \r\n";
        let expected = Json::Object(vec![
            ("aA\u{1f600}/\n".to_owned(), Json::List(vec![])),
            ("b".to_owned(), Json::Object(vec![])),
        ]);
        assert_eq!(Json::parse(text), Ok(expected));
    }

    #[test]
    fn mistakes_have_a_place() {
        for text in
            ["", "{", "[1,]", "{\"a\" 1}", "\"\n\"", "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "[] []", "\"a"]
        {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        assert_eq!(Json::parse("[1, ?]"), Err(JsonError(4)));
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn as_serde_json_has_it(value in values()) {
            prop_assert_eq!(Json::parse(&value.to_string()), Ok(from_serde(&value)));
            prop_assert_eq!(Json::parse(&serde_json::to_string_pretty(&value).unwrap()), Ok(from_serde(&value)));
        }

        /// With one character taken out or put in: both read it, or both refuse it, but that ours does not look into words.
        #[test]
        fn refuses_what_serde_json_refuses(value in values(), at: prop::sample::Index, taken in 0usize..2, put in "[ -~]{0,2}") {
            let mut text: Vec<char> = value.to_string().chars().collect();
            let at = at.index(text.len());
            text.splice(at..at + taken, put.chars());
            let text: String = text.into_iter().collect();
            let theirs = serde_json::from_str::<Value>(&text);
            match Json::parse(&text) {
                Ok(ours) if words(&ours).iter().all(|word| serde_json::from_str::<Value>(word).is_ok()) => {
                    prop_assert!(theirs.is_ok(), "{} {:?}", text, theirs);
                }
                Ok(_) => {}
                Err(error) => prop_assert!(theirs.is_err(), "{} {}", text, error),
            }
        }

        #[test]
        fn never_panics(text in "[\\[\\]{}\",:\\\\u0-9a-f\u{1f600} \n]{0,40}") {
            let _ = Json::parse(&text);
        }
    }
}
