//! One profile file as it is written: its head, and the value of each of its keys.
//!
//! The rows of `keys` read the parsed tree. serde's derived code for the same tables takes 110 kB more in the binary
//! and gives less precise errors.

use toml::Spanned;

use super::diagnostic::{ProfileError, SourceText};
use super::keys::{Key, Kind, SECTIONS, Section};
use super::table::{MOST_ID, Table};
use super::values::Principal;

pub(super) struct Document {
    pub(super) schema: Option<Spanned<u32>>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) description: String,
    pub(super) include: Vec<Spanned<String>>,
    pub(super) entries: Vec<(&'static Key, Value)>,
}

/// The value of a key.
pub(super) enum Value {
    Strings(Vec<Spanned<String>>),
    String(Spanned<String>),
    Numbers(Vec<u32>),
    Flag(bool),
    Principal(Spanned<Principal>),
}

impl Document {
    pub(super) fn parse(source: SourceText<'_>) -> Result<Self, ProfileError> {
        let mut top = Table::parse(source)?;
        let mut document = Self {
            schema: top.number("schema"),
            name: top.string("name"),
            description: top.string("description").map(Spanned::into_inner).unwrap_or_default(),
            include: top.strings("include").unwrap_or_default(),
            entries: Vec::new(),
        };
        for section in SECTIONS {
            document.section(&mut top, section);
        }
        top.into_result(document)
    }

    fn section(&mut self, above: &mut Table<'_, '_>, section: &'static Section) {
        above.table(section.key(), section.name, &mut |table| {
            for key in section.keys {
                self.entries.extend(key.read(table).map(|value| (key, value)));
            }
            for inner in section.sections {
                self.section(table, inner);
            }
        });
    }
}

impl Key {
    fn read(&self, table: &mut Table<'_, '_>) -> Option<Value> {
        let key = self.name;
        match self.kind {
            Kind::Names(_)
            | Kind::Globs(_)
            | Kind::Classes(_)
            | Kind::Only(_)
            | Kind::Patterns(_)
            | Kind::Paths(..)
            | Kind::Confined(..)
            | Kind::Scopes(_)
            | Kind::Command(_)
            | Kind::Capabilities(_) => table.strings(key).map(Value::Strings),
            Kind::Filter(_) | Kind::Choice(_) => table.string(key).map(Value::String),
            Kind::Groups(_) => table.numbers(key, MOST_ID, "ids from 0 to 4294967294").map(Value::Numbers),
            Kind::Ports(_) => table.numbers(key, u32::from(u16::MAX), "ports from 0 to 65535").map(Value::Numbers),
            Kind::Flag(_) | Kind::Absent(_) => table.flag(key).map(Value::Flag),
            Kind::Principal(_) => table.principal(key).map(Value::Principal),
        }
    }
}
