//! What is wrong with a manifest, and where.

use std::ops::Range;

use crate::manifest::Manifest;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Never done: it would be unsafe, or cannot work.
    Refused,
    /// It breaks the workload, unless somebody knows better (`--force`).
    Breaks,
    /// Good to know; never changes the exit code.
    Note,
}

/// One thing.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    /// Bytes of the manifest.
    pub(crate) range: Range<usize>,
    /// What and why.
    pub(crate) message: String,
    /// What to do.
    pub(crate) fix: String,
}

impl Finding {
    pub(crate) fn new(
        weight: Weight,
        range: &Range<usize>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { weight, range: range.clone(), message: message.into(), fix: fix.into() }
    }
}

/// As text, in the order of the manifest.
pub(crate) fn print(manifest: &Manifest, findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.range.start);
    sorted.dedup_by(|one, other| one.range == other.range && one.message == other.message);
    let line = |finding: &Finding| {
        let note = if finding.weight == Weight::Note { "note: " } else { "" };
        manifest.point(finding.range.clone(), &format!("{note}{}", finding.message), &finding.fix) + "\n"
    };
    sorted.into_iter().map(line).collect()
}
