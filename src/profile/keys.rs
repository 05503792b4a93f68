//! Every key of a profile, one row each: its name, the field of [`Profile`] that it fills, the values that it takes,
//! and its description in the schema. How a [`Kind`] is read, combined, shown and described stands in `document`,
//! `combine`, `show` and `schema`.

use super::values::{ConfineMode, Libraries, Method, Principal, Scope};
use super::{Profile, Rule, Sourced};
use crate::recognise::search_path::DEFAULT_SEARCH;
use crate::root::pattern::PathPattern;

/// A table of a profile.
pub(super) struct Section {
    /// The full name, with the tables above it: `verify.mounts`.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) keys: &'static [Key],
    pub(super) sections: &'static [Section],
}

impl Section {
    /// The name in the table above.
    pub(super) fn key(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
}

/// One key of a table.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

/// A field of the effective profile.
pub(super) struct Field<T: 'static> {
    pub(super) of: fn(&Profile) -> &T,
    pub(super) of_mut: fn(&mut Profile) -> &mut T,
}

/// The values that a key takes, and the field that it fills.
pub(super) enum Kind {
    /// File names.
    Names(Field<Vec<Rule>>),
    /// Absolute globs, as rules.
    Globs(Field<Vec<Rule>>),
    /// Classes of programs.
    Classes(Field<Vec<Rule>>),
    /// File names and absolute globs. If there are any, every other executable goes.
    Only(Field<Vec<Rule>>),
    /// Absolute globs.
    Patterns(Field<Vec<Sourced<PathPattern>>>),
    /// Absolute paths, and the paths that count if no profile sets any.
    Paths(Field<Vec<Sourced<String>>>, &'static [&'static str]),
    /// Absolute paths; an empty list is a limit, too. No path may overlap one of the other field.
    Confined(Field<Option<Vec<Sourced<String>>>>, Option<Field<Option<Vec<Sourced<String>>>>>),
    /// TCP ports; an empty list is a limit, too.
    Ports(Field<Option<Vec<Sourced<u16>>>>),
    /// What is out of reach.
    Scopes(Field<Vec<Sourced<Scope>>>),
    /// The words of one command.
    Command(Field<Option<Sourced<Vec<String>>>>),
    /// The capabilities that are allowed at most.
    Capabilities(Field<Option<Sourced<Vec<String>>>>),
    /// The supplementary groups that are allowed at most.
    Groups(Field<Option<Sourced<Vec<u32>>>>),
    /// A user or a group.
    Principal(Field<Option<Sourced<Principal>>>),
    /// A flag; `true` is the stricter value.
    Flag(Field<Option<Sourced<bool>>>),
    /// `false` asks for a check.
    Absent(Field<Option<Sourced<()>>>),
    /// `"filter"` asks for a check.
    Filter(Field<Option<Sourced<()>>>),
    /// One of a few words.
    Choice(Choice),
}

/// A few words, of which the strictest that a profile sets counts.
pub(super) struct Choice {
    /// The words, in the order in which messages name them.
    pub(super) words: &'static [&'static str],
    /// How messages describe an unknown word.
    pub(super) unknown: &'static str,
    /// The word that counts if no profile has the key; `None` if the JSON shows no word in that case.
    pub(super) default: Option<&'static str>,
    /// The word that counts, and the profile that set it.
    pub(super) of: fn(&Profile) -> Option<(&'static str, &str)>,
    /// Sets the word if it is stricter than the earlier one; `None` for an unknown word.
    pub(super) add: fn(&mut Profile, Sourced<&str>) -> Option<()>,
}

macro_rules! field {
    ($($field:tt)+) => {
        Field { of: |profile| &profile.$($field)+, of_mut: |profile| &mut profile.$($field)+ }
    };
}

macro_rules! choice {
    ($type:ty, $($field:ident).+, $words:expr, $unknown:expr, $default:expr) => {
        Kind::Choice(Choice {
            words: $words,
            unknown: $unknown,
            default: $default,
            of: |profile| {
                let said = profile.$($field).+.as_ref()?;
                Some((said.value.name(), &*said.profile))
            },
            add: |profile, said| {
                let value = <$type>::ALL.into_iter().find(|known| known.name() == said.value)?;
                let slot = &mut profile.$($field).+;
                if slot.as_ref().is_none_or(|known| value > known.value) {
                    *slot = Some(Sourced { value, profile: said.profile });
                }
                Some(())
            },
        })
    };
}

const fn key(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, help }
}

const fn section(name: &'static str, help: &'static str, keys: &'static [Key]) -> Section {
    Section { name, help, keys, sections: &[] }
}

pub(super) const SECTIONS: [&Section; 6] = [&REMOVE, &STRIP, &KEEP, &VERIFY, &SEAL, &CONFINE];

