//! Changes of a text at places of the text as it was. What is not named stays, byte for byte.

use std::ops::Range;

use crate::text::order::sort_by;

/// Changes that are not made yet.
pub(super) struct Edits<'a> {
    text: &'a str,
    list: Vec<(Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, list: Vec::new() }
    }

    /// Puts `new` in place of what stands there.
    pub(super) fn replace(&mut self, place: Range<usize>, new: String) {
        self.list.push((place, new));
    }

    /// Puts `new` there. What is put at the same place stands in the order of the calls.
    pub(super) fn insert(&mut self, at: usize, new: String) {
        self.replace(at..at, new);
    }

    /// The line that holds this byte, without its end.
    pub(super) fn line(&self, at: usize) -> Range<usize> {
        let start = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let rest = self.text.get(at..).unwrap_or_default();
        let end = at + rest.find('\n').unwrap_or(rest.len());
        let end = if self.text.get(start..end).is_some_and(|line| line.ends_with('\r')) { end - 1 } else { end };
        start..end
    }

    /// Makes comments of the lines of this place, below the comment `why`.
    pub(super) fn comment_out(&mut self, place: Range<usize>, why: &str) {
        let first = self.line(place.start).start;
        self.insert(first, format!("{why}\n"));
        let lines = self.text.get(first..place.end).unwrap_or_default();
        let mut at = first;
        for line in lines.split_inclusive('\n') {
            self.insert(at, "# ".to_owned());
            at += line.len();
        }
    }

    /// The text with all changes.
    pub(super) fn make(mut self) -> String {
        sort_by(&mut self.list, |(a, _), (b, _)| a.start.cmp(&b.start));
        let (mut new, mut done) = (String::with_capacity(self.text.len()), 0);
        for (place, text) in self.list {
            new.push_str(self.text.get(done..place.start).unwrap_or_default());
            new.push_str(&text);
            done = done.max(place.end);
        }
        new.push_str(self.text.get(done..).unwrap_or_default());
        new
    }
}
