//! The tables and keys of the profile, before they are text or join an earlier profile.

use super::reasons;
use crate::learn::{App, Confined, Kept, Learned, Process, Unconfined, Writable, Written};
use crate::linux::proc::status::capability_names;
use crate::profile::{Principal, quote};
use crate::root::Canonical;
use crate::root::pattern::literal;

/// A table of the profile.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) keys: Vec<Key>,
}

/// A key of it.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) value: Value,
}

/// What the key says.
pub(super) enum Value {
    List(Vec<Item>),
    /// As TOML, and what it was seen for.
    Scalar(String, String),
    /// Why the key is not there.
    Remark(String),
}

/// An entry of a list.
pub(super) struct Item {
    /// The entry; the bytes of what is not UTF-8.
    pub(super) text: Result<String, Vec<u8>>,
    /// What it was seen for.
    pub(super) why: String,
}

impl Item {
    /// An entry of a list of paths.
    fn path(path: &Canonical, why: String) -> Self {
        Self { text: String::from_utf8(path.to_vec()).map_err(|_| path.to_vec()), why }
    }

    /// An entry of a list of globs.
    fn glob(kept: &Kept) -> Self {
        let text = String::from_utf8(literal(&kept.path)).map_err(|_| kept.path.to_vec());
        Self { text, why: reasons::kept(&kept.why) }
    }
}

/// What the profile says.
pub(super) fn tables(learned: &Learned) -> Vec<Table> {
    vec![
        Table { name: "keep", keys: keep(learned) },
        Table { name: "verify.mounts", keys: mounts(learned) },
        Table { name: "verify.process", keys: process(&learned.process) },
        Table { name: "confine", keys: confine(&learned.confined, learned) },
    ]
}

fn keep(learned: &Learned) -> Vec<Key> {
    let mut keys = vec![Key { name: "only", value: Value::List(learned.only.iter().map(Item::glob).collect()) }];
    // Without a list of programs there is no closure.
    let listed = learned.only.iter().any(|kept| std::str::from_utf8(&kept.path).is_ok());
    let libraries = if !listed {
        Value::Remark("left out: no program is listed".to_owned())
    } else if learned.closure {
        let why = match learned.libraries {
            1 => "1 library was loaded".to_owned(),
            count => format!("{count} libraries were loaded"),
        };
        Value::Scalar(quote("closure"), why)
    } else {
        Value::Remark(
            "left out: a library that a program needs was not found, so \"closure\" would be refused".to_owned(),
        )
    };
    keys.push(Key { name: "libraries", value: libraries });
    if !learned.paths.is_empty() {
        keys.push(Key { name: "paths", value: Value::List(learned.paths.iter().map(Item::glob).collect()) });
    }
    let app = match &learned.app {
        App::Unknown => return keys,
        App::Command(words) => {
            let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
            Value::Scalar(format!("[{}]", words.join(", ")), "the command that was started".to_owned())
        }
        App::Unwritable => Value::Remark("left out: a word of the command is not UTF-8, or empty".to_owned()),
        App::Names(programs) => Value::Remark(format!(
            "left out: it would also protect what its script names and did not start: {}",
            reasons::some(programs)
        )),
    };
    keys.push(Key { name: "app", value: app });
    keys
}

fn mounts(learned: &Learned) -> Vec<Key> {
    let Some(writable) = &learned.writable else {
        let why = "left out: what was written could not be found out".to_owned();
        return vec![Key { name: "writable", value: Value::Remark(why) }];
    };
    let mut keys = Vec::new();
    for (name, made) in [("writable", false), ("writable_if_present", true)] {
        // It is not known whether the app needs a place for temporary files: the check must not fail without one.
        let of_key =
            |place: &&Writable| place.made == made && place.path != b"/" && place.written != Written::Temporary;
        let items: Vec<Item> =
            writable.iter().filter(of_key).map(|place| Item::path(&place.path, reasons::written(place))).collect();
        if !items.is_empty() {
            keys.push(Key { name, value: Value::List(items) });
        }
    }
    if writable.iter().any(|place| place.path == b"/") {
        let why = "the app makes files right in /, where no volume can be mounted".to_owned();
        keys.push(Key { name: "/", value: Value::Remark(why) });
    }
    keys
}

