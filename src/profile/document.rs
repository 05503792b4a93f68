//! One profile file as serde types: the TOML format, key by key.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, IgnoredAny, Visitor};
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) schema: Option<Spanned<u32>>,
    pub(super) name: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) include: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) remove: Remove,
    #[serde(default)]
    pub(super) strip: Strip,
    #[serde(default)]
    pub(super) keep: Keep,
    #[serde(default)]
    pub(super) verify: Verify,
    pub(super) confine: Option<Spanned<IgnoredAny>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    #[serde(default)]
    pub(super) names: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) paths: Vec<Spanned<String>>,
    pub(super) classes: Option<Spanned<IgnoredAny>>,
    #[serde(default)]
    pub(super) search: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) mounts: Vec<Spanned<String>>,
    pub(super) method: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Strip {
    pub(super) setid: Option<bool>,
    pub(super) file_capabilities: Option<bool>,
    pub(super) world_writable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    #[serde(default)]
    pub(super) names: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) paths: Vec<Spanned<String>>,
    pub(super) only: Option<Spanned<IgnoredAny>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    #[serde(default)]
    pub(super) mounts: Mounts,
    #[serde(default)]
    pub(super) process: Process,
    #[serde(default)]
    pub(super) files: Files,
    #[serde(default)]
    pub(super) exposure: Exposure,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mounts {
    #[serde(default)]
    pub(super) read_only: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) writable: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) writable_if_present: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) noexec: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    pub(super) user: Option<Spanned<Principal>>,
    pub(super) group: Option<Spanned<Principal>>,
    pub(super) groups: Option<Spanned<Vec<u32>>>,
    pub(super) no_new_privs: Option<bool>,
    pub(super) capabilities: Option<Vec<Spanned<String>>>,
    pub(super) seccomp: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Files {
    #[serde(default)]
    pub(super) absent: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) present: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exposure {
    pub(super) runtime_socket: Option<bool>,
    pub(super) service_account_token: Option<bool>,
    pub(super) host_pid: Option<bool>,
}

/// How a file is removed, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Mode 000: still there, for nobody to run.
    Disable,
    /// Unlinked.
    Delete,
}

impl Method {
    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Delete => "delete",
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

impl<'de> Deserialize<'de> for Principal {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PrincipalVisitor;
        impl Visitor<'_> for PrincipalVisitor {
            type Value = Principal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"non-root\", an id from 0 to 4294967294, or a name")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Principal, E> {
                match text {
                    "non-root" => Ok(Principal::NonRoot),
                    "" => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                    name => Ok(name.parse().map_or_else(|_| Principal::Name(name.to_owned()), Principal::Id)),
                }
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<Principal, E> {
                match u32::try_from(id) {
                    Ok(id) if id < u32::MAX => Ok(Principal::Id(id)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(id), &self)),
                }
            }
        }
        deserializer.deserialize_any(PrincipalVisitor)
    }
}
