//! The command line: every subcommand and every flag, one row each. A field's comment is its help, its type says what the
//! value must be and whether it may be left out.
//!
//! Every flag but `--allow-host` can be given by an environment variable, because in a pod spec the command line is often
//! fixed by somebody else.

mod argument;
mod arguments;
pub(crate) mod drop_in;
mod parser;
mod value;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;

use argument::{Argument, Kind, NONE, long, place};
use arguments::{Arguments, Subcommand, arguments, subcommands};
pub(crate) use value::Size;
use value::{Value, choice, one};

pub use parser::command;

/// A command line.
pub struct Cli {
    pub(crate) command: Command,
    pub(crate) output: Output,
}

/// Seconds of `--wait-timeout`, where it is not given.
pub const WAIT_TIMEOUT: &str = "120";

const ROOT: Argument = long("root")
    .env("LITHIFY_ROOT")
    .value_name("DIR")
    .default_value("/")
    .help("Root directory of the target, such as a mounted volume or /proc/PID/root");
const PROFILE: Argument = long("profile")
    .short('p')
    .env("LITHIFY_PROFILE")
    .value_name("NAME|FILE")
    .help("Built-in profile, or a file when it holds a `/` or ends in .toml; can be repeated");
const REMOVE: Argument = long("remove")
    .env("LITHIFY_REMOVE")
    .value_name("NAME|PATH")
    .help("Also remove this program, or the files that this absolute pattern matches; can be repeated");
const APP: Argument = long("app").env("LITHIFY_APP").lines().value_name("COMMAND").help(
    "The command that the container will start, such as \"nginx -g 'daemon off;'\": what it needs to start stays. `none` if nothing is started; can be repeated",
);
const DIGEST: Argument = long("digest")
    .env("LITHIFY_DIGEST")
    .value_name("DIGEST")
    .help("Also check that the files are exactly those that this digest of `lithify seal` states");
const MAX_FILE_SIZE: Argument = long("max-file-size")
    .env("LITHIFY_MAX_FILE_SIZE")
    .value_name("SIZE")
    .default_value("16G")
    .help("For a digest: a longer file is not read but a finding, in bytes or with K, M, G or T");
const PROVE: Argument = long("prove").env("LITHIFY_PROVE").help(
    "Also try what an intruder would try, each in a child that is gone afterwards, such as to start the shells that are there: what succeeds is a finding. For 10 seconds at most",
);
const ALLOW_HOST: Argument = long("allow-host").help("Go on even if the target is, or may be, the root of a machine");

arguments! {
    /// Flags for every command.
    Output {
        /// Report as text for people or JSON for machines
        format: Format = long("format").env("LITHIFY_FORMAT").value_name("FORMAT").default_value("text").global(),
        /// Print each step and each check that holds
        verbose: bool = long("verbose").short('v').env("LITHIFY_VERBOSE").global(),
        /// Print problems only
        quiet: bool = long("quiet").short('q').env("LITHIFY_QUIET").global(),
        /// Also append the text report to FILE, such as /proc/1/fd/2 for the container's log
        log: Option<PathBuf> = long("log").env("LITHIFY_LOG").value_name("FILE").global(),
    }
}

choice! {
    /// Output format.
    Format {
        /// For people
        "text" => Text,
        /// For machines
        "json" => Json,
    }
}

subcommands! {
    /// Makes a container immutable from the inside.
    Command {
        "harden" => Harden,
        "verify" => Verify,
        "scan" => Scan,
        "seal" => Seal,
        "diff" => Diff,
        "run" => Run,
        "init" => Init,
        "learn" => Learn,
        "stage" => Stage,
        "install" => Install,
        "sleep" => Sleep,
        "probe" => Probe,
        "profile" => Profile,
    }
}

arguments! {
    /// Delete what the profiles list, then verify
    Harden {
        root: PathBuf = ROOT,
        profiles: Vec<String> = PROFILE,
        remove: Vec<String> = REMOVE,
        app: Vec<String> = APP,
        /// For a startupProbe: exit 75 as long as the app runs anything that would go, such as its entrypoint's shell
        wait_for_app: bool = long("wait-for-app").env("LITHIFY_WAIT_FOR_APP"),
        /// As --wait-for-app, and until this answers; can be repeated
        wait_for: Vec<String> =
            long("wait-for").env("LITHIFY_WAIT_FOR").value_name("tcp:HOST:PORT|http:URL|file:PATH"),
        /// How long to wait, from the start of the container's first process
        wait_timeout: Duration =
            long("wait-timeout").env("LITHIFY_WAIT_TIMEOUT").value_name("SECONDS").default_value(WAIT_TIMEOUT),
        /// Stop at a safe point after this time and exit 75; 8 if it waits for the app, 0 for never
        deadline: Option<Duration> = long("deadline").env("LITHIFY_DEADLINE").value_name("SECONDS"),
        /// Print what would be done, and do nothing
        dry_run: bool = long("dry-run").env("LITHIFY_DRY_RUN"),
        digest: Option<String> = DIGEST,
        max_file_size: Size = MAX_FILE_SIZE,
        allow_host: bool = ALLOW_HOST,
    }
}

