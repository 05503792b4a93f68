//! The JSON Schema of profiles, made from the rows of `keys`.

use super::keys::{Key, Kind, SECTIONS, Section};
use super::show::quote;
use super::values::Scope;
use crate::recognise::catalogue::Class;

/// The keys of the file's head.
const HEAD: &str = r#"    "schema": {
      "description": "Version of this format",
      "const": 1
    },
    "name": {
      "description": "Name in reports; the file's name where it is missing",
      "type": "string",
      "minLength": 1
    },
    "description": {
      "description": "One line for people",
      "type": "string"
    },
    "include": {
      "description": "Built-in profiles, or files relative to this one (with a / or ending in .toml)",
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      }
    }"#;

/// The schema as text, the same as in `schema/profile.schema.json`.
pub fn schema() -> String {
    let mut out = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "lithify profile",
  "description": "What to remove from a container, what to keep, and what must hold afterwards. Written as TOML.",
  "type": "object",
  "additionalProperties": false,
  "required": [
    "schema"
  ],
  "properties": {
"#
    .to_owned();
    out.push_str(HEAD);
    for table in SECTIONS {
        out.push_str(",\n");
        section(&mut out, table, 4);
    }
    out.push_str("\n  }\n}\n");
    out
}

fn section(out: &mut String, section: &Section, indent: usize) {
    property(out, section.key(), section.help, indent);
    lines(out, "\"type\": \"object\",\n\"additionalProperties\": false,\n\"properties\": {", indent + 2);
    let mut comma = "";
    for key in section.keys {
        out.push_str(comma);
        property(out, key.name, key.help, indent + 4);
        lines(out, &key.schema(), indent + 6);
        lines(out, "}", indent + 4);
        out.pop();
        comma = ",\n";
    }
    for inner in section.sections {
        out.push_str(comma);
        self::section(out, inner, indent + 4);
        comma = ",\n";
    }
    out.push('\n');
    lines(out, "}", indent + 2);
    lines(out, "}", indent);
    out.pop();
}

/// Writes the head of a property and leaves the property open.
fn property(out: &mut String, name: &str, help: &str, indent: usize) {
    lines(out, &format!("\"{name}\": {{\n  \"description\": {},", quote(help)), indent);
}

fn lines(out: &mut String, text: &str, indent: usize) {
    for line in text.lines() {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(line);
        out.push('\n');
    }
}

impl Key {
    /// The part of the schema that says which values the key takes.
    fn schema(&self) -> String {
        const ID: &str = "\"type\": \"integer\",\n\"minimum\": 0,\n\"maximum\": 4294967294";
        const TEXT: &str = "\"type\": \"string\",\n\"minLength\": 1";
        match &self.kind {
            Kind::Names(_) => array("\"type\": \"string\",\n\"pattern\": \"^[^/*?]+$\""),
            Kind::Globs(_) | Kind::Patterns(_) | Kind::Paths(..) | Kind::Confined(..) => {
                array("\"type\": \"string\",\n\"pattern\": \"^/\"")
            }
            Kind::Classes(_) => array(&words(Class::ALL.iter().map(|class| class.name()))),
            Kind::Only(_) => array(TEXT),
            Kind::Command(_) => array("\"type\": \"string\"").replacen('\n', "\n\"minItems\": 1,\n", 1),
            Kind::Capabilities(_) => array("\"type\": \"string\""),
            Kind::Groups(_) => array(ID),
            Kind::Ports(_) => array("\"type\": \"integer\",\n\"minimum\": 0,\n\"maximum\": 65535"),
            Kind::Scopes(_) => array(&words(Scope::ALL.iter().map(|scope| scope.name()))),
            Kind::Principal(_) => {
                let mut out = "\"oneOf\": [\n  {\n".to_owned();
                lines(&mut out, TEXT, 4);
                out.push_str("  },\n  {\n");
                lines(&mut out, ID, 4);
                out.push_str("  }\n]");
                out
            }
            Kind::Flag(_) | Kind::Absent(_) => "\"type\": \"boolean\"".to_owned(),
            Kind::Filter(_) => "\"const\": \"filter\"".to_owned(),
            Kind::Choice(choice) => words(choice.words.iter().copied()),
        }
    }
}

fn array(items: &str) -> String {
    let mut out = "\"type\": \"array\",\n\"items\": {\n".to_owned();
    lines(&mut out, items, 2);
    out.push('}');
    out
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("  \"{word}\"")).collect();
    format!("\"enum\": [\n{}\n]", words.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `LITHIFY_BLESS` set, the file is written.
    #[test]
    fn the_file_is_the_schema() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/profile.schema.json");
        if std::env::var_os("LITHIFY_BLESS").is_some() {
            std::fs::write(path, schema()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), schema(), "run the tests once with LITHIFY_BLESS=1");
    }

    fn keys(table: &toml::Table, above: &str, out: &mut Vec<String>) {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => keys(inner, &format!("{above}{key}."), out),
                _ => out.push(format!("{above}{key}")),
            }
        }
    }

    #[test]
    fn the_example_in_the_docs_has_every_key_once() {
        let docs = include_str!("../../docs/profiles.md");
        let example = docs.split("```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
        let table = example.parse::<toml::Table>().unwrap();
        let mut known =
            vec!["schema", "name", "description", "include"].into_iter().map(String::from).collect::<Vec<_>>();
        let mut add =
            |section: &Section| known.extend(section.keys.iter().map(|key| format!("{}.{}", section.name, key.name)));
        for section in SECTIONS {
            add(section);
            section.sections.iter().for_each(&mut add);
        }
        let mut written = Vec::new();
        keys(&table, "", &mut written);
        known.sort();
        written.sort();
        assert_eq!(written, known);
    }
}
