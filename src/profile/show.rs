//! A profile's effective form: as TOML that gives the same profile again, each entry with its origin, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::{Profile, Rule, Selector, Sourced};
use crate::root::pattern::PathPattern;
use crate::text::json_line::json_line;

/// A TOML basic string (a JSON string is one, but for DEL).
/// As a TOML string.
pub(crate) fn quote(text: &str) -> String {
    json_line(&text).trim_end().replace('\u{7f}', "\\u007F")
}

struct Toml {
    out: String,
    table: &'static str,
}

impl Toml {
    fn table(&mut self, table: &'static str) {
        self.table = table;
    }

    /// Writes the table's head before its first key.
    fn head(&mut self) {
        if !self.table.is_empty() {
            let _ = write!(self.out, "\n[{}]\n", self.table);
            self.table = "";
        }
    }

    /// A list, one line for the entries of each profile.
    fn list<'a>(&mut self, key: &str, entries: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut open: Option<&str> = None;
        for (text, profile) in entries {
            match open {
                None => {
                    self.head();
                    let _ = write!(self.out, "{key} = [\n  ");
                }
                Some(previous) if previous != profile => {
                    let _ = write!(self.out, "# {previous}\n  ");
                }
                Some(_) => {}
            }
            let _ = write!(self.out, "{}, ", quote(text));
            open = Some(profile);
        }
        if let Some(profile) = open {
            let _ = write!(self.out, "# {profile}\n]\n");
        }
    }

    fn strings(&mut self, key: &str, entries: &[Sourced<String>]) {
        self.list(key, entries.iter().map(|entry| (entry.value.as_str(), &*entry.profile)));
    }

    fn patterns(&mut self, key: &str, entries: &[Sourced<PathPattern>]) {
        self.list(key, entries.iter().map(|entry| (entry.value.as_str(), &*entry.profile)));
    }

    /// A list that says something when it is empty, too.
    fn limit(&mut self, key: &str, entries: Option<&[Sourced<String>]>) {
        match entries {
            Some([]) => {
                self.head();
                let _ = writeln!(self.out, "{key} = []");
            }
            entries => self.strings(key, entries.unwrap_or_default()),
        }
    }

    fn scalars(&mut self, list: Vec<Scalar<'_>>) {
        for (key, value, profile) in list {
            self.head();
            let _ = writeln!(self.out, "{key} = {value} # {profile}");
        }
    }
}

fn names(rules: &[Rule]) -> impl Iterator<Item = (&str, &str)> {
    rules.iter().filter_map(|rule| match &rule.value {
        Selector::Name(name) => Some((name.as_str(), &*rule.profile)),
        Selector::Path(_) | Selector::Class(_) | Selector::Others => None,
    })
}

fn paths(rules: &[Rule]) -> impl Iterator<Item = (&str, &str)> {
    rules.iter().filter_map(|rule| match &rule.value {
        Selector::Path(path) => Some((path.as_str(), &*rule.profile)),
        Selector::Name(_) | Selector::Class(_) | Selector::Others => None,
    })
}

fn classes(rules: &[Rule]) -> impl Iterator<Item = (&str, &str)> {
    rules.iter().filter_map(|rule| match &rule.value {
        Selector::Class(class) => Some((class.name(), &*rule.profile)),
        Selector::Name(_) | Selector::Path(_) | Selector::Others => None,
    })
}