arguments! {
    /// Check what the profiles ask for; change nothing
    Verify {
        root: PathBuf = ROOT,
        profiles: Vec<String> = PROFILE,
        digest: Option<String> = DIGEST,
        /// Also say in what the files differ from those that this manifest of `lithify seal --out` states
        seal: Option<PathBuf> = long("seal").env("LITHIFY_SEAL").value_name("FILE"),
        max_file_size: Size = MAX_FILE_SIZE,
        prove: bool = PROVE,
        /// Print every check that there is, what it reads, what mends it, and how standards call it; check nothing
        list_checks: bool = long("list-checks").env("LITHIFY_LIST_CHECKS"),
    }
}

arguments! {
    /// Show what an intruder would find; change nothing
    Scan {
        root: PathBuf = ROOT,
        /// Exit 1 if anything of these classes is found; `all` for every class
        fail_on: Vec<String> = long("fail-on").env("LITHIFY_FAIL_ON").value_name("CLASS,..."),
        /// What is accepted, each with a reason (TOML); --fail-on does not count it
        baseline: Option<PathBuf> = long("baseline").env("LITHIFY_BASELINE").value_name("FILE"),
        /// Print a baseline that accepts everything found, in place of the result
        print_baseline: bool = long("print-baseline").env("LITHIFY_PRINT_BASELINE"),
        /// Print what is gone, new and left since the scan whose JSON is in FILE; --fail-on then counts what is new
        compare: Option<PathBuf> = long("compare").env("LITHIFY_COMPARE").value_name("FILE"),
    }
}

arguments! {
    /// State what the files are: print one digest, write the manifest
    Seal {
        root: PathBuf = ROOT,
        profiles: Vec<String> = PROFILE,
        /// State what the files will be once `harden` has run; change nothing
        after: bool = long("after").env("LITHIFY_AFTER"),
        remove: Vec<String> = REMOVE,
        app: Vec<String> = APP,
        /// List files with an x bit, ELF files and scripts alone; that is another digest
        only: Option<SealOnly> = long("only").env("LITHIFY_ONLY").value_name("WHICH"),
        /// Write the manifest (mtree) to FILE; `-` prints it in place of the digest
        out: Option<PathBuf> = long("out").env("LITHIFY_OUT").value_name("FILE"),
        max_file_size: Size = MAX_FILE_SIZE,
    }
}

choice! {
    /// Which files `seal` lists.
    SealOnly {
        /// Files with an x bit, ELF files and scripts
        "executables" => Executables,
    }
}

arguments! {
    /// Show what has changed since the container started, and which volumes a read-only root needs; change nothing
    Diff {
        root: PathBuf = ROOT,
        profiles: Vec<String> = PROFILE,
        /// Since the start of the container's first process, since some seconds ago, or since `lithify seal --out` wrote this manifest
        since: String = long("since").env("LITHIFY_SINCE").value_name("start|SECONDS|SEAL").default_value("start"),
        max_file_size: Size = MAX_FILE_SIZE,
    }
}

arguments! {
    /// Harden, verify, then become the app
    Run {
        profiles: Vec<String> = PROFILE,
        remove: Vec<String> = REMOVE,
        /// What to do about files that cannot be deleted, because the root is read-only or belongs to another user
        fallback: Fallback = long("fallback").env("LITHIFY_FALLBACK").value_name("FALLBACK").default_value("deny"),
        digest: Option<String> = DIGEST,
        max_file_size: Size = MAX_FILE_SIZE,
        prove: bool = PROVE,
        /// Run the app as this user (name or id) with its groups, or with this group only
        user: Option<String> = long("user").env("LITHIFY_USER").value_name("U[:G]"),
        /// Run the app in this directory
        chdir: Option<PathBuf> = long("chdir").env("LITHIFY_CHDIR").value_name("DIR"),
        /// Let the app inherit descriptors from 3 upwards
        keep_fds: bool = long("keep-fds").env("LITHIFY_KEEP_FDS"),
        /// Stay as the first process: pass on signals, reap, exit as the app does
        init: bool = long("init").env("LITHIFY_INIT"),
        /// Start the app first, and harden when it is past its scripts. `run` does so by itself where the command is a script whose shell goes. Stays as with --init
        after_start: bool = long("after-start").env("LITHIFY_AFTER_START"),
        /// With --after-start: how long the app may take to get past its scripts
        wait_timeout: Duration =
            long("wait-timeout").env("LITHIFY_WAIT_TIMEOUT").value_name("SECONDS").default_value(WAIT_TIMEOUT),
        /// With --init: time from SIGTERM to SIGKILL for what the app leaves behind when it ends; not waited for unless given. With --after-start also for an app that could not be hardened (10)
        grace: Option<Duration> = long("grace").env("LITHIFY_GRACE").value_name("SECONDS"),
        /// With --init: signals go to the app's whole process group
        process_group: bool = long("process-group").env("LITHIFY_PROCESS_GROUP"),
        /// With --init: pass on another signal, such as TERM=QUIT, or none, such as WINCH=ignore; can be repeated
        signals: Vec<String> = long("signal").env("LITHIFY_SIGNAL").value_name("FROM=TO|ignore"),
        /// With --init: end with another exit code than the app, such as 143=0; can be repeated
        exit_codes: Vec<String> = long("exit-code").env("LITHIFY_EXIT_CODE").value_name("FROM=TO"),
        /// Get this signal when the parent process dies
        parent_death: Option<String> = long("parent-death").env("LITHIFY_PARENT_DEATH").value_name("SIGNAL"),
        allow_host: bool = ALLOW_HOST,
        /// The command and its arguments, after `--`
        command: Vec<OsString> = place("CMD"),
    }
}

