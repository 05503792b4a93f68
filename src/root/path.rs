//! Paths inside the root, by their text alone.

/// Whether one of two canonical paths lies below the other, or both are the same.
pub(crate) fn overlap(a: &[u8], b: &[u8]) -> bool {
    let below = |outer: &[u8], inner: &[u8]| {
        outer == b"/" || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    below(a, b) || below(b, a)
}
