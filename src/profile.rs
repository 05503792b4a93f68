//! Profiles: what to remove, keep, strip, verify and confine. They are read from TOML and combined into one.

pub mod builtin;
mod combine;
pub(crate) mod diagnostic;
mod document;
mod keys;
pub(crate) mod load;
pub(crate) mod place;
mod schema;
mod show;
pub(crate) mod table;
mod values;

use std::collections::HashMap;
use std::rc::Rc;

pub use diagnostic::{Diagnostic, ProfileError, SourceText};
pub(crate) use load::{is_file, load_as, load_file};
pub use load::{load, load_text};
pub(crate) use schema::schema;
pub(crate) use show::quote;
pub use show::{to_json, to_toml};
pub use values::{ConfineMode, Libraries, Method, Principal, Scope};

use crate::recognise::catalogue::Class;
use crate::recognise::search_path::DEFAULT_SEARCH;
use crate::root::pattern::PathPattern;
use crate::text::list::quoted;

/// A value and the profile that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Name of the profile that set the value, or `command line`.
    pub profile: Rc<str>,
}

/// What a rule of `[remove]` or `[keep]` selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A file name, in each directory of `search`.
    Name(String),
    /// An absolute glob inside the root.
    Path(PathPattern),
    /// Programs of a class: by their content anywhere in the root, and by their name in each directory of `search`.
    Class(Class),
    /// Every executable except those of `[keep] only`, what they need to start, and what `[keep]` saves.
    Others,
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(f, "names {}", quoted(name)),
            Self::Path(pattern) => write!(f, "paths {}", quoted(pattern.as_str())),
            Self::Class(class) => write!(f, "classes {}", quoted(class.name())),
            Self::Others => f.write_str("[keep] only"),
        }
    }
}

/// A rule with the profile that it came from.
pub type Rule = Sourced<Selector>;

/// The names in `rules`, each with the index of its rule.
pub(crate) fn names_in(rules: &[Rule]) -> HashMap<&[u8], usize> {
    let mut names = HashMap::with_capacity(rules.len());
    names.extend(rules.iter().enumerate().filter_map(|(index, rule)| match &rule.value {
        Selector::Name(name) => Some((name.as_bytes(), index)),
        Selector::Path(_) | Selector::Class(_) | Selector::Others => None,
    }));
    names
}

/// One profile that the effective profile was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its `name`, or its file if it has no name.
    pub name: Rc<str>,
    /// Its `description`.
    pub description: String,
}

/// The effective profile: the named profiles and their includes, combined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The profiles that it was made from, includes first.
    pub sources: Vec<Source>,
    /// `[remove] names`, `paths` and `classes`.
    pub remove: Vec<Rule>,
    /// `[remove] search`: the directories for names; [`DEFAULT_SEARCH`] if no profile has the key.
    pub search: Vec<Sourced<String>>,
    /// `[remove] mounts`: the mount points that removal may enter.
    pub mounts: Vec<Sourced<String>>,
    /// `[remove] force`: files that go although the app runs them or needs them to start.
    pub force: Vec<Sourced<PathPattern>>,
    /// `[remove] method`: the strictest that a profile sets.
    pub method: Option<Sourced<Method>>,
    /// `[keep] names` and `paths`.
    pub keep: Vec<Rule>,
    /// `[keep] only`: the programs of an allow-list. If there are any, every other executable goes.
    pub only: Vec<Rule>,
    /// `[keep] app`: the command that the container will start, word by word.
    pub app: Option<Sourced<Vec<String>>>,
    /// `[keep] libraries`: the strictest that a profile sets.
    pub libraries: Option<Sourced<Libraries>>,
    /// `[strip]`.
    pub strip: Strip,
    /// `[verify.*]`.
    pub verify: Verify,
    /// `[seal] exclude`: what the digest of the root leaves out.
    pub exclude: Vec<Sourced<PathPattern>>,
    /// `[confine]`.
    pub confine: Confine,
}

