//! What lithify's own catalogue says of a control.

/// A control of the catalogue. All is empty for one that this version does not know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Control {
    /// What it asks for, in a sentence.
    pub(crate) title: &'static str,
    /// The line of the pod spec by which it holds.
    pub(crate) field: &'static str,
    /// What to do where it does not hold.
    pub(crate) remedy: &'static str,
    /// The word for its severity.
    pub(crate) severity: &'static str,
}

impl Control {
    /// The control of this name.
    pub(crate) fn named(_name: &str) -> Self {
        Self::default()
    }
}
