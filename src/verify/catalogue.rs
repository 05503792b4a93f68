//! The catalogue of checks: the one table. A row holds what a check is called, how severe it is where it does not hold,
//! what is read, the field of the pod spec that makes it hold, what mends it, and how standards call it.
//!
//! What is printed rarely is one text per row, which is parsed when it is printed: its title, what is read, the field,
//! the remedy, and the ids, one line each. An id begins with the letter of its [`Standard`].

use serde::Serialize;

/// How severe it is that a check does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A remark: nothing follows from it by itself.
    Info,
    /// It makes a next step of an intruder easier.
    Low,
    /// It takes one line of defence away.
    Medium,
    /// It gives an intruder tools or privileges.
    High,
    /// It leads to root on the node.
    Critical,
}

impl Severity {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How a standard calls a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Id {
    /// The standard.
    pub standard: &'static str,
    /// Its edition. For the Pod Security Standards, the version of Kubernetes from which the control is part of them; for
    /// a tool, its list of controls.
    pub edition: &'static str,
    /// The control in it.
    pub id: &'static str,
}

/// The letter of a standard in [`CATALOGUE`], its name, and its edition. An id of the Pod Security Standards begins with
/// the version.
const STANDARDS: [(u8, &str, &str); 8] = [
    (b'B', "PSS baseline", ""),
    (b'R', "PSS restricted", ""),
    (b'D', "CIS Docker", "1.6.0"),
    (b'K', "CIS Kubernetes", "1.12"),
    (b'N', "NSA/CISA", "1.2"),
    (b'C', "Kubescape", "regolibrary"),
    (b'Y', "Kyverno", "policies"),
    (b'A', "ATT&CK", "v17.1"),
];

/// The part of a row that is printed rarely.
struct Row {
    name: &'static str,
    severity: Severity,
    text: &'static str,
}

macro_rules! catalogue {
    ($($(#[$comment:meta])* $id:ident $name:literal $severity:ident
        $title:literal $reads:literal $field:literal $remedy:literal $ids:literal)+) => {
        /// What asks for a check: a key of the profile, or a flag.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CheckId {
            $($(#[$comment])* $id,)+
        }

        impl CheckId {
            /// All of them, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$id),+];
        }

        pub(super) static CATALOGUE: &[Row] = &[$(Row {
            name: $name,
            severity: Severity::$severity,
            text: concat!($title, "\n", $reads, "\n", $field, "\n", $remedy, "\n", $ids),
        }),+];
    };
}

impl CheckId {
    fn row(self) -> Option<&'static Row> {
        CATALOGUE.get(self as usize)
    }

    /// The name in reports, which never changes: without `verify.`, the key of the profile that asks for it.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// How severe it is that it does not hold.
    pub fn severity(self) -> Severity {
        self.row().map_or(Severity::Info, |row| row.severity)
    }

    /// What holds if it passes.
    pub fn title(self) -> &'static str {
        self.line(0)
    }

    /// What is read to find out.
    pub fn reads(self) -> &'static str {
        self.line(1)
    }

    /// The field of the pod spec that makes it hold; empty if none does.
    pub fn field(self) -> &'static str {
        self.line(2)
    }

    /// What to do where it does not hold.
    pub fn remedy(self) -> &'static str {
        self.line(3)
    }

    /// How standards call it.
    pub fn ids(self) -> impl Iterator<Item = Id> {
        self.line(4).split("; ").filter_map(|item| {
            let (_, standard, edition) =
                STANDARDS.iter().find(|(letter, ..)| item.as_bytes().first() == Some(letter))?;
            let (version, id) = item.get(1..)?.split_once(' ')?;
            Some(Id { standard, edition: if version.is_empty() { edition } else { version }, id })
        })
    }

    fn line(self, number: usize) -> &'static str {
        self.row().and_then(|row| row.text.split('\n').nth(number)).unwrap_or_default()
    }
}

mod table;

use table::CATALOGUE;
pub use table::CheckId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        for (place, id) in CheckId::ALL.iter().enumerate() {
            let row = id.row().unwrap();
            let name = row.name;
            assert_eq!((*id as usize, row.text.split('\n').count()), (place, 5), "{name}");
            assert!(!id.title().is_empty() && !id.reads().is_empty() && !id.remedy().is_empty(), "{name}");
            assert!(CheckId::ALL.iter().filter(|other| other.name() == name).count() == 1, "{name} twice");
            let written = id.line(4).split("; ").filter(|item| !item.is_empty()).count();
            assert_eq!(id.ids().count(), written, "{name}: an id has no letter of a standard");
            for id in id.ids() {
                assert!(!id.edition.is_empty() && !id.id.is_empty(), "{name}: {id:?}");
                let is_pss = id.standard.starts_with("PSS");
                assert_eq!(is_pss, id.edition.starts_with("v1."), "{name}: {id:?}");
                assert!(id.standard != "ATT&CK" || id.id.contains(" mitigates T"), "{name}: {id:?}");
            }
        }
    }
}