/// `[confine]`: what `run` allows the app by Landlock. An empty list allows nothing; `None` sets no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confine {
    /// `write`: files, and directories with all below them.
    pub write: Option<Vec<Sourced<String>>>,
    /// `execute`: programs, and directories with all below them.
    pub execute: Option<Vec<Sourced<String>>>,
    /// `ioctl`: device files, and directories with all below them.
    pub ioctl: Option<Vec<Sourced<String>>>,
    /// `bind`: TCP ports.
    pub bind: Option<Vec<Sourced<u16>>>,
    /// `connect`: TCP ports.
    pub connect: Option<Vec<Sourced<u16>>>,
    /// `scope`: what is out of reach.
    pub scope: Vec<Sourced<Scope>>,
    /// `audit`: whether denials are logged.
    pub audit: Option<Sourced<bool>>,
    /// `mode`: the stricter that a profile sets.
    pub mode: Option<Sourced<ConfineMode>>,
}

impl Confine {
    /// Whether a profile asks for a log of denials, or for none.
    pub fn audit(&self) -> Option<bool> {
        self.audit.as_ref().map(|audit| audit.value)
    }

    /// What happens if Landlock cannot enforce all of it; [`ConfineMode::Require`] if no profile sets a mode.
    pub fn mode(&self) -> ConfineMode {
        self.mode.as_ref().map_or(ConfineMode::Require, |mode| mode.value)
    }
}

/// `[strip]`: what is cleared from every file under the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    /// setuid and setgid bits.
    pub setid: Option<Sourced<bool>>,
    /// `security.capability`.
    pub file_capabilities: Option<Sourced<bool>>,
    /// The write bit for others, except on sticky directories.
    pub world_writable: Option<Sourced<bool>>,
    /// Login shells of `/etc/passwd`.
    pub login_shells: Option<Sourced<bool>>,
}

/// `[verify.*]`: what is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verify {
    /// `mounts.read_only`.
    pub read_only: Vec<Sourced<String>>,
    /// `mounts.writable`: paths that must exist and be writable.
    pub writable: Vec<Sourced<String>>,
    /// `mounts.writable_if_present`: paths that must be writable if they exist.
    pub writable_if_present: Vec<Sourced<String>>,
    /// `mounts.noexec`.
    pub noexec: Vec<Sourced<String>>,
    /// `mounts.nosuid`.
    pub nosuid: Vec<Sourced<String>>,
    /// `mounts.nodev`.
    pub nodev: Vec<Sourced<String>>,
    /// `mounts.recursive_read_only`.
    pub recursive_read_only: Option<Sourced<bool>>,
    /// `mounts.shared = false`.
    pub no_shared: Option<Sourced<()>>,
    /// `mounts.proc_masks`.
    pub proc_masks: Option<Sourced<bool>>,
    /// `process.user`.
    pub user: Option<Sourced<Principal>>,
    /// `process.group`.
    pub group: Option<Sourced<Principal>>,
    /// `process.groups`: the supplementary groups that the process may have at most.
    pub groups: Option<Sourced<Vec<u32>>>,
    /// `process.no_new_privs`.
    pub no_new_privs: Option<Sourced<bool>>,
    /// `process.capabilities`: the capabilities that the process may have at most in any set, as names without `CAP_`.
    pub capabilities: Option<Sourced<Vec<String>>>,
    /// `process.seccomp = "filter"`.
    pub seccomp: Option<Sourced<()>>,
    /// `process.user_namespace`.
    pub user_namespace: Option<Sourced<bool>>,
    /// `process.apparmor`.
    pub apparmor: Option<Sourced<bool>>,
    /// `process.selinux`.
    pub selinux: Option<Sourced<bool>>,
    /// `process.core_dumps = false`.
    pub no_core_dumps: Option<Sourced<()>>,
    /// `files.absent`.
    pub absent: Vec<Sourced<PathPattern>>,
    /// `files.present`.
    pub present: Vec<Sourced<PathPattern>>,
    /// `exposure.runtime_socket = false`.
    pub no_runtime_socket: Option<Sourced<()>>,
    /// `exposure.service_account_token = false`.
    pub no_service_account_token: Option<Sourced<()>>,
    /// `exposure.host_pid = false`.
    pub no_host_pid: Option<Sourced<()>>,
    /// `exposure.host_ipc = false`.
    pub no_host_ipc: Option<Sourced<()>>,
    /// `exposure.host_uts = false`.
    pub no_host_uts: Option<Sourced<()>>,
    /// `exposure.host_network = false`.
    pub no_host_network: Option<Sourced<()>>,
    /// `exposure.host_paths = false`.
    pub no_host_paths: Option<Sourced<()>>,
    /// `exposure.privileged = false`.
    pub no_privileged: Option<Sourced<()>>,
    /// `exposure.devices = false`.
    pub no_devices: Option<Sourced<()>>,
    /// `exposure.writable_cgroup = false`.
    pub no_writable_cgroup: Option<Sourced<()>>,
    /// `exposure.secrets_in_environment = false`.
    pub no_secrets: Option<Sourced<()>>,
    /// `limits.memory`.
    pub memory: Option<Sourced<bool>>,
    /// `limits.cpu`.
    pub cpu: Option<Sourced<bool>>,
    /// `limits.pids`.
    pub pids: Option<Sourced<bool>>,
    /// `kernel.settings`.
    pub kernel_settings: Option<Sourced<bool>>,
    /// `drift.executables = false`.
    pub no_changed_executables: Option<Sourced<()>>,
    /// `drift.processes = false`.
    pub no_changed_processes: Option<Sourced<()>>,
    /// `drift.everywhere`: whether `drift.executables` also looks at places that the profile calls writable.
    pub drift_everywhere: Option<Sourced<bool>>,
}

