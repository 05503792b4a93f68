//! The plugin's command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap};

use crate::image::{Limits, Platform};
use lithify::seal::Scope;
use lithify::text::size;

/// A command line.
#[derive(Debug)]
pub(crate) enum Command {
    Inject(Inject),
    Lint(Lint),
    Seal(Seal),
}

/// How `inject` hardens a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By the startupProbe.
    Probe,
    /// By copies mounted over the originals.
    Stage,
    /// By lithify as the container's command.
    Run,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Stage => "stage",
            Self::Run => "run",
        }
    }
}

/// `inject`.
#[derive(Clone, Debug)]
pub(crate) struct Inject {
    pub(crate) file: String,
    /// `NAME`, or `FILE=PATH`: a file on this machine, and its path in the container.
    pub(crate) profiles: Vec<String>,
    pub(crate) mode: Mode,
    pub(crate) image: Option<String>,
    pub(crate) containers: Vec<String>,
    pub(crate) command: Option<String>,
    pub(crate) stage_dirs: Vec<String>,
    pub(crate) force: bool,
    pub(crate) dry_run: bool,
    pub(crate) in_place: bool,
}

/// `lint`.
#[derive(Clone, Debug)]
pub(crate) struct Lint {
    pub(crate) file: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) containers: Vec<String>,
}

/// `seal`.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    /// The archive of the image, or `-`.
    pub(crate) image: String,
    pub(crate) platform: Option<Platform>,
    pub(crate) profiles: Vec<String>,
    pub(crate) scope: Scope,
    pub(crate) out: Option<PathBuf>,
    pub(crate) limits: Limits,
}

/// The image of the examples, used without `--image`.
pub(crate) const DEFAULT_IMAGE: &str = concat!("registry.example/lithify:", env!("CARGO_PKG_VERSION"));

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn common(command: Clap) -> Clap {
    command
        .arg(option("filename", "FILE", "A manifest in YAML or JSON, `-` for standard input").short('f').required(true))
        .arg(
            option("profile", "NAME", "Built-in profile, or a file: see `lithify profile list`; can be repeated")
                .short('p')
                .required(true)
                .action(ArgAction::Append),
        )
        .arg(
            option("container", "NAME", "Only this container of each pod; can be repeated")
                .short('c')
                .action(ArgAction::Append),
        )
}

/// The whole command line.
fn command() -> Clap {
    let inject = common(Clap::new("inject").about("Put lithify into the workloads of a manifest"))
        .arg(
            option("mode", "MODE", "probe: delete, by the startupProbe; stage: mount hardened copies, also on a read-only root; run: harden, then become the app")
                .required(true)
                .value_parser(PossibleValuesParser::new(["probe", "stage", "run"])),
        )
        .arg(option("image", "IMAGE", "The image of lithify, as your registry has it").env("LITHIFY_IMAGE").hide_env(true))
        .arg(option("command", "COMMAND", "With --mode run or stage: the command of a container that has none, as words or as a JSON list"))
        .arg(option("stage-dir", "DIR", "With --mode stage: stage and mount this directory in place of /usr/bin and /usr/sbin; can be repeated").action(ArgAction::Append))
        .arg(flag("force", "Also where a probe, a hook or the command needs what the profile removes"))
        .arg(flag("dry-run", "Print what would change, as a unified diff"))
        .arg(flag("in-place", "Change FILE itself").short('i'));
    let seal = Clap::new("seal")
        .about("State what the files of an image are, by one digest: the same that `lithify seal` prints in its container")
        .arg(option("image", "FILE", "What docker export, docker save, podman export, crane export or buildah push wrote, `-` for standard input").required(true))
        .arg(option("profile", "NAME", "Built-in profile, or a file: what its [seal] and [verify.mounts] leave out; can be repeated").short('p').action(ArgAction::Append))
        .arg(option("only", "WHICH", "List files with an x bit, ELF files and scripts alone; that is another digest").value_parser(PossibleValuesParser::new(["executables"])))
        .arg(option("out", "FILE", "Write the manifest (mtree) to FILE; `-` prints it in place of the digest").value_parser(clap::value_parser!(PathBuf)))
        .arg(option("platform", "OS/ARCH", "Of an archive with images for several platforms, this one; else that of this machine").value_parser(str::parse::<Platform>))
        .arg(option("max-file-size", "SIZE", "Refuse an image with a longer file").default_value("16G").value_parser(size::parse))
        .arg(option("max-size", "SIZE", "Refuse an image with more in all its layers").default_value("64G").value_parser(size::parse));
    let lint = common(Clap::new("lint").about("Check a manifest against profiles before it is applied"));
    Clap::new("kubectl-lithify")
        .bin_name("kubectl lithify")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Puts lithify into Kubernetes manifests, checks them, and seals images")
        .max_term_width(110)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(inject)
        .subcommand(lint)
        .subcommand(seal)
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut matches = command().try_get_matches_from(words)?;
    let found = matches.remove_subcommand().and_then(|(name, mut sub)| match name.as_str() {
        "inject" => read_inject(&mut sub).map(Command::Inject),
        "seal" => read_seal(&mut sub).map(Command::Seal),
        _ => Some(Command::Lint(Lint {
            file: sub.remove_one("filename")?,
            profiles: many(&mut sub, "profile"),
            containers: many(&mut sub, "container"),
        })),
    });
    found.ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))
}

/// Never `None`: clap checks the required options.
fn read_inject(sub: &mut ArgMatches) -> Option<Inject> {
    Some(Inject {
        file: sub.remove_one("filename")?,
        profiles: many(sub, "profile"),
        mode: match sub.remove_one::<String>("mode")?.as_str() {
            "probe" => Mode::Probe,
            "stage" => Mode::Stage,
            _ => Mode::Run,
        },
        image: sub.remove_one::<String>("image").filter(|image| !image.is_empty()),
        containers: many(sub, "container"),
        command: sub.remove_one("command"),
        stage_dirs: many(sub, "stage-dir"),
        force: sub.get_flag("force"),
        dry_run: sub.get_flag("dry-run"),
        in_place: sub.get_flag("in-place"),
    })
}

/// Never `None`: clap checks the required options.
fn read_seal(sub: &mut ArgMatches) -> Option<Seal> {
    Some(Seal {
        image: sub.remove_one("image")?,
        platform: sub.remove_one("platform"),
        profiles: many(sub, "profile"),
        scope: if sub.contains_id("only") { Scope::Executables } else { Scope::All },
        out: sub.remove_one("out"),
        limits: Limits::new(sub.remove_one("max-file-size")?, sub.remove_one("max-size")?),
    })
}

fn many(matches: &mut ArgMatches, name: &str) -> Vec<String> {
    matches.remove_many(name).map(Iterator::collect).unwrap_or_default()
}

/// The options of `inject` for a text in memory.
pub(crate) fn inject_options(mode: &str, profiles: &[&str]) -> Option<Inject> {
    let profiles = profiles.iter().flat_map(|profile| ["--profile", *profile]);
    let words = ["kubectl-lithify", "inject", "-f", "-", "--mode", mode].into_iter().chain(profiles);
    match parse(words.map(OsString::from)).ok()? {
        Command::Inject(options) => Some(options),
        Command::Lint(_) | Command::Seal(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
        let options = inject_options("run", &["nginx", "shells"]).unwrap();
        assert_eq!((options.mode, options.profiles.len()), (Mode::Run, 2));
        assert!(inject_options("other", &["nginx"]).is_none());
        assert!(inject_options("run", &[]).is_none());
    }
}
