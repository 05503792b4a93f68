//! One profile file, key by key: the TOML format as Rust types.
//!
//! Read from the parsed tree by hand: serde's derived code for the same tables takes 110 kB more in the binary, and
//! knows less to say about a mistake.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::{ProfileError, SourceText, nearest};
use crate::escape::escape;

/// The whole file.
pub(super) struct Document {
    pub(super) schema: Option<Spanned<u32>>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) description: String,
    pub(super) include: Vec<Spanned<String>>,
    pub(super) remove: Remove,
    pub(super) strip: Strip,
    pub(super) keep: Keep,
    pub(super) verify: Verify,
}

pub(super) struct Remove {
    pub(super) names: Vec<Spanned<String>>,
    pub(super) paths: Vec<Spanned<String>>,
    pub(super) classes: Vec<Spanned<String>>,
    pub(super) search: Vec<Spanned<String>>,
    pub(super) mounts: Vec<Spanned<String>>,
    pub(super) force: Vec<Spanned<String>>,
    pub(super) method: Option<Spanned<String>>,
}

pub(super) struct Strip {
    pub(super) setid: Option<bool>,
    pub(super) file_capabilities: Option<bool>,
    pub(super) world_writable: Option<bool>,
    pub(super) login_shells: Option<bool>,
}

pub(super) struct Keep {
    pub(super) names: Vec<Spanned<String>>,
    pub(super) paths: Vec<Spanned<String>>,
    pub(super) only: Vec<Spanned<String>>,
    pub(super) libraries: Option<Spanned<String>>,
}

pub(super) struct Verify {
    pub(super) mounts: Mounts,
    pub(super) process: Process,
    pub(super) files: Files,
    pub(super) exposure: Exposure,
}

pub(super) struct Mounts {
    pub(super) read_only: Vec<Spanned<String>>,
    pub(super) writable: Vec<Spanned<String>>,
    pub(super) writable_if_present: Vec<Spanned<String>>,
    pub(super) noexec: Vec<Spanned<String>>,
}

pub(super) struct Process {
    pub(super) user: Option<Spanned<Principal>>,
    pub(super) group: Option<Spanned<Principal>>,
    pub(super) groups: Option<Vec<u32>>,
    pub(super) no_new_privs: Option<bool>,
    pub(super) capabilities: Option<Vec<Spanned<String>>>,
    pub(super) seccomp: Option<Spanned<String>>,
}

pub(super) struct Files {
    pub(super) absent: Vec<Spanned<String>>,
    pub(super) present: Vec<Spanned<String>>,
}

pub(super) struct Exposure {
    pub(super) runtime_socket: Option<bool>,
    pub(super) service_account_token: Option<bool>,
    pub(super) host_pid: Option<bool>,
}

impl Document {
    pub(super) fn parse(source: SourceText<'_>) -> Result<Self, ProfileError> {
        let parsed = DeTable::parse(source.text).map_err(|error| source.toml_error(&error))?;
        let mut top = Table { source, name: "", entries: parsed.into_inner(), known: Vec::new(), error: None };
        let document = Self {
            schema: top.number("schema"),
            name: top.string("name"),
            description: top.string("description").map(Spanned::into_inner).unwrap_or_default(),
            include: top.strings("include"),
            remove: top.table(
                "remove",
                "remove",
                |table| Remove {
                    names: table.strings("names"),
                    paths: table.strings("paths"),
                    classes: table.strings("classes"),
                    search: table.strings("search"),
                    mounts: table.strings("mounts"),
                    force: table.strings("force"),
                    method: table.string("method"),
                },
                &[],
            ),
            strip: top.table(
                "strip",
                "strip",
                |table| Strip {
                    setid: table.flag("setid"),
                    file_capabilities: table.flag("file_capabilities"),
                    world_writable: table.flag("world_writable"),
                    login_shells: table.flag("login_shells"),
                },
                &[],
            ),
            keep: top.table(
                "keep",
                "keep",
                |table| Keep {
                    names: table.strings("names"),
                    paths: table.strings("paths"),
                    only: table.strings("only"),
                    libraries: table.string("libraries"),
                },
                &[],
            ),
            verify: top.table("verify", "verify", verify, &[]),
        };
        top.finish(&["confine"]);
        match top.error {
            None => Ok(document),
            Some((_, error)) => Err(error),
        }
    }
}