arguments! {
    /// Start the app and stay as its first process, with the flags of tini; nothing is hardened. `init -h` tells them
    Init {
        /// The command and its arguments
        command: Vec<OsString> = place("CMD"),
    }
}

choice! {
    /// What `run` does with what cannot be deleted.
    Fallback {
        /// Disable it (mode 000), else deny it to the app by Landlock
        "deny" => Deny,
        /// On a read-only root, say so and start the app
        "warn" => Warn,
        /// Do not start the app
        "fail" => Fail,
    }
}

arguments! {
    /// Run the app, watch what it starts, loads and writes, and write a profile of that
    Learn {
        profiles: Vec<String> = PROFILE,
        root: PathBuf = ROOT,
        /// Write the profile after this time; 10 if the app ran already, else when it ends
        time: Option<Duration> = long("for").env("LITHIFY_FOR").value_name("SECONDS"),
        /// Write the profile to FILE; `-` is standard output
        out: PathBuf = long("out").env("LITHIFY_OUT").value_name("FILE").default_value("-"),
        /// Join what is seen to the profile in FILE
        add: Option<PathBuf> = long("add").env("LITHIFY_ADD").value_name("FILE"),
        /// The command and its arguments, after `--`; without it, the processes of the target are watched
        command: Vec<OsString> = place("CMD").optional(),
    }
}

arguments! {
    /// Copy directories of this container into a volume, without what the profiles remove
    Stage {
        root: PathBuf = ROOT,
        profiles: Vec<String> = PROFILE,
        app: Vec<String> = APP,
        /// Directories of the target to copy, such as /usr/bin
        sources: Vec<PathBuf> = place("SOURCE"),
        /// Where the volume is mounted; the copy is DIR/root
        to: PathBuf = long("to").env("LITHIFY_TO").value_name("DIR"),
    }
}

arguments! {
    /// Copy this program to DIR/lithify, for the app's container to mount
    Install {
        /// The copy accepts this command line, such as 'verify --profile nginx', word for word, and no other; can be repeated
        only: Vec<String> = long("only").env("LITHIFY_ONLY").lines().value_name("COMMAND"),
        /// A directory, such as the mount point of a volume
        directory: PathBuf = place("DIR"),
    }
}

arguments! {
    /// Wait, for preStop hooks; a signal ends it
    Sleep {
        /// How long
        time: Duration = place("SECONDS"),
    }
}

arguments! {
    /// Check that a port, a URL or a file answers
    Probe {
        /// The longest to wait for an answer
        timeout: Duration = long("timeout").env("LITHIFY_TIMEOUT").value_name("SECONDS").default_value("1").global(),
        ..target: ProbeTarget,
    }
}

subcommands! {
    /// What `probe` looks at.
    ProbeTarget {
        "tcp" => Tcp,
        "http" => Http,
        "file" => File,
    }
}

arguments! {
    /// Whether a port takes connections
    Tcp {
        /// An address (IPv6 in brackets) or a name of /etc/hosts, and a port
        address: String = place("HOST:PORT"),
    }
}

arguments! {
    /// Whether a GET is answered with a status of 200 to 399; no TLS
    Http {
        /// Such as `http://127.0.0.1:8080/healthz`
        url: String = place("URL"),
    }
}

arguments! {
    /// Whether a file is there
    File {
        /// An absolute path
        path: String = place("PATH"),
    }
}

subcommands! {
    /// Show, check and list profiles
    Profile {
        "list" => List,
        "show" => Show,
        "check" => Check,
        "schema" => Schema,
    }
}

arguments! {
    /// The built-in profiles
    List {}
}

arguments! {
    /// The effective form of profiles, with the origin of each entry
    Show {
        /// Built-in names or files
        profiles: Vec<String> = place("NAME|FILE"),
    }
}

arguments! {
    /// Whether profile files are valid
    Check {
        /// Files
        files: Vec<String> = place("FILE"),
    }
}

arguments! {
    /// The JSON Schema of the profile format
    Schema {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_flag_has_the_variable_of_its_name() {
        fn check(rows: &[Argument], subcommands: &[Subcommand]) {
            for row in rows.iter().filter(|row| !row.is_positional()) {
                let variable = format!("LITHIFY_{}", row.long.replace('-', "_").to_uppercase());
                assert_eq!(row.env, if row.long == "allow-host" { "" } else { &variable }, "{}", row.long);
            }
            for inner in subcommands {
                check(inner.rows, inner.subcommands);
            }
        }
        check(Output::ROWS, Command::SUBCOMMANDS);
    }
}
