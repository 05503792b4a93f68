//! The catalogue of checks as text and JSON: `verify --list-checks`, and the ids of standards in reports.

use std::fmt::Write;

use serde::{Serialize, Serializer};

use crate::text::json_line::json_line;
use crate::verify::{CheckId, Id};

/// How standards call a check; nothing for what is no check. It is written only where somebody reads it: there may be a
/// million checks.
pub(super) struct Ids(pub(super) Option<CheckId>);

impl Serialize for Ids {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.into_iter().flat_map(CheckId::ids))
    }
}

#[derive(Serialize)]
struct Control {
    id: &'static str,
    severity: &'static str,
    title: &'static str,
    reads: &'static str,
    field: &'static str,
    remedy: &'static str,
    ids: Ids,
}

/// Every check of the catalogue, as an array on one line, described by `schema/checks.schema.json`.
pub(crate) fn to_json() -> String {
    let controls = CheckId::ALL.iter().map(|id| Control {
        id: id.name(),
        severity: id.severity().name(),
        title: id.title(),
        reads: id.reads(),
        field: id.field(),
        remedy: id.remedy(),
        ids: Ids(Some(*id)),
    });
    json_line(&controls.collect::<Vec<_>>())
}

/// Every check of the catalogue, for people.
pub(crate) fn to_text() -> String {
    let mut out = String::new();
    for id in CheckId::ALL {
        let _ = writeln!(out, "{} ({}): {}\n  reads: {}", id.name(), id.severity().name(), id.title(), id.reads());
        for (head, text) in [("pod spec", id.field()), ("fix", id.remedy()), ("ids", &ids(*id))] {
            if !text.is_empty() {
                let _ = writeln!(out, "  {head}: {text}");
            }
        }
    }
    out
}

/// The ids of the check for which a key of a profile asks, such as `verify.process.user`, on one line; empty if it asks for
/// none.
pub(crate) fn ids_of_key(key: &str) -> String {
    let name = key.strip_prefix("verify.").unwrap_or_default();
    CheckId::ALL.iter().find(|check| check.name() == name).map(|check| ids(*check)).unwrap_or_default()
}

/// The ids of a check on one line: what belongs to one edition of one standard together.
pub(super) fn ids(check: CheckId) -> String {
    let mut out = String::new();
    let mut last = ("", "");
    for Id { standard, edition, id } in check.ids() {
        if last == (standard, edition) {
            let _ = write!(out, ", {id}");
        } else {
            let separator = if out.is_empty() { "" } else { "; " };
            let _ = write!(out, "{separator}{standard} {edition}: {id}");
        }
        last = (standard, edition);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/checks.md.
    fn page() -> String {
        let mut out = include_str!("../../docs/checks.md").split("\n| check |").next().unwrap_or_default().to_owned();
        out.push_str("\n| check | severity | what holds |\n| --- | --- | --- |\n");
        for id in CheckId::ALL {
            let anchor = id.name().replace('.', "");
            let _ = writeln!(out, "| [`{}`](#{anchor}) | {} | {} |", id.name(), id.severity().name(), id.title());
        }
        for id in CheckId::ALL {
            let _ = write!(out, "\n## {}\n\n{}.\n\n", id.name(), id.title());
            let field = if id.field().is_empty() { String::new() } else { format!("`{}`", id.field()) };
            for (head, text) in [
                ("Reads", id.reads()),
                ("Pod spec", &field),
                ("Where it does not hold", id.remedy()),
                ("Ids", &ids(*id)),
            ] {
                if !text.is_empty() {
                    let _ = writeln!(out, "- **{head}**: {text}");
                }
            }
        }
        out
    }

    /// With `LITHIFY_BLESS` set, the page is written.
    #[test]
    fn the_page_is_the_catalogue() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/checks.md");
        if std::env::var_os("LITHIFY_BLESS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), page(), "run the tests once with LITHIFY_BLESS=1");
    }

    #[test]
    fn ids_on_one_line() {
        assert_eq!(
            ids(CheckId::Capabilities).split("; ").take(4).collect::<Vec<_>>(),
            [
                "PSS baseline v1.0: capabilities_baseline",
                "PSS restricted v1.22: capabilities_restricted",
                "CIS Docker 1.6.0: 5.4",
                "CIS Kubernetes 1.12: 5.2.8, 5.2.9"
            ]
        );
        assert_eq!(ids(CheckId::Writable), "");
    }
}
