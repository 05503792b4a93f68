//! From what clap found to the types of [`super`].

use std::any::Any;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;

use super::{
    Cli, Command, Fallback, First, Format, Harden, Output, Probe, ProbeTarget, Profile, Run, Scan, Stage, Target,
};

impl Cli {
    /// `None` cannot be: clap has seen to what is required.
    pub(super) fn read(matches: &mut ArgMatches) -> Option<Self> {
        let output = Output {
            format: if text(matches, "format")? == "json" { Format::Json } else { Format::Text },
            verbose: flag(matches, "verbose"),
            quiet: flag(matches, "quiet"),
            log: path(matches, "log"),
        };
        let (name, mut sub) = matches.remove_subcommand()?;
        Some(Self { command: command(&name, &mut sub)?, output })
    }
}

fn command(name: &str, matches: &mut ArgMatches) -> Option<Command> {
    Some(match name {
        "harden" => Command::Harden(Harden {
            target: target(matches)?,
            remove: texts(matches, "remove"),
            app: texts(matches, "app"),
            wait_for_app: flag(matches, "wait-for-app"),
            wait_for: texts(matches, "wait-for"),
            wait_timeout: seconds(matches, "wait-timeout")?,
            deadline: seconds(matches, "deadline"),
            dry_run: flag(matches, "dry-run"),
            allow_host: flag(matches, "allow-host"),
        }),
        "verify" => Command::Verify(target(matches)?),
        "scan" => Command::Scan(Scan {
            root: path(matches, "root")?,
            fail_on: texts(matches, "fail-on"),
            baseline: path(matches, "baseline"),
            print_baseline: flag(matches, "print-baseline"),
            compare: path(matches, "compare"),
        }),
        "run" => Command::Run(Run {
            profiles: texts(matches, "profile"),
            remove: texts(matches, "remove"),
            fallback: match text(matches, "fallback")?.as_str() {
                "warn" => Fallback::Warn,
                "fail" => Fallback::Fail,
                _ => Fallback::Deny,
            },
            user: text(matches, "user"),
            chdir: path(matches, "chdir"),
            keep_fds: flag(matches, "keep-fds"),
            first: First {
                init: flag(matches, "init"),
                after_start: flag(matches, "after-start"),
                wait_timeout: seconds(matches, "wait-timeout")?,
                grace: seconds(matches, "grace")?,
                process_group: flag(matches, "process-group"),
                parent_death: text(matches, "parent-death"),
            },
            allow_host: flag(matches, "allow-host"),
            command: many::<OsString>(matches, "CMD"),
        }),
        "stage" => Command::Stage(Stage {
            target: target(matches)?,
            app: texts(matches, "app"),
            sources: many::<PathBuf>(matches, "SOURCE"),
            to: path(matches, "to")?,
        }),
        "install" => Command::Install { directory: path(matches, "DIR")?, only: texts(matches, "only") },
        "sleep" => Command::Sleep { time: seconds(matches, "SECONDS")? },
        "probe" => {
            let timeout = seconds(matches, "timeout")?;
            let (name, mut sub) = matches.remove_subcommand()?;
            let target = match name.as_str() {
                "tcp" => ProbeTarget::Tcp { address: text(&mut sub, "HOST:PORT")? },
                "http" => ProbeTarget::Http { url: text(&mut sub, "URL")? },
                _ => ProbeTarget::File { path: text(&mut sub, "PATH")? },
            };
            Command::Probe(Probe { target, timeout })
        }
        _ => {
            let (name, mut sub) = matches.remove_subcommand()?;
            Command::Profile(match name.as_str() {
                "list" => Profile::List,
                "show" => Profile::Show { profiles: texts(&mut sub, "NAME|FILE") },
                "check" => Profile::Check { files: texts(&mut sub, "FILE") },
                _ => Profile::Schema,
            })
        }
    })
}

fn target(matches: &mut ArgMatches) -> Option<Target> {
    Some(Target { root: path(matches, "root")?, profiles: texts(matches, "profile") })
}

fn flag(matches: &ArgMatches, name: &str) -> bool {
    matches.get_flag(name)
}

fn text(matches: &mut ArgMatches, name: &str) -> Option<String> {
    one(matches, name)
}

fn texts(matches: &mut ArgMatches, name: &str) -> Vec<String> {
    many(matches, name)
}

fn path(matches: &mut ArgMatches, name: &str) -> Option<PathBuf> {
    one(matches, name)
}

fn seconds(matches: &mut ArgMatches, name: &str) -> Option<Duration> {
    one(matches, name)
}

#[inline(never)]
fn one<T: Any + Clone + Send + Sync>(matches: &mut ArgMatches, name: &str) -> Option<T> {
    matches.remove_one(name)
}

#[inline(never)]
fn many<T: Any + Clone + Send + Sync>(matches: &mut ArgMatches, name: &str) -> Vec<T> {
    matches.remove_many(name).map(Iterator::collect).unwrap_or_default()
}
