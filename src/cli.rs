//! The command line as types; `table` says how it is written, `read` fills them in. Every flag but `--allow-host` can be
//! given by an environment variable, because in a pod spec the command line is often fixed by somebody else.

mod arguments;
mod read;
mod table;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use arguments::command;
pub use table::WAIT_TIMEOUT;

/// A command line.
#[derive(Debug)]
pub struct Cli {
    /// What to do.
    pub command: Command,
    /// Output, flags for every command.
    pub output: Output,
}

/// Flags for every command.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Report as text for people or JSON for machines
    pub format: Format,
    /// Say each step and each check that holds
    pub verbose: bool,
    /// Say nothing but problems
    pub quiet: bool,
    /// Also append the text report to FILE, such as /proc/1/fd/2 for the container's log
    pub log: Option<PathBuf>,
}

/// Output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// The subcommands.
#[derive(Debug)]
pub enum Command {
    /// Delete what the profiles list, then verify
    Harden(Harden),
    /// Check what the profiles ask for; change nothing
    Verify(Target),
    /// Show what an intruder would find; change nothing
    Scan(Scan),
    /// Harden, verify, then become the app
    Run(Run),
    /// Copy directories of this container into a volume, without what the profiles remove
    Stage(Stage),
    /// Copy this program to DIR/lithify, for the app's container to mount
    Install {
        /// A directory, such as the mount point of a volume
        directory: PathBuf,
        /// The copy accepts this command line; with any of them, no other; can be repeated
        only: Vec<String>,
    },
    /// Wait, for preStop hooks; a signal ends it
    Sleep {
        /// How long
        time: Duration,
    },
    /// Check that a port, a URL or a file answers
    Probe(Probe),
    /// Show, check and list profiles
    Profile(Profile),
}

/// What is looked at, and by which profiles.
#[derive(Clone, Debug)]
pub struct Target {
    /// Root directory of the target, such as a mounted volume or /proc/PID/root
    pub root: PathBuf,
    /// Built-in profile, or a file when it holds a `/` or ends in .toml; can be repeated
    pub profiles: Vec<String>,
}

/// `harden`.
#[derive(Clone, Debug)]
pub struct Harden {
    /// Target.
    pub target: Target,
    /// Also remove this program, or the files that this absolute pattern matches; can be repeated
    pub remove: Vec<String>,
    /// What the container will start, where nothing runs yet
    pub app: Vec<String>,
    /// For a startupProbe: exit 75 as long as the app runs anything that would go, such as its entrypoint's shell
    pub wait_for_app: bool,
    /// The same, and until this answers; can be repeated
    pub wait_for: Vec<String>,
    /// How long to wait, from the start of the container's first process
    pub wait_timeout: Duration,
    /// Stop at a safe point after so long and exit 75; 8 when waiting for the app, 0 for never
    pub deadline: Option<Duration>,
    /// Print what would be done, and do nothing
    pub dry_run: bool,
    /// Go on even if the target is, or may be, the root of a machine
    pub allow_host: bool,
}

/// `scan`.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Root directory of the target, such as a mounted volume or /proc/PID/root
    pub root: PathBuf,
    /// Exit 1 if anything of these classes is found; `all` for every class
    pub fail_on: Vec<String>,
    /// What is accepted, each with a reason (TOML); --fail-on does not count it
    pub baseline: Option<PathBuf>,
    /// Print a baseline that accepts everything found, in place of the result
    pub print_baseline: bool,
    /// Print what is gone, new and left since the scan whose JSON is in FILE; --fail-on then counts what is new
    pub compare: Option<PathBuf>,
}

/// `run`.
#[derive(Clone, Debug)]
pub struct Run {
    /// Built-in profile, or a file when it holds a `/` or ends in .toml; can be repeated
    pub profiles: Vec<String>,
    /// Also remove this program, or the files that this absolute pattern matches; can be repeated
    pub remove: Vec<String>,
    /// What to do with what cannot be deleted, because the root is read-only or belongs to another user
    pub fallback: Fallback,
    /// Run the app as this user (name or id) with its groups, or with this group only
    pub user: Option<String>,
    /// Run the app in this directory
    pub chdir: Option<PathBuf>,
    /// Let the app inherit descriptors from 3 upwards
    pub keep_fds: bool,
    /// Staying as the first process.
    pub first: First,
    /// Go on even if the target is, or may be, the root of a machine
    pub allow_host: bool,
    /// The command and its arguments, after `--`
    pub command: Vec<OsString>,
}

/// `run --init`.
#[derive(Clone, Debug)]
pub struct First {
    /// Stay as the first process: pass on signals, reap, exit as the app does
    pub init: bool,
    /// Start the app first, and harden when it is past its scripts; so it is without this flag, too, where the command is
    /// a script of a shell that goes. Stays as with --init
    pub after_start: bool,
    /// With --after-start: how long the app may take to get past its scripts
    pub wait_timeout: Duration,
    /// With --after-start: time from SIGTERM to SIGKILL for an app that could not be hardened
    pub grace: Duration,
    /// With --init: signals go to the app's whole process group
    pub process_group: bool,
    /// Get this signal when the parent process dies
    pub parent_death: Option<String>,
}

/// `stage`.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Target.
    pub target: Target,
    /// Directories of the target to copy, such as /usr/bin
    pub sources: Vec<PathBuf>,
    /// What the app's container will start
    pub app: Vec<String>,
    /// Where the volume is mounted; the copy is DIR/root
    pub to: PathBuf,
}

/// What `run` does with what cannot be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Disable it (mode 000), else deny it to the app by Landlock.
    Deny,
    /// On a read-only root, say so and start the app.
    Warn,
    /// Do not start the app.
    Fail,
}

/// `probe`.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What is probed.
    pub target: ProbeTarget,
    /// The longest to wait for an answer
    pub timeout: Duration,
}

/// What `probe` looks at.
#[derive(Clone, Debug)]
pub enum ProbeTarget {
    /// Whether a port takes connections
    Tcp {
        /// An address (IPv6 in brackets) or a name of /etc/hosts, and a port
        address: String,
    },
    /// Whether a GET is answered with a status of 200 to 399; no TLS
    Http {
        /// Such as `http://127.0.0.1:8080/healthz`
        url: String,
    },
    /// Whether a file is there
    File {
        /// An absolute path
        path: String,
    },
}

/// `profile`.
#[derive(Debug)]
pub enum Profile {
    /// The built-in profiles
    List,
    /// The effective form of profiles, with the origin of each entry
    Show {
        /// Built-in names or files
        profiles: Vec<String>,
    },
    /// Whether profile files are valid
    Check {
        /// Files
        files: Vec<String>,
    },
    /// The JSON Schema of the profile format
    Schema,
}