fn process(process: &Process) -> Vec<Key> {
    let mut keys = Vec::new();
    for (name, said, what) in [("user", &process.user, "process"), ("group", &process.group, "process's group")] {
        let value = match said {
            Some(Principal::NonRoot) => Value::Scalar(quote("non-root"), format!("no {what} was root")),
            Some(id) => Value::Scalar(id.to_string(), format!("each {what} had this id")),
            None if name == "user" && !process.root.is_empty() => {
                Value::Remark(format!("left out: root ran {}", reasons::some(&process.root)))
            }
            None => continue,
        };
        keys.push(Key { name, value });
    }
    let Some(capabilities) = process.capabilities else { return keys };
    let names = capability_names(capabilities);
    let effective = capability_names(process.effective);
    let value = if names.iter().any(|name| name.contains(' ')) {
        Value::Remark("left out: a capability was seen that lithify does not know".to_owned())
    } else {
        let why = |name: &String| {
            if effective.contains(name) { "in effect" } else { "could be gained, and was never in effect" }
        };
        Value::List(names.iter().map(|name| Item { text: Ok(name.clone()), why: why(name).to_owned() }).collect())
    };
    keys.push(Key { name: "capabilities", value });
    keys
}

fn confine(confined: &Confined, learned: &Learned) -> Vec<Key> {
    let mut keys = Vec::new();
    for (name, said) in [("write", &confined.write), ("execute", &confined.execute)] {
        let why = |path: &Canonical| if name == "write" { written(path, learned) } else { executed(path, learned) };
        let value = match said {
            Ok(paths) => Value::List(paths.iter().map(|path| Item::path(path, why(path))).collect()),
            Err(reason) => Value::Remark(format!("left out: {}", unconfined(reason))),
        };
        keys.push(Key { name, value });
    }
    if confined.write.is_ok() || confined.execute.is_ok() {
        let why = "\"require\" starts nothing where the kernel cannot enforce all of this".to_owned();
        keys.push(Key { name: "mode", value: Value::Scalar(quote("best-effort"), why) });
    }
    keys
}

fn written(path: &Canonical, learned: &Learned) -> String {
    let places = learned.writable.iter().flatten();
    let of_path = places.filter(|place| place.path.is_within(path));
    match of_path.clone().find(|place| place.path == *path).or_else(|| of_path.clone().next()) {
        Some(place) if place.path == *path => reasons::written(place),
        Some(place) => format!("{} was made in it", place.path),
        None => "written to".to_owned(),
    }
}

fn executed(path: &Canonical, learned: &Learned) -> String {
    let count = learned.only.iter().filter(|kept| kept.path.is_within(path)).count();
    match count {
        0 => "what programs need to start".to_owned(),
        1 => "1 program".to_owned(),
        count => format!("{count} programs"),
    }
}

fn unconfined(reason: &Unconfined) -> String {
    match reason {
        Unconfined::Privileged(path) => format!(
            "{path} has setuid, setgid or file capabilities, and Landlock asks for no_new_privs, under which they have no effect"
        ),
        Unconfined::WritesUnknown => "what was written could not be found out".to_owned(),
        Unconfined::WritesRoot(path) if *path == b"/" => "the app makes files right in /".to_owned(),
        Unconfined::WritesRoot(path) => {
            format!("the app made {path} right in /; with a volume there, list {path}")
        }
        Unconfined::RunsWritten(path) => {
            format!("{path} was started and lies where the app writes, and nothing may be both writable and executable")
        }
        Unconfined::NotText(path) => format!("{path} is not UTF-8"),
        Unconfined::NothingSeen => "no program was seen".to_owned(),
    }
}
