//! What lithify's own catalogue says of a control.

use lithify::report::CheckId;

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

/// The words for severities, the worst first.
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];

impl Control {
    /// The control of this name.
    pub(crate) fn named(name: &str) -> Self {
        let Some(id) = CheckId::ALL.iter().find(|id| id.name() == name) else { return Self::default() };
        Self { title: id.title(), field: id.field(), remedy: id.remedy(), severity: id.severity().name() }
    }

    /// Its place among others, the worst first.
    pub(crate) fn rank(self) -> usize {
        SEVERITIES.iter().position(|word| *word == self.severity).unwrap_or(SEVERITIES.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_known() {
        let control = Control::named("mounts.read_only");
        assert!(control.field.contains("readOnlyRootFilesystem: true") && !control.title.is_empty());
        assert_eq!(Control::named("of another version").rank(), SEVERITIES.len());
        for id in CheckId::ALL {
            assert!(Control::named(id.name()).rank() < SEVERITIES.len(), "{}", id.name());
        }
    }
}
