//! The findings of `lint` as SARIF.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Ruled;
use crate::manifest::Manifest;
use crate::manifest::finding::Severity;
use crate::sarif::{self, Level, Place, Result, Rule};

/// The names of what `lint` looks at, which never change, and what each asks for.
pub(super) const RULES: [(&str, &str); 13] = [
    ("lint.volumes", "No container can undo the hardening by a mount of lithify's volumes"),
    ("lint.delivery", "Each container that calls lithify has it"),
    ("lint.accepted", "The installed copy accepts what the containers call, and nothing else"),
    ("lint.handlers", "Probes and hooks need nothing that the profile removes"),
    ("lint.command", "The command needs nothing that the profile removes"),
    ("lint.probes", "The kubelet gives lithify's probes the time that they need"),
    ("lint.ends", "What a startupProbe hardens does not end by itself"),
    ("lint.kinds", "Kinds that are not Kubernetes' own are named with the path to their pod"),
    ("lint.users", "Root in a pod is not root on the node"),
    ("lint.digest", "Digests of files are whole, and of this profile"),
    ("lint.security", "The securityContext is what the mode and the profile need"),
    ("lint.noexec", "What a profile wants noexec is mounted so"),
    ("lint.writable", "What the app writes is on a writable volume"),
];

/// The log of these findings, each with the name of its rule.
pub(super) fn log(manifest: &Manifest, path: &str, findings: &[Ruled]) -> String {
    let rules: BTreeSet<Rule> = RULES
        .iter()
        .map(|(id, title)| Rule {
            id: (*id).to_owned(),
            title: (*title).to_owned(),
            help: String::new(),
            tags: BTreeSet::new(),
            severity: None,
        })
        .collect();
    let result = |(rule, finding): &Ruled| Result {
        rule: (*rule).to_owned(),
        level: match finding.severity {
            Severity::Refused | Severity::Breaks => Level::Error,
            Severity::Note => Level::Note,
        },
        message: format!("{}. Fix: {}", finding.message, finding.fix),
        place: place(manifest, path, &finding.range),
        // The message names the workload and the container; its line may move.
        same: [path, rule, &finding.message].map(str::to_owned).into(),
    };
    let mut sorted: Vec<&Ruled> = findings.iter().collect();
    sorted.sort_by_key(|(_, finding)| finding.range.start);
    sorted.dedup_by(|(_, one), (_, other)| one.range == other.range && one.message == other.message);
    sarif::log(&rules, &sorted.into_iter().map(result).collect::<Vec<_>>())
}

fn place(manifest: &Manifest, path: &str, range: &Range<usize>) -> Place {
    Place::File {
        path: path.to_owned(),
        from: position(&manifest.text, range.start),
        to: position(&manifest.text, range.end),
    }
}

/// The line and the column of a byte, from 1, in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_characters() {
        let text = "a: ä\nbö: c\n";
        let of = |what: &str| position(text, text.find(what).unwrap());
        assert_eq!([of("a"), of("ö"), of("c")], [(1, 1), (2, 2), (2, 5)]);
        assert_eq!(position(text, text.len()), (3, 1));
    }
}