fn verify(table: &mut Table<'_, '_>) -> Verify {
    Verify {
        mounts: table.table(
            "mounts",
            "verify.mounts",
            |table| Mounts {
                read_only: table.strings("read_only"),
                writable: table.strings("writable"),
                writable_if_present: table.strings("writable_if_present"),
                noexec: table.strings("noexec"),
            },
            &[],
        ),
        process: table.table(
            "process",
            "verify.process",
            |table| Process {
                user: table.principal("user"),
                group: table.principal("group"),
                groups: table.numbers("groups"),
                no_new_privs: table.flag("no_new_privs"),
                capabilities: table.optional_strings("capabilities"),
                seccomp: table.string("seccomp"),
            },
            &[],
        ),
        files: table.table(
            "files",
            "verify.files",
            |table| Files { absent: table.strings("absent"), present: table.strings("present") },
            &[],
        ),
        exposure: table.table(
            "exposure",
            "verify.exposure",
            |table| Exposure {
                runtime_socket: table.flag("runtime_socket"),
                service_account_token: table.flag("service_account_token"),
                host_pid: table.flag("host_pid"),
            },
            &[],
        ),
    }
}

/// One table being read: keys are taken out one by one, and what is left over is unknown. The first mistake is kept,
/// and reading goes on with what a missing key would give: one way out in place of one for each key.
struct Table<'a, 'i> {
    source: SourceText<'a>,
    name: &'static str,
    entries: DeTable<'i>,
    known: Vec<&'static str>,
    /// The first mistake in the text, and where it begins.
    error: Option<(usize, ProfileError)>,
}