/// `profile` as TOML; comments name where each entry came from.
pub fn to_toml(profile: &Profile) -> String {
    let mut out = String::from("schema = 1\n");
    if let Some(last) = profile.sources.last() {
        let _ = writeln!(out, "name = {}\ndescription = {}", quote(&last.name), quote(&last.description));
    }
    let sources: Vec<&str> = profile.sources.iter().map(|source| &*source.name).collect();
    let _ = writeln!(out, "# made from: {}", sources.join(", "));
    let mut toml = Toml { out, table: "" };

    toml.table("remove");
    toml.list("names", names(&profile.remove));
    toml.list("paths", paths(&profile.remove));
    toml.list("classes", classes(&profile.remove));
    toml.strings("search", &profile.search);
    toml.strings("mounts", &profile.mounts);
    toml.patterns("force", &profile.force);
    let mut method = Vec::new();
    scalar(&mut method, "method", profile.method.as_ref(), |method| quote(method.name()));
    toml.scalars(method);
    toml.table("strip");
    toml.scalars(strip_scalars(profile));
    toml.table("keep");
    toml.list("names", names(&profile.keep));
    toml.list("paths", paths(&profile.keep));
    toml.list("only", names(&profile.only).chain(paths(&profile.only)));
    toml.scalars(keep_scalars(profile));

    let verify = &profile.verify;
    toml.table("verify.mounts");
    toml.strings("read_only", &verify.read_only);
    toml.strings("writable", &verify.writable);
    toml.strings("writable_if_present", &verify.writable_if_present);
    toml.strings("noexec", &verify.noexec);
    toml.table("verify.process");
    toml.scalars(process_scalars(profile));
    toml.table("verify.files");
    toml.patterns("absent", &verify.absent);
    toml.patterns("present", &verify.present);
    toml.table("verify.exposure");
    toml.scalars(exposure_scalars(profile));
    toml.table("confine");
    toml.limit("write", profile.confine.write.as_deref());
    toml.limit("execute", profile.confine.execute.as_deref());
    let mut mode = Vec::new();
    scalar(&mut mode, "mode", profile.confine.mode.as_ref(), |mode| quote(mode.name()));
    toml.scalars(mode);
    toml.out
}

/// An entry with its origin.
#[derive(Serialize)]
struct Entry<'a, T> {
    value: T,
    profile: &'a str,
}

type Entries<'a> = Vec<Entry<'a, &'a str>>;

#[derive(Serialize)]
struct Effective<'a> {
    schema: u8,
    sources: Vec<Origin<'a>>,
    remove: Remove<'a>,
    keep: Keep<'a>,
    strip: Flags<'a>,
    verify: Checks<'a>,
    confine: Confined<'a>,
}

/// `null` where nothing is limited.
#[derive(Serialize)]
struct Confined<'a> {
    write: Option<Entries<'a>>,
    execute: Option<Entries<'a>>,
    mode: &'a str,
}

#[derive(Serialize)]
struct Origin<'a> {
    name: &'a str,
    description: &'a str,
}

#[derive(Serialize)]
struct Remove<'a> {
    names: Entries<'a>,
    paths: Entries<'a>,
    classes: Entries<'a>,
    search: Vec<&'a str>,
    mounts: Entries<'a>,
    force: Entries<'a>,
    method: &'a str,
}

#[derive(Serialize)]
struct Keep<'a> {
    names: Entries<'a>,
    paths: Entries<'a>,
    only: Entries<'a>,
    #[serde(flatten)]
    scalars: Flags<'a>,
}

/// Flags and single values, by key; only those that a profile sets.
type Flags<'a> = BTreeMap<&'a str, Entry<'a, String>>;

#[derive(Serialize)]
struct Checks<'a> {
    mounts: BTreeMap<&'a str, Entries<'a>>,
    process: Flags<'a>,
    files: BTreeMap<&'a str, Entries<'a>>,
    exposure: Flags<'a>,
}

