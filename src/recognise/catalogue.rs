//! The catalogue: what a program is, by its name, and how an intruder can use it.
//!
//! `programs.txt` is the one list of names: `scan` and rules by class recognise programs by it, and the built-in
//! profiles remove programs by it. A line with a single word begins a class. Every other line holds the profiles that
//! remove its names (letters of [`PROFILES`]), a colon, the functions of its names (letters of [`FUNCTIONS`]), and the
//! names. A line that begins with a space continues the names of the line before. A name with a `*` is many programs,
//! chosen by the name by which they are called; a link to it is only one of these. Some names are in no profile, so
//! that only a rule by class removes them: what images start their app with, what mostly is the app itself if it is
//! there, and what is of little use.
//!
//! The functions of a name are facts of `GTFOBins` (<https://gtfobins.org>, commit 7382261 of 2026-04-20). Classes and
//! all other names are lithify's own, most of them from the lists of contents of Debian 12.

mod directories;

use std::collections::HashMap;

pub use directories::{DIRECTORIES, holds_programs};

/// The names.
const TABLE: &str = include_str!("catalogue/programs.txt");

/// The built-in profiles that remove names of the table, each with its letter there.
const PROFILES: [(char, &str); 7] = [
    ('s', "shells"),
    ('c', "coreutils"),
    ('n', "network-tools"),
    ('p', "package-managers"),
    ('i', "interpreters"),
    ('m', "compilers"),
    ('u', "setuid"),
];

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Talks to a person or runs scripts of commands.
    Shell,
    /// Many programs in one, chosen by the name by which it is called.
    MultiCall,
    /// Runs programs given as text.
    Interpreter,
    /// Installs software.
    PackageManager,
    /// Fetches files.
    Downloader,
    /// Opens or watches connections.
    Network,
    /// Makes programs.
    Compiler,
    /// Looks into processes or changes them.
    Debugger,
    /// Changes identity, namespaces or mounts.
    Privilege,
    /// Editor or pager: most of them can start a shell.
    Editor,
    /// Starts another program that it is told to start.
    Launcher,
    /// Talks to a container runtime or cluster.
    ContainerClient,
    /// Reads, writes or lists files and processes.
    FileTool,
}

impl Class {
    /// All classes, in order of weight.
    pub const ALL: [Self; 13] = [
        Self::Shell,
        Self::MultiCall,
        Self::Interpreter,
        Self::PackageManager,
        Self::Downloader,
        Self::Network,
        Self::Compiler,
        Self::Debugger,
        Self::Privilege,
        Self::Editor,
        Self::Launcher,
        Self::ContainerClient,
        Self::FileTool,
    ];

    /// The name in profiles and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::MultiCall => "multi-call",
            Self::Interpreter => "interpreter",
            Self::PackageManager => "package-manager",
            Self::Downloader => "downloader",
            Self::Network => "network",
            Self::Compiler => "compiler",
            Self::Debugger => "debugger",
            Self::Privilege => "privilege",
            Self::Editor => "editor",
            Self::Launcher => "launcher",
            Self::ContainerClient => "container-client",
            Self::FileTool => "file-tool",
        }
    }

    /// The class named `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// The functions of a program, each with its letter in the table. The names are those of `GTFOBins`.
pub const FUNCTIONS: [(char, &str); 10] = [
    ('s', "shell"),
    ('c', "command"),
    ('v', "reverse-shell"),
    ('b', "bind-shell"),
    ('r', "file-read"),
    ('w', "file-write"),
    ('u', "upload"),
    ('d', "download"),
    ('l', "library-load"),
    ('p', "privilege-escalation"),
];

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its class.
    pub class: Class,
    /// Letters of [`FUNCTIONS`].
    letters: &'static str,
}

impl Known {
    /// The functions of the program: what an intruder can do with it.
    pub fn functions(self) -> impl Iterator<Item = &'static str> {
        FUNCTIONS.into_iter().filter(move |(letter, _)| self.letters.contains(*letter)).map(|(_, name)| name)
    }
}

/// A name of the table, and what is known of it.
struct Entry {
    name: &'static str,
    known: Known,
    many: bool,
}

/// The entries of the lines for whose profiles `wants` holds.
fn entries(wants: impl Fn(&str) -> bool) -> impl Iterator<Item = Entry> {
    let mut profiles = "";
    let mut known = Known { class: Class::Shell, letters: "" };
    TABLE.lines().flat_map(move |line| {
        let (head, names) = line.split_once(' ').unwrap_or((line, ""));
        if let Some((removed_by, letters)) = head.split_once(':') {
            (profiles, known.letters) = (removed_by, letters);
        } else if let Some(class) = Class::parse(head) {
            known.class = class;
        }
        let names = if wants(profiles) { names } else { "" };
        names.split(' ').filter(|name| !name.is_empty()).map(move |name| {
            let many = name.strip_suffix('*');
            Entry { name: many.unwrap_or(name), known, many: many.is_some() }
        })
    })
}

/// The names that the built-in profile `profile` removes.
pub fn names_of_profile(profile: &str) -> impl Iterator<Item = &'static str> {
    let letter = PROFILES.into_iter().find(|(_, name)| *name == profile).map(|(letter, _)| letter);
    entries(move |profiles| letter.is_some_and(|letter| profiles.contains(letter))).map(|entry| entry.name)
}

/// The names that stand for many programs in one.
pub fn names_of_many() -> impl Iterator<Item = &'static str> {
    entries(|_| true).filter(|entry| entry.many).map(|entry| entry.name)
}

