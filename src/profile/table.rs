//! Reads one TOML table, key by key. Profiles and the baselines of `scan` use it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::{ProfileError, SourceText, nearest};
use super::values::Principal;
use crate::text::escape::escape;

/// A table that is being read. Keys are taken out one by one, and a key that is left over is unknown. The first mistake
/// is kept, and reading continues as if the key were missing. So there is one error path instead of one for each key.
pub(crate) struct Table<'a, 'i> {
    source: SourceText<'a>,
    name: &'static str,
    entries: DeTable<'i>,
    known: Vec<&'static str>,
    /// The first mistake in the text, and the byte at which it begins.
    error: Option<(usize, ProfileError)>,
}

impl<'a> Table<'a, 'a> {
    /// The top table of a file.
    pub(crate) fn parse(source: SourceText<'a>) -> Result<Self, ProfileError> {
        let parsed = DeTable::parse(source.text).map_err(|error| source.toml_error(&error))?;
        Ok(Self { source, name: "", entries: parsed.into_inner(), known: Vec::new(), error: None })
    }

    /// `read`, or the first mistake.
    pub(crate) fn into_result<T>(mut self, read: T) -> Result<T, ProfileError> {
        self.finish();
        match self.error {
            None => Ok(read),
            Some((_, error)) => Err(error),
        }
    }
}

impl<'a, 'i> Table<'a, 'i> {
    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, DeValue<'i>)> {
        self.known.push(key);
        self.entries.remove(key).map(|value| (value.span(), value.into_inner()))
    }

    pub(crate) fn fail(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        if self.error.as_ref().is_none_or(|(start, _)| span.start < *start) {
            self.error = Some((span.start, self.source.error(span, message, hint)));
        }
    }

    fn wrong(&mut self, span: Range<usize>, key: &str, value: &DeValue<'_>, wanted: &str) {
        self.fail(span, format!("`{key}` must be {wanted}, not {}", described(value)), None);
    }

    fn wrong_list(&mut self, span: Range<usize>, key: &str, value: &DeValue<'_>, of: &str) {
        let hint = format!("a list needs brackets, even for one entry: {key} = [\"...\"]");
        self.fail(span, format!("`{key}` must be a list of {of}, not {}", described(value)), Some(hint));
    }

    pub(crate) fn string(&mut self, key: &'static str) -> Option<Spanned<String>> {
        match self.take(key)? {
            (span, DeValue::String(text)) => Some(Spanned::new(span, text.into_owned())),
            (span, value) => {
                self.wrong(span, key, &value, "a string");
                None
            }
        }
    }

    pub(crate) fn strings(&mut self, key: &'static str) -> Option<Vec<Spanned<String>>> {
        let items = self.list(key, "strings")?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let span = item.span();
            match item.into_inner() {
                DeValue::String(text) => list.push(Spanned::new(span, text.into_owned())),
                value => self.wrong_list(span, key, &value, "strings"),
            }
        }
        Some(list)
    }

    fn list(&mut self, key: &'static str, of: &str) -> Option<DeArray<'i>> {
        match self.take(key)? {
            (_, DeValue::Array(items)) => Some(items),
            (span, value) => {
                self.wrong_list(span, key, &value, of);
                None
            }
        }
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)? {
            (_, DeValue::Boolean(flag)) => Some(flag),
            (span, value) => {
                self.wrong(span, key, &value, "true or false");
                None
            }
        }
    }

    pub(crate) fn number(&mut self, key: &'static str) -> Option<Spanned<u32>> {
        let (span, value) = self.take(key)?;
        let number = id(&value);
        if number.is_none() {
            self.wrong(span.clone(), key, &value, "a number");
        }
        number.map(|number| Spanned::new(span, number))
    }

    /// A list of numbers up to `most`; `of` describes them.
    pub(crate) fn numbers(&mut self, key: &'static str, most: u32, of: &str) -> Option<Vec<u32>> {
        let mut list = Vec::new();
        for item in self.list(key, of)? {
            match id(item.get_ref()).filter(|number| *number <= most) {
                Some(number) => list.push(number),
                None => self.wrong_list(item.span(), key, item.get_ref(), of),
            }
        }
        Some(list)
    }

    pub(crate) fn principal(&mut self, key: &'static str) -> Option<Spanned<Principal>> {
        let (span, value) = self.take(key)?;
        let principal = match &value {
            DeValue::String(text) if text == "non-root" => Some(Principal::NonRoot),
            DeValue::String(text) if !text.is_empty() => {
                Some(text.parse().map_or_else(|_| Principal::Name(text.clone().into_owned()), Principal::Id))
            }
            value => id(value).map(Principal::Id),
        };
        if principal.is_none() {
            self.wrong(span.clone(), key, &value, "\"non-root\", an id from 0 to 4294967294, or a name");
        }
        principal.map(|principal| Spanned::new(span, principal))
    }

    /// Reads the table `key`; a missing table reads as an empty one. `name` is its full name.
    pub(crate) fn table(&mut self, key: &'static str, name: &'static str, read: &mut dyn FnMut(&mut Table<'a, 'i>)) {
        let entries = match self.take(key) {
            None => DeTable::new(),
            Some((_, DeValue::Table(entries))) => entries,
            Some((span, value)) => {
                self.wrong(span, key, &value, "a table");
                DeTable::new()
            }
        };
        let mut table = Table { source: self.source, name, entries, known: Vec::new(), error: self.error.take() };
        read(&mut table);
        table.finish();
        self.error = table.error;
    }

    /// Reads each table of the list `key` (`[[key]]`). `read` also gets the place at which the table begins.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Table<'a, 'i>, Range<usize>) -> T,
    ) -> Vec<T> {
        let of = "tables";
        let mut list = Vec::new();
        let Some(items) = self.list(key, of) else { return list };
        for item in items {
            let span = item.span();
            match item.into_inner() {
                DeValue::Table(entries) => {
                    let mut table =
                        Table { source: self.source, name: key, entries, known: Vec::new(), error: self.error.take() };
                    list.push(read(&mut table, span));
                    table.finish();
                    self.error = table.error;
                }
                value => self.wrong_list(span, key, &value, of),
            }
        }
        list
    }

    /// Fails if a key was not taken. Such a key is unknown, and accepting it would promise something that lithify does
    /// not do.
    fn finish(&mut self) {
        let Some(key) = self.entries.keys().min_by_key(|key| key.span().start) else { return };
        let (span, unknown) = (key.span(), escape(key.get_ref().as_bytes()));
        let table = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        let hint = match nearest(&unknown, &self.known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", self.known.join(", ")),
        };
        self.fail(span, format!("unknown key `{unknown}`{table}"), Some(hint));
    }
}

/// The highest user or group id. To the kernel, 4294967295 means "no change" (chown(2)).
pub(crate) const MOST_ID: u32 = u32::MAX - 1;

/// A user or group id.
fn id(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|id| *id <= MOST_ID)
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string \"{}\"", escape(text.as_bytes())),
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
