//! The effective form of a profile: as TOML that gives the same profile again, with the origin of each entry, and as
//! JSON.

use std::fmt::Write;

use serde::{Serialize, Serializer};

use super::keys::{CONFINE, Choice, KEEP, Key, Kind, REMOVE, SEAL, SECTIONS, STRIP, Section, VERIFY};
use super::{Profile, Rule, Selector, Sourced};
use crate::text::escape::is_invisible;
use crate::text::json_line::json_line;
use crate::text::list::numbers;
use crate::text::order::sort_by;

/// `text` as a TOML basic string. A JSON string is one, too, except for DEL. What a person would not see, or would see in
/// another order, is escaped as well.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for character in json_line(&text).trim_end().chars() {
        match character as u32 {
            code @ ..=0xffff if character.is_control() || is_invisible(character) => {
                let _ = write!(quoted, "\\u{code:04X}");
            }
            code if is_invisible(character) => {
                let _ = write!(quoted, "\\U{code:08X}");
            }
            _ => quoted.push(character),
        }
    }
    quoted
}

/// An entry with its origin.
#[derive(Serialize)]
struct Entry<'a, T> {
    value: T,
    profile: &'a str,
}

/// The value of an entry of a list.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Text(&'a str),
    Port(u32),
}

impl Item<'_> {
    /// As TOML.
    fn toml(self) -> String {
        match self {
            Self::Text(text) => quote(text),
            Self::Port(port) => port.to_string(),
        }
    }
}

/// The value of one key in the effective profile.
enum Said<'a> {
    /// A list that asks for nothing if it is empty.
    List(Entries<'a>),
    /// A list that is a limit even if it is empty.
    Limit(Option<Entries<'a>>),
    /// A single value, as TOML.
    Scalar(Option<Entry<'a, String>>),
}

impl Key {
    fn said<'a>(&self, profile: &'a Profile) -> Said<'a> {
        match &self.kind {
            Kind::Names(field) => Said::List(rules((field.of)(profile), name)),
            Kind::Globs(field) => Said::List(rules((field.of)(profile), path)),
            Kind::Classes(field) => Said::List(rules((field.of)(profile), class)),
            Kind::Only(field) => {
                let mut list = rules((field.of)(profile), name);
                list.extend(rules((field.of)(profile), path));
                Said::List(list)
            }
            Kind::Patterns(field) => {
                let patterns = (field.of)(profile);
                Said::List(entries(patterns, |pattern| Item::Text(pattern.as_str())))
            }
            Kind::Paths(field, _) => Said::List(strings((field.of)(profile))),
            Kind::Confined(field, _) => Said::Limit((field.of)(profile).as_deref().map(strings)),
            Kind::Ports(field) => Said::Limit(
                (field.of)(profile).as_deref().map(|ports| entries(ports, |port| Item::Port((*port).into()))),
            ),
            Kind::Scopes(field) => Said::List(entries((field.of)(profile), |scope| Item::Text(scope.name()))),
            Kind::Command(field) | Kind::Capabilities(field) => {
                scalar((field.of)(profile).as_ref(), |words| list(words.iter().map(|word| quote(word))))
            }
            Kind::Groups(field) => scalar((field.of)(profile).as_ref(), |ids| numbers(ids)),
            Kind::Principal(field) => scalar((field.of)(profile).as_ref(), |user| quote(&user.to_string())),
            Kind::Flag(field) => scalar((field.of)(profile).as_ref(), bool::to_string),
            Kind::Absent(field) => scalar((field.of)(profile).as_ref(), |()| "false".to_owned()),
            Kind::Filter(field) => scalar((field.of)(profile).as_ref(), |()| quote("filter")),
            Kind::Choice(choice) => {
                let said = (choice.of)(profile);
                Said::Scalar(said.map(|(word, profile)| Entry { value: quote(word), profile }))
            }
        }
    }
}

type Entries<'a> = Vec<Entry<'a, Item<'a>>>;

fn entries<T>(list: &[Sourced<T>], item: fn(&T) -> Item<'_>) -> Entries<'_> {
    list.iter().map(|said| Entry { value: item(&said.value), profile: &said.profile }).collect()
}

fn strings(list: &[Sourced<String>]) -> Entries<'_> {
    entries(list, |text| Item::Text(text))
}

fn rules(rules: &[Rule], text: fn(&Selector) -> Option<&str>) -> Entries<'_> {
    rules
        .iter()
        .filter_map(|rule| Some(Entry { value: Item::Text(text(&rule.value)?), profile: &rule.profile }))
        .collect()
}

fn name(selector: &Selector) -> Option<&str> {
    if let Selector::Name(name) = selector { Some(name) } else { None }
}

fn path(selector: &Selector) -> Option<&str> {
    if let Selector::Path(path) = selector { Some(path.as_str()) } else { None }
}

fn class(selector: &Selector) -> Option<&str> {
    if let Selector::Class(class) = selector { Some(class.name()) } else { None }
}

fn scalar<T>(said: Option<&Sourced<T>>, text: fn(&T) -> String) -> Said<'_> {
    Said::Scalar(said.map(|said| Entry { value: text(&said.value), profile: &said.profile }))
}