impl Verify {
    /// Whether `[verify.process]` asks for anything that a process can do to itself: change its ids, set
    /// `no_new_privs`, or drop capabilities.
    pub fn asks_for_privileges(&self) -> bool {
        self.user.is_some()
            || self.group.is_some()
            || self.groups.is_some()
            || self.no_new_privs.is_some()
            || self.capabilities.is_some()
    }
}

impl Verify {
    /// Whether anything is asked of the app's process.
    pub fn asks_of_process(&self) -> bool {
        let flags = [&self.user_namespace, &self.apparmor, &self.selinux, &self.memory, &self.cpu, &self.pids];
        let absent = [&self.seccomp, &self.no_core_dumps, &self.no_secrets, &self.no_privileged];
        self.asks_for_privileges()
            || flags.into_iter().flatten().any(|flag| flag.value)
            || absent.into_iter().any(Option::is_some)
    }
}

impl Profile {
    /// Whether it asks for nothing, because it was made of nothing.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.remove.is_empty()
    }

    /// The directories for names, inside the root: those of `search`, or [`DEFAULT_SEARCH`].
    pub fn search(&self) -> Vec<&str> {
        if self.search.is_empty() {
            DEFAULT_SEARCH.to_vec()
        } else {
            self.search.iter().map(|directory| directory.value.as_str()).collect()
        }
    }

    /// How files are removed; [`Method::Delete`] if no profile sets a method.
    pub fn method(&self) -> Method {
        self.method.as_ref().map_or(Method::Delete, |method| method.value)
    }

    /// Whether shared libraries go if the programs of the allow-list do not need them.
    pub fn closure(&self) -> bool {
        self.libraries.as_ref().is_some_and(|libraries| libraries.value == Libraries::Closure)
    }

    /// Adds one `--remove NAME|PATH` of the command line. Fails if `text` is neither a file name nor a valid absolute
    /// pattern.
    pub fn add_remove(&mut self, text: &str) -> Result<(), ProfileError> {
        let selector = load::selector(text).map_err(|reason| ProfileError::Argument {
            flag: "--remove",
            value: text.to_owned(),
            reason,
        })?;
        let rule = Rule { value: selector, profile: "command line".into() };
        if !self.remove.contains(&rule) {
            self.remove.push(rule);
        }
        Ok(())
    }

    /// Whether `[strip]` clears anything from files.
    pub fn strips(&self) -> bool {
        let on = |flag: &Option<Sourced<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        on(&self.strip.setid) || on(&self.strip.file_capabilities) || on(&self.strip.world_writable)
    }

    /// Whether `harden` has anything to change.
    pub fn changes_anything(&self) -> bool {
        !self.remove.is_empty() || self.strips() || self.strip.login_shells.as_ref().is_some_and(|flag| flag.value)
    }
}

#[cfg(test)]
mod tests;
