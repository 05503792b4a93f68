//! Command lines in a manifest: which programs they start, which of these a profile removes, and calls of lithify
//! itself.

pub(crate) mod arguments;
pub(crate) mod broken;
pub(crate) mod calls;
pub(crate) mod programs;
pub(crate) mod removed;