pub(super) static REMOVE: Section = section(
    "remove",
    "What is removed",
    &[
        key(
            "names",
            Kind::Names(field!(remove)),
            "File names of programs, in each directory of `search`; a link takes its chain and target with it",
        ),
        key(
            "paths",
            Kind::Globs(field!(remove)),
            "Absolute globs; ** stands for any depth; a directory goes with its content",
        ),
        key(
            "classes",
            Kind::Classes(field!(remove)),
            "Programs of these classes: by content wherever they lie, by name in each directory of `search`",
        ),
        key(
            "search",
            Kind::Paths(field!(search), &DEFAULT_SEARCH),
            "Directories for `names`; by default /bin, /sbin, /usr/bin, /usr/sbin, /usr/local/bin, /usr/local/sbin",
        ),
        key("mounts", Kind::Paths(field!(mounts), &[]), "Mount points of other mounts that removal may enter"),
        key(
            "force",
            Kind::Patterns(field!(force)),
            "Absolute globs: what rules may remove although the app runs it or needs it to start",
        ),
        key(
            "method",
            choice!(Method, method, &["delete", "disable", "tombstone"], "unknown method", Some("delete")),
            "delete (the default) unlinks; disable sets mode 000; tombstone leaves a stub that says what was removed",
        ),
    ],
);

pub(super) static STRIP: Section = section(
    "strip",
    "Bits cleared from every file under the root",
    &[
        key("setid", Kind::Flag(field!(strip.setid)), "setuid and setgid of regular files"),
        key("file_capabilities", Kind::Flag(field!(strip.file_capabilities)), "security.capability"),
        key(
            "world_writable",
            Kind::Flag(field!(strip.world_writable)),
            "The write bit for others of regular files and directories, except sticky ones",
        ),
        key(
            "login_shells",
            Kind::Flag(field!(strip.login_shells)),
            "Accounts of /etc/passwd get nologin as their shell",
        ),
    ],
);

pub(super) static KEEP: Section = section(
    "keep",
    "What no rule removes",
    &[
        key("names", Kind::Names(field!(keep)), "File names, in each directory of `search`"),
        key(
            "paths",
            Kind::Globs(field!(keep)),
            "Absolute globs; a link is kept with its chain, a directory with its content",
        ),
        key(
            "only",
            Kind::Only(field!(only)),
            "Allow-list of programs, names or absolute globs: every other executable goes, but what these need to start, and \
         shared libraries as `libraries` says",
        ),
        key(
            "app",
            Kind::Command(field!(app)),
            "The command that the container will start, its words one by one: nothing that it needs to start goes; [\"none\"] \
         where nothing is started",
        ),
        key(
            "libraries",
            choice!(Libraries, libraries, &["all", "closure"], "unknown value of libraries:", None),
            "Which shared libraries an allow-list leaves: all (default), or the closure of what its programs need",
        ),
    ],
);

pub(super) static VERIFY: Section = Section {
    name: "verify",
    help: "What must hold",
    keys: &[],
    sections: &[MOUNTS, PROCESS, FILES, EXPOSURE, LIMITS, DRIFT, KERNEL],
};

const MOUNTS: Section = section(
    "verify.mounts",
    "Mounts, by mountinfo and by trying to write",
    &[
        key(
            "read_only",
            Kind::Paths(field!(verify.read_only), &[]),
            "These paths, and every mount below them that is not listed as writable",
        ),
        key("writable", Kind::Paths(field!(verify.writable), &[]), "Must exist and be writable"),
        key(
            "writable_if_present",
            Kind::Paths(field!(verify.writable_if_present), &[]),
            "Must be writable where they exist",
        ),
        key("noexec", Kind::Paths(field!(verify.noexec), &[]), "These paths, and every mount below them"),
        key("nosuid", Kind::Paths(field!(verify.nosuid), &[]), "These paths, and every mount below them"),
        key("nodev", Kind::Paths(field!(verify.nodev), &[]), "These paths, and every mount below them"),
        key(
            "recursive_read_only",
            Kind::Flag(field!(verify.recursive_read_only)),
            "No mount below a read-only volume is writable, but those listed as writable",
        ),
        key("shared", Kind::Absent(field!(verify.no_shared)), "false: nothing that is mounted here shows on the node"),
        key(
            "proc_masks",
            Kind::Flag(field!(verify.proc_masks)),
            "What runtimes hide or make read-only in /proc is so (procMount: Default)",
        ),
    ],
);

const PROCESS: Section = section(
    "verify.process",
    "The container's first process, or lithify itself before the app exists",
    &[
        key("user", Kind::Principal(field!(verify.user)), "\"non-root\", an id or a name: all four user ids"),
        key("group", Kind::Principal(field!(verify.group)), "\"non-root\", an id or a name: all four group ids"),
        key("groups", Kind::Groups(field!(verify.groups)), "The most supplementary groups it may hold"),
        key("no_new_privs", Kind::Flag(field!(verify.no_new_privs)), "no_new_privs must be set"),
        key(
            "capabilities",
            Kind::Capabilities(field!(verify.capabilities)),
            "The most capabilities it may hold in any set, with or without CAP_",
        ),
        key("seccomp", Kind::Filter(field!(verify.seccomp)), "A seccomp filter must be in force"),
        key(
            "user_namespace",
            Kind::Flag(field!(verify.user_namespace)),
            "It is in a user namespace whose root is not root outside",
        ),
        key(
            "apparmor",
            Kind::Flag(field!(verify.apparmor)),
            "An AppArmor profile is enforced, if the kernel has AppArmor",
        ),
        key("selinux", Kind::Flag(field!(verify.selinux)), "It has a container's type, if the kernel has SELinux"),
        key("core_dumps", Kind::Absent(field!(verify.no_core_dumps)), "false: no core file is written"),
    ],
);