fn list(words: impl Iterator<Item = String>) -> String {
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

/// `profile` as TOML. Comments name the profile that each entry came from, and the controls of standards that ask for a
/// check: what `controls` returns for the full name of a key, such as `verify.process.user`.
pub fn to_toml(profile: &Profile, controls: &dyn Fn(&str) -> String) -> String {
    let mut out = String::from("schema = 1\n");
    if let Some(last) = profile.sources.last() {
        let _ = writeln!(out, "name = {}\ndescription = {}", quote(&last.name), quote(&last.description));
    }
    let sources: Vec<&str> = profile.sources.iter().map(|source| &*source.name).collect();
    let _ = writeln!(out, "# made from: {}", sources.join(", "));
    for section in SECTIONS {
        section.write(profile, controls, &mut out);
    }
    out
}

impl Section {
    fn write(&self, profile: &Profile, controls: &dyn Fn(&str) -> String, out: &mut String) {
        let before = out.len();
        let head = format!("\n[{}]\n", self.name);
        out.push_str(&head);
        for key in self.keys {
            let mut said = String::new();
            key.write(profile, &mut said);
            let controls =
                if said.is_empty() { said.clone() } else { controls(&format!("{}.{}", self.name, key.name)) };
            if !controls.is_empty() {
                let _ = writeln!(out, "# {controls}");
            }
            out.push_str(&said);
        }
        if out.len() == before + head.len() {
            out.truncate(before);
        }
        for inner in self.sections {
            inner.write(profile, controls, out);
        }
    }
}

impl Key {
    /// Writes the key. A list has one line for the entries of each profile.
    fn write(&self, profile: &Profile, out: &mut String) {
        let name = self.name;
        let (list, limits) = match self.said(profile) {
            Said::Scalar(said) => {
                if let Some(Entry { value, profile }) = said {
                    let _ = writeln!(out, "{name} = {value} # {profile}");
                }
                return;
            }
            Said::List(list) => (list, false),
            Said::Limit(limit) => {
                let Some(list) = limit else { return };
                (list, true)
            }
        };
        let Some(mut from) = list.first().map(|entry| entry.profile) else {
            if limits {
                let _ = writeln!(out, "{name} = []");
            }
            return;
        };
        let _ = write!(out, "{name} = [\n  ");
        for Entry { value, profile } in list {
            if from != profile {
                let _ = write!(out, "# {from}\n  ");
                from = profile;
            }
            let _ = write!(out, "{}, ", value.toml());
        }
        let _ = write!(out, "# {from}\n]\n");
    }
}

/// What controls of standards ask for the check of a key.
#[derive(Serialize)]
struct Control {
    key: String,
    controls: String,
}

#[derive(Serialize)]
struct Effective<'a> {
    schema: u8,
    sources: Vec<Origin<'a>>,
    remove: Map<Value<'a>>,
    keep: Map<Value<'a>>,
    strip: Map<Value<'a>>,
    verify: Map<Map<Value<'a>>>,
    seal: Map<Value<'a>>,
    confine: Map<Value<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    controls: Vec<Control>,
}

#[derive(Serialize)]
struct Origin<'a> {
    name: &'a str,
    description: &'a str,
}

/// A JSON object.
struct Map<T>(Vec<(&'static str, T)>);

impl<T: Serialize> Serialize for Map<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The value of a key in the JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Entries(Entries<'a>),
    Scalar(Entry<'a, String>),
    /// The word that counts, without the profile that set it.
    Word(&'a str),
    Words(Vec<&'a str>),
    /// No limit.
    Null,
}

/// `profile` as JSON. An entry is `{"value": ..., "profile": ...}`. `controls` is as for [`to_toml`].
pub fn to_json(profile: &Profile, controls: &dyn Fn(&str) -> String) -> String {
    let mut asking = Vec::new();
    for section in VERIFY.sections {
        for key in section.keys {
            let mut said = String::new();
            key.write(profile, &mut said);
            let key = format!("{}.{}", section.name, key.name);
            let controls = controls(&key);
            if !said.is_empty() && !controls.is_empty() {
                asking.push(Control { key, controls });
            }
        }
    }
    let sources = profile.sources.iter();
    json_line(&Effective {
        schema: 1,
        sources: sources.map(|source| Origin { name: &source.name, description: &source.description }).collect(),
        remove: REMOVE.map(profile),
        keep: KEEP.map(profile),
        strip: STRIP.map(profile).sorted(),
        verify: Map(VERIFY.sections.iter().map(|inner| (inner.key(), inner.map(profile).sorted())).collect()),
        seal: SEAL.map(profile),
        confine: CONFINE.map(profile),
        controls: asking,
    })
}

impl Map<Value<'_>> {
    fn sorted(mut self) -> Self {
        sort_by(&mut self.0, |a, b| a.0.cmp(b.0));
        self
    }
}

impl Section {
    fn map<'a>(&self, profile: &'a Profile) -> Map<Value<'a>> {
        Map(self.keys.iter().filter_map(|key| Some((key.name, key.value(profile)?))).collect())
    }
}

impl Key {
    /// The value for the JSON; `None` if no profile sets a flag or a single value.
    fn value<'a>(&self, profile: &'a Profile) -> Option<Value<'a>> {
        Some(match (&self.kind, self.said(profile)) {
            (Kind::Paths(field, defaults), _) if !defaults.is_empty() => {
                let said = (field.of)(profile);
                let said = said.iter().map(|said| said.value.as_str());
                let words: Vec<&str> = said.collect();
                Value::Words(if words.is_empty() { defaults.to_vec() } else { words })
            }
            (Kind::Choice(Choice { default: Some(default), of, .. }), _) => {
                Value::Word(of(profile).map_or(*default, |(word, _)| word))
            }
            (_, Said::List(list) | Said::Limit(Some(list))) => Value::Entries(list),
            (_, Said::Limit(None)) => Value::Null,
            (_, Said::Scalar(said)) => Value::Scalar(said?),
        })
    }
}