/// `profile` as JSON: each entry is `{"value": ..., "profile": ...}`.
pub fn to_json(profile: &Profile) -> String {
    fn rules<'a>(list: impl Iterator<Item = (&'a str, &'a str)>) -> Entries<'a> {
        list.map(|(value, profile)| Entry { value, profile }).collect()
    }
    fn strings(list: &[Sourced<String>]) -> Entries<'_> {
        rules(list.iter().map(|entry| (entry.value.as_str(), &*entry.profile)))
    }
    fn patterns(list: &[Sourced<PathPattern>]) -> Entries<'_> {
        rules(list.iter().map(|entry| (entry.value.as_str(), &*entry.profile)))
    }
    let verify = &profile.verify;
    json_line(&Effective {
        schema: 1,
        sources: profile
            .sources
            .iter()
            .map(|source| Origin { name: &source.name, description: &source.description })
            .collect(),
        remove: Remove {
            names: rules(names(&profile.remove)),
            paths: rules(paths(&profile.remove)),
            classes: rules(classes(&profile.remove)),
            search: profile.search(),
            mounts: strings(&profile.mounts),
            force: patterns(&profile.force),
            method: profile.method().name(),
        },
        keep: Keep {
            names: rules(names(&profile.keep)),
            paths: rules(paths(&profile.keep)),
            only: rules(names(&profile.only).chain(paths(&profile.only))),
            scalars: scalars(keep_scalars(profile)),
        },
        strip: scalars(strip_scalars(profile)),
        verify: Checks {
            mounts: BTreeMap::from([
                ("read_only", strings(&verify.read_only)),
                ("writable", strings(&verify.writable)),
                ("writable_if_present", strings(&verify.writable_if_present)),
                ("noexec", strings(&verify.noexec)),
            ]),
            process: scalars(process_scalars(profile)),
            files: BTreeMap::from([("absent", patterns(&verify.absent)), ("present", patterns(&verify.present))]),
            exposure: scalars(exposure_scalars(profile)),
        },
        confine: Confined {
            write: profile.confine.write.as_deref().map(strings),
            execute: profile.confine.execute.as_deref().map(strings),
            mode: profile.confine.mode().name(),
        },
    })
}

fn scalars(list: Vec<Scalar<'_>>) -> Flags<'_> {
    list.into_iter().map(|(key, value, profile)| (key, Entry { value, profile })).collect()
}

/// A key, its value as TOML, and its origin.
type Scalar<'a> = (&'static str, String, &'a str);

fn scalar<'a, T>(
    list: &mut Vec<Scalar<'a>>,
    key: &'static str,
    value: Option<&'a Sourced<T>>,
    text: impl Fn(&T) -> String,
) {
    list.extend(value.map(|entry| (key, text(&entry.value), &*entry.profile)));
}

fn strip_scalars(profile: &Profile) -> Vec<Scalar<'_>> {
    let mut list = Vec::new();
    scalar(&mut list, "setid", profile.strip.setid.as_ref(), bool::to_string);
    scalar(&mut list, "file_capabilities", profile.strip.file_capabilities.as_ref(), bool::to_string);
    scalar(&mut list, "world_writable", profile.strip.world_writable.as_ref(), bool::to_string);
    scalar(&mut list, "login_shells", profile.strip.login_shells.as_ref(), bool::to_string);
    list
}

fn keep_scalars(profile: &Profile) -> Vec<Scalar<'_>> {
    let mut list = Vec::new();
    let array =
        |words: &Vec<String>| format!("[{}]", words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(", "));
    scalar(&mut list, "app", profile.app.as_ref(), array);
    scalar(&mut list, "libraries", profile.libraries.as_ref(), |libraries| quote(libraries.name()));
    list
}

fn process_scalars(profile: &Profile) -> Vec<Scalar<'_>> {
    let (mut list, verify) = (Vec::new(), &profile.verify);
    scalar(&mut list, "user", verify.user.as_ref(), |user| quote(&user.to_string()));
    scalar(&mut list, "group", verify.group.as_ref(), |group| quote(&group.to_string()));
    scalar(&mut list, "groups", verify.groups.as_ref(), |ids| format!("{ids:?}"));
    scalar(&mut list, "no_new_privs", verify.no_new_privs.as_ref(), bool::to_string);
    scalar(&mut list, "capabilities", verify.capabilities.as_ref(), |names| format!("{names:?}"));
    scalar(&mut list, "seccomp", verify.seccomp.as_ref(), |()| quote("filter"));
    list
}

fn exposure_scalars(profile: &Profile) -> Vec<Scalar<'_>> {
    let (mut list, verify) = (Vec::new(), &profile.verify);
    scalar(&mut list, "runtime_socket", verify.no_runtime_socket.as_ref(), |()| "false".to_owned());
    scalar(&mut list, "service_account_token", verify.no_service_account_token.as_ref(), |()| "false".to_owned());
    scalar(&mut list, "host_pid", verify.no_host_pid.as_ref(), |()| "false".to_owned());
    list
}