const FILES: Section = section(
    "verify.files",
    "Files",
    &[
        key("absent", Kind::Patterns(field!(verify.absent)), "Absolute globs that match nothing"),
        key("present", Kind::Patterns(field!(verify.present)), "Absolute globs that match something"),
    ],
);

const EXPOSURE: Section = section(
    "verify.exposure",
    "What must not be visible: false asks for the check",
    &[
        key("runtime_socket", Kind::Absent(field!(verify.no_runtime_socket)), "The socket of a container runtime"),
        key(
            "service_account_token",
            Kind::Absent(field!(verify.no_service_account_token)),
            "The Kubernetes service account token",
        ),
        key("host_pid", Kind::Absent(field!(verify.no_host_pid)), "The machine's own processes"),
        key(
            "host_ipc",
            Kind::Absent(field!(verify.no_host_ipc)),
            "The machine's shared memory, semaphores and message queues",
        ),
        key("host_uts", Kind::Absent(field!(verify.no_host_uts)), "The machine's host name"),
        key("host_network", Kind::Absent(field!(verify.no_host_network)), "The machine's network"),
        key(
            "host_paths",
            Kind::Absent(field!(verify.no_host_paths)),
            "Files of the node, mounted writable, as far as mountinfo tells",
        ),
        key("privileged", Kind::Absent(field!(verify.no_privileged)), "The effects of a privileged container"),
        key("devices", Kind::Absent(field!(verify.no_devices)), "Device nodes beyond those of every container"),
        key("writable_cgroup", Kind::Absent(field!(verify.no_writable_cgroup)), "Control groups that can be written"),
        key(
            "secrets_in_environment",
            Kind::Absent(field!(verify.no_secrets)),
            "Variables that are named as secrets; their values are not looked at",
        ),
    ],
);

const LIMITS: Section = section(
    "verify.limits",
    "Limits of the control group of the app's process: true asks for the check",
    &[
        key("memory", Kind::Flag(field!(verify.memory)), "Memory"),
        key("cpu", Kind::Flag(field!(verify.cpu)), "CPU time"),
        key("pids", Kind::Flag(field!(verify.pids)), "Processes"),
    ],
);

const KERNEL: Section = section(
    "verify.kernel",
    "The kernel of the node",
    &[key("settings", Kind::Flag(field!(verify.kernel_settings)), "Its settings are told, and not judged")],
);

const DRIFT: Section = section(
    "verify.drift",
    "What must not have changed since the container's first process started: false asks for the check",
    &[
        key(
            "executables",
            Kind::Absent(field!(verify.no_changed_executables)),
            "Executable files, programs, libraries and scripts, outside of what verify.mounts calls writable",
        ),
        key(
            "processes",
            Kind::Absent(field!(verify.no_changed_processes)),
            "Processes that run a deleted program, one without a file, or one that came since",
        ),
        key("everywhere", Kind::Flag(field!(verify.drift_everywhere)), "`executables` counts in writable places, too"),
    ],
);

pub(super) static SEAL: Section = section(
    "seal",
    "What the digest of the root leaves out",
    &[key(
        "exclude",
        Kind::Patterns(field!(exclude)),
        "Absolute globs: what they match is left out, with everything below it",
    )],
);

pub(super) static CONFINE: Section = section(
    "confine",
    "For run: what the app and its children may do, by Landlock",
    &[
        key(
            "write",
            Kind::Confined(field!(confine.write), Some(field!(confine.execute))),
            "Only these files, and directories with all below them, may be written",
        ),
        key(
            "execute",
            Kind::Confined(field!(confine.execute), Some(field!(confine.write))),
            "Only these programs, directories of programs, the command itself, and what those need to start may be executed",
        ),
        key(
            "ioctl",
            Kind::Confined(field!(confine.ioctl), None),
            "Only these device files, and those below these directories, may be controlled by ioctl(2)",
        ),
        key("bind", Kind::Ports(field!(confine.bind)), "Only these TCP ports may be bound; 0 stands for any free one"),
        key("connect", Kind::Ports(field!(confine.connect)), "Only these TCP ports may be connected to"),
        key(
            "scope",
            Kind::Scopes(field!(confine.scope)),
            "Out of reach where they belong to a process that is not confined with the app: abstract Unix sockets, signals",
        ),
        key(
            "audit",
            Kind::Flag(field!(confine.audit)),
            "What is denied stands in the node's audit log; by default true where the kernel can",
        ),
        key(
            "mode",
            choice!(ConfineMode, confine.mode, &["require", "best-effort"], "unknown mode", Some("require")),
            "What happens where Landlock cannot enforce all of it",
        ),
    ],
);
