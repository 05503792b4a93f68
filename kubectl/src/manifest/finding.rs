//! Findings: what is wrong with a manifest, and where.

use std::ops::Range;

use crate::manifest::Manifest;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// `inject` never does it: it would be unsafe or cannot work.
    Refused,
    /// It breaks the workload. `--force` overrides this.
    Breaks,
    /// A note, which never changes the exit code.
    Note,
}

/// One finding.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// Bytes of the manifest.
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) fix: String,
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        range: &Range<usize>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { severity, range: range.clone(), message: message.into(), fix: fix.into() }
    }
}

/// The findings as text, in the order of the manifest.
pub(crate) fn print(manifest: &Manifest, findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.range.start);
    sorted.dedup_by(|one, other| one.range == other.range && one.message == other.message);
    let line = |finding: &Finding| {
        let note = if finding.severity == Severity::Note { "note: " } else { "" };
        manifest.point(finding.range.clone(), &format!("{note}{}", finding.message), &finding.fix) + "\n"
    };
    sorted.into_iter().map(line).collect()
}
