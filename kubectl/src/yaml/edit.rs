//! One change of a text.

use std::ops::Range;

/// Replaces these bytes of a text with another text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// Bytes of the old text.
    pub range: Range<usize>,
    /// The new text in their place.
    pub text: String,
}
