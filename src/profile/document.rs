//! One profile file, key by key: the TOML format as Rust types.
//!
//! Read from the parsed tree by hand: serde's derived code for the same tables takes 110 kB more in the binary, and
//! knows less to say about a mistake.

use std::fmt;
use toml::Spanned;

use super::diagnostic::{ProfileError, SourceText};
use super::table::Table;

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
    pub(super) confine: Confine,
}

pub(super) struct Confine {
    pub(super) write: Option<Vec<Spanned<String>>>,
    pub(super) execute: Option<Vec<Spanned<String>>>,
    pub(super) mode: Option<Spanned<String>>,
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
    pub(super) app: Option<Vec<Spanned<String>>>,
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
        let mut top = Table::parse(source)?;
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
                    app: table.optional_strings("app"),
                    libraries: table.string("libraries"),
                },
                &[],
            ),
            verify: top.table("verify", "verify", verify, &[]),
            confine: top.table(
                "confine",
                "confine",
                |table| Confine {
                    write: table.optional_strings("write"),
                    execute: table.optional_strings("execute"),
                    mode: table.string("mode"),
                },
                &[],
            ),
        };
        top.into_result(document, &[])
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

/// What happens where `[confine]` cannot be enforced whole, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfineMode {
    /// What there is is enforced, and said.
    BestEffort,
    /// The app is not started.
    Require,
}

impl ConfineMode {
    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::BestEffort => "best-effort",
            Self::Require => "require",
        }
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