/// All names, ready for lookups.
pub struct Catalogue {
    names: Vec<(&'static str, Known)>,
    /// The position of each in `names`.
    positions: HashMap<&'static [u8], usize>,
}

impl Default for Catalogue {
    fn default() -> Self {
        let names: Vec<_> = entries(|_| true).map(|entry| (entry.name, entry.known)).collect();
        let mut positions = HashMap::with_capacity(names.len());
        positions.extend(names.iter().enumerate().map(|(position, (name, _))| (name.as_bytes(), position)));
        Self { names, positions }
    }
}

impl Catalogue {
    /// What a file of this name is taken for. If the whole name is unknown, versions (`python3.11`, `gcc-12`), flavours
    /// (`vim.tiny`) and targets (`x86_64-linux-gnu-gcc`) are left out.
    pub fn by_name(&self, name: &[u8]) -> Option<Known> {
        let others = [without_version(name), without_flavour(name), without_version(after_target(name))];
        self.get(name).or_else(|| {
            let mut others = others.into_iter().filter(|other| other.len() < name.len());
            others.find_map(|other| self.get(other))
        })
    }

    /// What is known of the program with exactly this name, such as a signature's label.
    pub fn exactly(&self, name: &str) -> Option<Known> {
        self.get(name.as_bytes())
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().map(|(name, _)| *name)
    }

    fn get(&self, name: &[u8]) -> Option<Known> {
        self.names.get(*self.positions.get(name)?).map(|(_, known)| *known)
    }
}

/// The name without its version, as in `perl5.36.0`, `gcc-12`, `python3`. The result is never empty.
fn without_version(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'-')).map_or(0, |last| last + 1);
    name.get(..end).filter(|stem| !stem.is_empty()).unwrap_or(name)
}

/// How Debian and Alpine name variants of one program: `vim.tiny`, `nc.traditional`.
const FLAVOURS: [&str; 14] = [
    ".tiny",
    ".basic",
    ".nox",
    ".gtk3",
    ".athena",
    ".traditional",
    ".openbsd",
    ".byron",
    ".static",
    ".real",
    ".distrib",
    ".debianutils",
    ".ul",
    ".textutils",
];

fn without_flavour(name: &[u8]) -> &[u8] {
    FLAVOURS.iter().find_map(|flavour| name.strip_suffix(flavour.as_bytes())).unwrap_or(name)
}

/// The part of the name after `CPU-SYSTEM-LIBC-`.
fn after_target(name: &[u8]) -> &[u8] {
    ["-gnu-", "-musl-", "-gnueabihf-"]
        .iter()
        .find_map(|mark| {
            let at = name.windows(mark.len()).position(|part| part == mark.as_bytes())?;
            name.get(at + mark.len()..)
        })
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_holds_together() {
        let (catalogue, mut class, mut seen) = (Catalogue::default(), None, HashSet::new());
        for line in TABLE.lines() {
            let (head, names) = line.split_once(' ').unwrap_or((line, ""));
            assert!(line.len() <= 120, "{line}");
            if let Some((profiles, letters)) = head.split_once(':') {
                assert!(profiles.chars().all(|letter| PROFILES.iter().any(|(known, _)| *known == letter)), "{line}");
                assert!(letters.chars().all(|letter| FUNCTIONS.iter().any(|(known, _)| *known == letter)), "{line}");
            } else if !head.is_empty() {
                assert!(names.is_empty() && Class::parse(head).is_some(), "{line}");
                class = Class::parse(head);
                continue;
            }
            for name in names.split(' ').map(|name| name.trim_end_matches('*')) {
                assert!(!name.is_empty() && seen.insert(name), "{name:?}: {line}");
                assert_eq!(catalogue.exactly(name).map(|known| known.class), class, "{name}");
            }
        }
        assert_eq!(catalogue.names().count(), seen.len());
        for class in Class::ALL {
            assert_eq!(Class::parse(class.name()), Some(class));
            assert!(entries(|_| true).any(|entry| entry.known.class == class), "{class:?} is empty");
        }
        for (_, profile) in PROFILES {
            assert!(
                crate::profile::builtin::lookup(profile).is_some() && names_of_profile(profile).count() > 10,
                "{profile}"
            );
        }
    }

    #[test]
    fn versions_flavours_and_targets() {
        let catalogue = Catalogue::default();
        for (name, class) in [
            ("python3.11", Class::Interpreter),
            ("perl5.36.0", Class::Interpreter),
            ("lua5.4", Class::Interpreter),
            ("gcc-12", Class::Compiler),
            ("x86_64-linux-gnu-gcc-12", Class::Compiler),
            ("vim.tiny", Class::Editor),
            ("nc.traditional", Class::Network),
            ("rc.byron", Class::Shell),
            ("ksh93", Class::Shell),
        ] {
            assert_eq!(catalogue.by_name(name.as_bytes()).map(|known| known.class), Some(class), "{name}");
        }
        // Servers, which mostly are the app.
        let servers = [
            "nginx",
            "apache2",
            "httpd",
            "redis-server",
            "valkey-server",
            "postgres",
            "mysqld",
            "mariadbd",
            "haproxy",
            "memcached",
            "varnishd",
            "squid",
            "lighttpd",
            "caddy",
            "traefik",
            "envoy",
            "mosquitto",
            "named",
            "mongod",
            "rabbitmq-server",
            "vsftpd",
            "gunicorn",
            "unicorn",
            "puma",
            "catalina",
            "postfix",
            "exim4",
            "dovecot",
            "etcd",
            "prometheus",
            "grafana-server",
            "influxd",
            "consul",
            "vault",
            "minio",
            "unbound",
            "coredns",
            "slapd",
        ];
        for name in servers {
            assert_eq!(catalogue.by_name(name.as_bytes()), None, "{name}");
        }
        for name in ["nginx", "httpd", "7", "-", ".", "", "libc.so.6"] {
            assert_eq!(catalogue.by_name(name.as_bytes()), None, "{name}");
        }
    }
}
