//! `learn` as JSON: one object, described by `schema/learn.schema.json`.

use serde::Serialize;

use super::draft::{Item, Table, Value, tables};
use super::{LearnReport, gap, unnamed};
use crate::text::escape::escape;
use crate::text::json_line::json_line;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    command: &'static str,
    version: &'static str,
    root: &'a str,
    exit_code: u8,
    /// Where the profile went.
    to: &'a str,
    profile: &'a str,
    entries: Vec<Entry<'a>>,
    likely: Vec<Likely>,
    ports: Vec<Port>,
    gaps: Vec<Gap>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Entry<'a> {
    table: &'a str,
    key: &'a str,
    /// As a profile has it; `None` if it cannot stand there.
    value: Option<&'a str>,
    why: &'a str,
}

#[derive(Serialize)]
struct Likely {
    path: String,
    named_in: Vec<String>,
    by_system: bool,
}

#[derive(Serialize)]
struct Port {
    protocol: &'static str,
    number: u16,
    loopback: bool,
}

#[derive(Serialize)]
struct Gap {
    text: String,
    fix: String,
}

impl LearnReport {
    /// The JSON, with the text of the profile and where that went.
    pub fn json(&self, profile: &str, to: &str, notes: &[String]) -> String {
        let tables = tables(&self.learned);
        let likely = self.learned.likely.iter().map(|one| Likely {
            path: escape(&one.path),
            named_in: one.named_in.iter().map(|path| escape(path)).collect(),
            by_system: one.by_system,
        });
        let ports = self.learned.ports.iter().map(|port| Port {
            protocol: if port.tcp { "tcp" } else { "udp" },
            number: port.number,
            loopback: port.loopback,
        });
        let mut gaps: Vec<Gap> = Vec::new();
        for gap in &self.learned.gaps {
            gaps.push(Gap { text: gap::text(gap), fix: gap::advice(gap).to_owned() });
        }
        unnamed(&tables, &mut |text, fix| gaps.push(Gap { text, fix: fix.to_owned() }));
        json_line(&Document {
            schema: 1,
            command: "learn",
            version: env!("CARGO_PKG_VERSION"),
            root: &self.root,
            exit_code: self.exit().code(),
            to,
            profile,
            entries: tables.iter().flat_map(entries).collect(),
            likely: likely.collect(),
            ports: ports.collect(),
            gaps,
            notes,
        })
    }
}

/// What the keys of a table say, entry by entry.
fn entries(table: &Table) -> Vec<Entry<'_>> {
    let mut list = Vec::new();
    for key in &table.keys {
        let mut add = |value, why| list.push(Entry { table: table.name, key: key.name, value, why });
        match &key.value {
            Value::Scalar(value, why) => add(Some(value.as_str()), why.as_str()),
            Value::Remark(why) => add(None, why.as_str()),
            Value::List(items) => {
                for Item { text, why } in items {
                    add(text.as_deref().ok(), why.as_str());
                }
            }
        }
    }
    list
}
