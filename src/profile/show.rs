//! A profile's effective form: as TOML that gives the same profile again, each entry with its origin, and as JSON.

use std::fmt::{Display, Write};

use serde_json::{Value, json};

use super::{Profile, Rule, Selector, Sourced};

/// A TOML basic string (a JSON string is one, but for DEL).
fn quote(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
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

    fn scalar<T>(&mut self, key: &str, value: Option<&Sourced<T>>, text: impl Fn(&T) -> String) {
        if let Some(entry) = value {
            self.head();
            let _ = writeln!(self.out, "{key} = {} # {}", text(&entry.value), entry.profile);
        }
    }
}

fn names(rules: &[Rule]) -> impl Iterator<Item = (&str, &str)> {
    rules.iter().filter_map(|rule| match &rule.value {
        Selector::Name(name) => Some((name.as_str(), &*rule.profile)),
        Selector::Path(_) => None,
    })
}

fn paths(rules: &[Rule]) -> impl Iterator<Item = (&str, &str)> {
    rules.iter().filter_map(|rule| match &rule.value {
        Selector::Path(path) => Some((path.as_str(), &*rule.profile)),
        Selector::Name(_) => None,
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
    let text = |value: &bool| value.to_string();
    let principal = |value: &super::Principal| quote(&value.to_string());

    toml.table("remove");
    toml.list("names", names(&profile.remove));
    toml.list("paths", paths(&profile.remove));
    toml.strings("search", &profile.search);
    toml.strings("mounts", &profile.mounts);
    toml.scalar("method", profile.method.as_ref(), |method| quote(method.name()));

    toml.table("strip");
    toml.scalar("setid", profile.strip.setid.as_ref(), text);
    toml.scalar("file_capabilities", profile.strip.file_capabilities.as_ref(), text);
    toml.scalar("world_writable", profile.strip.world_writable.as_ref(), text);

    toml.table("keep");
    toml.list("names", names(&profile.keep));
    toml.list("paths", paths(&profile.keep));

    let verify = &profile.verify;
    toml.table("verify.mounts");
    toml.strings("read_only", &verify.read_only);
    toml.strings("writable", &verify.writable);
    toml.strings("writable_if_present", &verify.writable_if_present);
    toml.strings("noexec", &verify.noexec);

    toml.table("verify.process");
    toml.scalar("user", verify.user.as_ref(), principal);
    toml.scalar("group", verify.group.as_ref(), principal);
    toml.scalar("groups", verify.groups.as_ref(), |ids| format!("{ids:?}"));
    toml.scalar("no_new_privs", verify.no_new_privs.as_ref(), text);
    toml.scalar("capabilities", verify.capabilities.as_ref(), |names| Value::from(names.clone()).to_string());
    toml.scalar("seccomp", verify.seccomp.as_ref(), |()| quote("filter"));

    toml.table("verify.files");
    for (key, patterns) in [("absent", &verify.absent), ("present", &verify.present)] {
        toml.list(key, patterns.iter().map(|pattern| (pattern.value.as_str(), &*pattern.profile)));
    }

    toml.table("verify.exposure");
    let hidden = |(): &()| "false".to_owned();
    toml.scalar("runtime_socket", verify.no_runtime_socket.as_ref(), hidden);
    toml.scalar("service_account_token", verify.no_service_account_token.as_ref(), hidden);
    toml.scalar("host_pid", verify.no_host_pid.as_ref(), hidden);
    toml.out
}

/// `profile` as JSON: each entry is `{"value": ..., "profile": ...}`.
pub fn to_json(profile: &Profile) -> Value {
    fn entries<T: Display>(list: &[Sourced<T>]) -> Value {
        list.iter().map(|entry| json!({"value": entry.value.to_string(), "profile": &*entry.profile})).collect()
    }
    fn rules<'a>(list: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
        list.map(|(value, profile)| json!({"value": value, "profile": profile})).collect()
    }
    fn scalar<T, V: Into<Value>>(value: Option<&Sourced<T>>, text: impl Fn(&T) -> V) -> Value {
        value.map_or(Value::Null, |entry| json!({"value": text(&entry.value).into(), "profile": &*entry.profile}))
    }
    let patterns = |list: &[Sourced<crate::pattern::PathPattern>]| -> Value {
        list.iter().map(|entry| json!({"value": entry.value.as_str(), "profile": &*entry.profile})).collect()
    };
    let verify = &profile.verify;
    json!({
        "schema": 1,
        "sources": profile.sources.iter().map(|source| json!({"name": &*source.name, "description": source.description})).collect::<Value>(),
        "remove": {
            "names": rules(names(&profile.remove)),
            "paths": rules(paths(&profile.remove)),
            "search": profile.search(),
            "mounts": entries(&profile.mounts),
            "method": profile.method().name(),
        },
        "strip": {
            "setid": scalar(profile.strip.setid.as_ref(), |on| *on),
            "file_capabilities": scalar(profile.strip.file_capabilities.as_ref(), |on| *on),
            "world_writable": scalar(profile.strip.world_writable.as_ref(), |on| *on),
        },
        "keep": {"names": rules(names(&profile.keep)), "paths": rules(paths(&profile.keep))},
        "verify": {
            "mounts": {
                "read_only": entries(&verify.read_only),
                "writable": entries(&verify.writable),
                "writable_if_present": entries(&verify.writable_if_present),
                "noexec": entries(&verify.noexec),
            },
            "process": {
                "user": scalar(verify.user.as_ref(), ToString::to_string),
                "group": scalar(verify.group.as_ref(), ToString::to_string),
                "groups": scalar(verify.groups.as_ref(), Clone::clone),
                "no_new_privs": scalar(verify.no_new_privs.as_ref(), |on| *on),
                "capabilities": scalar(verify.capabilities.as_ref(), Clone::clone),
                "seccomp": scalar(verify.seccomp.as_ref(), |()| "filter"),
            },
            "files": {"absent": patterns(&verify.absent), "present": patterns(&verify.present)},
            "exposure": {
                "runtime_socket": scalar(verify.no_runtime_socket.as_ref(), |()| false),
                "service_account_token": scalar(verify.no_service_account_token.as_ref(), |()| false),
                "host_pid": scalar(verify.no_host_pid.as_ref(), |()| false),
            },
        },
    })
}