impl<'a, 'i> Table<'a, 'i> {
    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, DeValue<'i>)> {
        self.known.push(key);
        self.entries.remove(key).map(|value| (value.span(), value.into_inner()))
    }

    fn fail(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        if self.error.as_ref().is_none_or(|(start, _)| span.start < *start) {
            self.error = Some((span.start, self.source.error(span, message, hint)));
        }
    }

    fn wrong(&mut self, span: Range<usize>, key: &str, value: &DeValue<'_>, wanted: &str) {
        let hint = wanted
            .starts_with("a list")
            .then(|| format!("a list has brackets, also with one entry: {key} = [\"...\"]"));
        self.fail(span, format!("`{key}` must be {wanted}, not {}", described(value)), hint);
    }

    fn string(&mut self, key: &'static str) -> Option<Spanned<String>> {
        match self.take(key)? {
            (span, DeValue::String(text)) => Some(Spanned::new(span, text.into_owned())),
            (span, value) => {
                self.wrong(span, key, &value, "a string");
                None
            }
        }
    }

    fn strings(&mut self, key: &'static str) -> Vec<Spanned<String>> {
        self.optional_strings(key).unwrap_or_default()
    }

    fn optional_strings(&mut self, key: &'static str) -> Option<Vec<Spanned<String>>> {
        let items = self.list(key, "a list of strings")?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let span = item.span();
            match item.into_inner() {
                DeValue::String(text) => list.push(Spanned::new(span, text.into_owned())),
                value => self.wrong(span, key, &value, "a list of strings"),
            }
        }
        Some(list)
    }

    fn list(&mut self, key: &'static str, wanted: &str) -> Option<DeArray<'i>> {
        match self.take(key)? {
            (_, DeValue::Array(items)) => Some(items),
            (span, value) => {
                self.wrong(span, key, &value, wanted);
                None
            }
        }
    }

    fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)? {
            (_, DeValue::Boolean(flag)) => Some(flag),
            (span, value) => {
                self.wrong(span, key, &value, "true or false");
                None
            }
        }
    }

    fn number(&mut self, key: &'static str) -> Option<Spanned<u32>> {
        let (span, value) = self.take(key)?;
        let number = id(&value);
        if number.is_none() {
            self.wrong(span.clone(), key, &value, "a number");
        }
        number.map(|number| Spanned::new(span, number))
    }

    fn numbers(&mut self, key: &'static str) -> Option<Vec<u32>> {
        let wanted = "a list of ids from 0 to 4294967294";
        let mut list = Vec::new();
        for item in self.list(key, wanted)? {
            match id(item.get_ref()) {
                Some(id) => list.push(id),
                None => self.wrong(item.span(), key, item.get_ref(), wanted),
            }
        }
        Some(list)
    }

    fn principal(&mut self, key: &'static str) -> Option<Spanned<Principal>> {
        let (span, value) = self.take(key)?;
        let principal = match &value {
            DeValue::String(text) if text == "non-root" => Some(Principal::NonRoot),
            DeValue::String(text) if !text.is_empty() => {
                Some(text.parse().map_or_else(|_| Principal::Name(text.clone().into_owned()), Principal::Id))
            }
            value => id(value).map(Principal::Id),
        };
        if principal.is_none() {
            self.wrong(span.clone(), key, &value, "\"non-root\", an id from 0 to 4294967294, or a name");
        }
        principal.map(|principal| Spanned::new(span, principal))
    }

    /// Reads the table `key`, an empty one where it is missing; `name` is its full name. `unsupported` are keys of the
    /// format that this version does not carry out.
    fn table<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        read: impl FnOnce(&mut Table<'a, 'i>) -> T,
        unsupported: &[&'static str],
    ) -> T {
        let entries = match self.take(key) {
            None => DeTable::new(),
            Some((_, DeValue::Table(entries))) => entries,
            Some((span, value)) => {
                self.wrong(span, key, &value, "a table");
                DeTable::new()
            }
        };
        let mut table = Table { source: self.source, name, entries, known: Vec::new(), error: self.error.take() };
        let result = read(&mut table);
        table.finish(unsupported);
        self.error = table.error;
        result
    }

    /// What was not taken is unknown, or not carried out by this version: accepting it would promise what is not done.
    fn finish(&mut self, unsupported: &[&'static str]) {
        let Some(key) = self.entries.keys().min_by_key(|key| key.span().start) else { return };
        let (span, unknown) = (key.span(), escape(key.get_ref().as_bytes()));
        let table = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        if unsupported.contains(&unknown.as_str()) {
            let message = format!("`{unknown}`{table} is not supported by lithify {}", env!("CARGO_PKG_VERSION"));
            return self.fail(span, message, Some("remove it, or use a newer lithify".to_owned()));
        }
        let hint = match nearest(&unknown, self.known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", self.known.join(", ")),
        };
        self.fail(span, format!("unknown key `{unknown}`{table}"), Some(hint));
    }
}

/// A user or group id; 4294967295 means "no change" to the kernel (chown(2)) and is none.
fn id(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|id| *id < u32::MAX)
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string \"{}\"", escape(text.as_bytes())),
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// How a file is removed, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Mode 000: still there, for nobody to run.
    Disable,
    /// Replaced by a stub that says what was removed and reports the attempt.
    Tombstone,
    /// Unlinked.
    Delete,
}

impl Method {
    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Tombstone => "tombstone",
            Self::Delete => "delete",
        }
    }
}

/// Which shared libraries an allow-list leaves, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Libraries {
    /// All of them.
    All,
    /// Those that the kept programs need.
    Closure,
}

impl Libraries {
    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Closure => "closure",
        }
    }
}

/// `user` and `group` of `[verify.process]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Any id but 0.
    NonRoot,
    /// This id.
    Id(u32),
    /// The id that `/etc/passwd` or `/etc/group` inside the root gives this name.
    Name(String),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonRoot => f.write_str("non-root"),
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}
