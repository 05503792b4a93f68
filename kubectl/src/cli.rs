//! The plugin's command line.

mod audit;

use std::ffi::OsString;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command as Clap};

use crate::image::{Limits, Platform};
use crate::names::{PROGRAM, PROGRAM_OF_IMAGE};
pub(crate) use audit::{Report, ReportFormat, Verify};
use lithify::text::{seconds, size};

/// A command line.
#[derive(Debug)]
pub(crate) enum Command {
    Advise(Advise),
    Inject(Inject),
    Learn(Learn),
    Lint(Lint),
    Report(Report),
    Seal(Seal),
    Verify(Verify),
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

/// How the program comes into a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// An init container installs it into an `emptyDir`.
    InitContainer,
    /// Its image is mounted as a volume.
    ImageVolume,
}

impl Delivery {
    /// The value of `--deliver`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InitContainer => "init-container",
            Self::ImageVolume => "image-volume",
        }
    }

    /// Where the containers find the program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::InitContainer => PROGRAM,
            Self::ImageVolume => PROGRAM_OF_IMAGE,
        }
    }
}

/// What `--deliver` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deliver {
    /// As the pod has it already, else by an init container.
    AsItIs,
    By(Delivery),
    /// By what the cluster can do.
    ByCluster,
}

/// `inject`.
#[derive(Clone, Debug)]
pub(crate) struct Inject {
    pub(crate) file: String,
    /// `NAME`, or `FILE=PATH`: a file on this machine, and its path in the container.
    pub(crate) profiles: Vec<String>,
    /// `None` is `auto`.
    pub(crate) mode: Option<Mode>,
    pub(crate) deliver: Deliver,
    /// kubectl's, for what the cluster is asked.
    pub(crate) context: Option<String>,
    /// In place of hardening, the app is watched for so long.
    pub(crate) learns_for: Option<Duration>,
    pub(crate) image: Option<String>,
    pub(crate) containers: Vec<String>,
    /// Paths to pod templates in kinds that are not Kubernetes' own.
    pub(crate) pod_at: Vec<String>,
    pub(crate) command: Option<String>,
    pub(crate) stage_dirs: Vec<String>,
    /// Whether the app's volumes get `bindMountOptions`.
    pub(crate) harden_volumes: bool,
    /// The digest that the files must have, as somebody typed it.
    pub(crate) digest: Option<String>,
    pub(crate) force: bool,
    pub(crate) result: ResultTo,
}

/// Where the result of `inject` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultTo {
    /// It is printed whole.
    Output,
    /// What would change is printed.
    Comparison,
    /// It replaces the file.
    File,
}

/// `advise`.
#[derive(Clone, Debug)]
pub(crate) struct Advise {
    pub(crate) of: Advised,
    pub(crate) namespace: Option<String>,
    /// What `inject` would be told.
    pub(crate) inject: Inject,
}

/// What `advise` looks at.
#[derive(Clone, Debug)]
pub(crate) enum Advised {
    /// A pod of the cluster.
    Pod(String),
    /// The manifest in this file.
    Manifest(String),
}

/// `learn`.
#[derive(Clone, Debug)]
pub(crate) struct Learn {
    pub(crate) from: LearnFrom,
    pub(crate) namespace: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) container: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) command: Option<String>,
    /// How long the app is watched.
    pub(crate) time: Duration,
    /// Where the profile goes; `None` is standard output.
    pub(crate) out: Option<String>,
    pub(crate) apply: bool,
}

/// What `learn` learns from.
#[derive(Clone, Debug)]
pub(crate) enum LearnFrom {
    /// A pod that runs.
    Pod(String),
    /// The manifest in this file.
    Manifest(String),
    /// What a container of `learn` has printed, in this file.
    Log(String),
}

/// `lint`.
#[derive(Clone, Debug)]
pub(crate) struct Lint {
    pub(crate) file: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) containers: Vec<String>,
    /// Paths to pod templates in kinds that are not Kubernetes' own.
    pub(crate) pod_at: Vec<String>,
    /// For code scanning in place of people.
    pub(crate) sarif: bool,
}

/// `seal`.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    /// The archive of the image, or `-`.
    pub(crate) image: String,
    pub(crate) platform: Option<Platform>,
    pub(crate) limits: Limits,
    /// What else was given, which is for the core's `seal`.
    pub(crate) further: Vec<OsString>,
}

/// The image of the release, used without `--image`. Cargo.toml names it; `release::names` compares them.
pub(crate) const DEFAULT_IMAGE: &str = concat!("ghcr.io/lithify/lithify:", env!("CARGO_PKG_VERSION"));

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
        .arg(pod_at())
}

/// For kinds that are not Kubernetes' own.
fn pod_at() -> Arg {
    option("pod-at", "PATH", "Also the pod template at this path of kinds that are not Kubernetes' own, such as spec.template of an Argo Rollout; can be repeated")
        .action(ArgAction::Append)
}

/// The whole command line.
pub(crate) fn command() -> Clap {
    let inject = common(Clap::new("inject").about("Put lithify into the workloads of a manifest"))
        .arg(
            option("mode", "MODE", "probe: delete, by the startupProbe; stage: mount hardened copies, also on a read-only root; run: harden, then become the app; auto: what `advise` says of each container")
                .required(true)
                .value_parser(PossibleValuesParser::new(["probe", "stage", "run", "auto"])),
        )
        .arg(option("image", "IMAGE", "The image of lithify, if not that of its release").env("LITHIFY_IMAGE").hide_env(true))
        .arg(
            option("deliver", "WAY", "init-container: a copy in an emptyDir; image-volume: lithify's image as a volume, Kubernetes 1.36; auto: what kubectl's cluster can do")
                .value_parser(PossibleValuesParser::new(["init-container", "image-volume", "auto"])),
        )
        .arg(option("context", "NAME", "With --deliver auto: kubectl's --context"))
        .arg(option("command", "COMMAND", "With --mode run or stage: the command of a container that has none, as words or as a JSON list"))
        .arg(option("stage-dir", "DIR", "With --mode stage: stage and mount this directory in place of /usr/bin and /usr/sbin; can be repeated").action(ArgAction::Append))
        .arg(flag("harden-volumes", "Also mount the app's volumes noexec, nosuid and nodev: bindMountOptions, Kubernetes 1.37 with a feature gate"))
        .arg(option("digest", "DIGEST", "With --mode probe or run: what the files must be, as `kubectl lithify seal --after` prints it for this image"))
        .arg(flag("force", "Also where a probe, a hook or the command needs what the profile removes"))
        .arg(flag("dry-run", "Print what would change, as a unified diff"))
        .arg(flag("in-place", "Change FILE itself").short('i'));
    let seal = Clap::new("seal")
        .about("State what the files of an image are, by one digest: the same that `lithify seal` prints in its container")
        .arg(option("image", "FILE", "What docker export, docker save, podman export, crane export or buildah push wrote, `-` for standard input").required(true))
        .arg(option("platform", "OS/ARCH", "Of an archive with images for several platforms, this one; else that of this machine").value_parser(str::parse::<Platform>))
        .arg(option("max-size", "SIZE", "Refuse an image with more bytes in all its layers").default_value("64G").value_parser(size::parse))
        .args(of_core_seal().filter(|arg| arg.get_id() != "root"));
    let learn = Clap::new("learn")
        .about("Learn the profile of an app: of a pod that runs, or of a workload that is started for it")
        .arg(Arg::new("pod").value_name("POD").help("A pod that runs: an ephemeral container looks at it"))
        .arg(option("filename", "FILE", "A manifest: its containers start `lithify learn -- COMMAND`").short('f'))
        .arg(option(
            "logs",
            "FILE",
            "Print the profile in what `kubectl logs` printed of either; `-` for standard input",
        ))
        .group(ArgGroup::new("from").args(["pod", "filename", "logs"]).required(true))
        .arg(option("container", "NAME", "This container of the pod").short('c'))
        .arg(
            option("for", "SECONDS", "How long the app is watched, while you use it")
                .default_value("30")
                .value_parser(seconds::parse),
        )
        .arg(
            option("image", "IMAGE", "The image of lithify, if not that of its release")
                .env("LITHIFY_IMAGE")
                .hide_env(true),
        )
        .arg(
            option(
                "command",
                "COMMAND",
                "With -f: the command of a container that has none, as words or as a JSON list",
            )
            .requires("filename"),
        )
        .arg(option("out", "FILE", "Write the profile to FILE; `-` is standard output"))
        .arg(option("namespace", "NAME", "kubectl's --namespace").short('n'))
        .arg(option("context", "NAME", "kubectl's --context"))
        .arg(
            flag("apply", "Do it, wait, and print the profile; without it, what would be done is printed")
                .conflicts_with("logs"),
        );
    let advise = Clap::new("advise")
        .about("Say for each container in which mode `inject` can harden it, and why")
        .arg(Arg::new("pod").value_name("POD").help("A pod of kubectl's cluster"))
        .arg(option("filename", "FILE", "A manifest in YAML or JSON, `-` for standard input").short('f'))
        .group(ArgGroup::new("of").args(["pod", "filename"]).required(true))
        .arg(
            option("profile", "NAME", "Built-in profile, or a file, as for inject; can be repeated")
                .short('p')
                .default_value("shells")
                .action(ArgAction::Append),
        )
        .arg(
            option("container", "NAME", "Only this container of each pod; can be repeated")
                .short('c')
                .action(ArgAction::Append),
        )
        .arg(pod_at())
        .arg(option("command", "COMMAND", "The command of a container that has none, as words or as a JSON list"))
        .arg(option("namespace", "NAME", "kubectl's --namespace").short('n'))
        .arg(option("context", "NAME", "kubectl's --context"));
    let lint = common(Clap::new("lint").about("Check a manifest against profiles before it is applied")).arg(
        option("format", "FORMAT", "text, or sarif for code scanning")
            .default_value("text")
            .value_parser(PossibleValuesParser::new(["text", "sarif"])),
    );
    Clap::new("kubectl-lithify")
        .bin_name("kubectl lithify")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Puts lithify into Kubernetes manifests, checks them, seals images, learns profiles, and verifies pods")
        .max_term_width(110)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(advise)
        .subcommand(inject)
        .subcommand(learn)
        .subcommand(lint)
        .subcommand(audit::report())
        .subcommand(seal)
        .subcommand(audit::verify())
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut matches = command().try_get_matches_from(words)?;
    let found = matches.remove_subcommand().and_then(|(name, mut sub)| match name.as_str() {
        "advise" => read_advise(&mut sub).map(Command::Advise),
        "inject" => read_inject(&mut sub).map(Command::Inject),
        "learn" => read_learn(&mut sub).map(Command::Learn),
        "report" => audit::read_report(&mut sub).map(Command::Report),
        "seal" => read_seal(&mut sub).map(Command::Seal),
        "verify" => audit::read_verify(&mut sub).map(Command::Verify),
        _ => Some(Command::Lint(Lint {
            file: sub.remove_one("filename")?,
            profiles: many(&mut sub, "profile"),
            containers: many(&mut sub, "container"),
            pod_at: many(&mut sub, "pod-at"),
            sarif: sub.remove_one::<String>("format")? == "sarif",
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
            "probe" => Some(Mode::Probe),
            "stage" => Some(Mode::Stage),
            "run" => Some(Mode::Run),
            _ => None,
        },
        deliver: match sub.remove_one::<String>("deliver").as_deref() {
            Some("image-volume") => Deliver::By(Delivery::ImageVolume),
            Some("init-container") => Deliver::By(Delivery::InitContainer),
            Some(_) => Deliver::ByCluster,
            None => Deliver::AsItIs,
        },
        context: sub.remove_one("context"),
        learns_for: None,
        image: sub.remove_one::<String>("image").filter(|image| !image.is_empty()),
        containers: many(sub, "container"),
        pod_at: many(sub, "pod-at"),
        command: sub.remove_one("command"),
        stage_dirs: many(sub, "stage-dir"),
        harden_volumes: sub.get_flag("harden-volumes"),
        digest: sub.remove_one("digest"),
        force: sub.get_flag("force"),
        result: match (sub.get_flag("dry-run"), sub.get_flag("in-place")) {
            (true, _) => ResultTo::Comparison,
            (false, true) => ResultTo::File,
            (false, false) => ResultTo::Output,
        },
    })
}

/// Never `None`: clap checks the required options.
fn read_advise(sub: &mut ArgMatches) -> Option<Advise> {
    let file: Option<String> = sub.remove_one("filename");
    let of = match sub.remove_one("pod") {
        Some(pod) => Advised::Pod(pod),
        None => Advised::Manifest(file.clone()?),
    };
    Some(Advise {
        of,
        namespace: sub.remove_one("namespace"),
        inject: Inject {
            file: file.unwrap_or_default(),
            profiles: many(sub, "profile"),
            mode: None,
            deliver: Deliver::AsItIs,
            context: sub.remove_one("context"),
            learns_for: None,
            image: None,
            containers: many(sub, "container"),
            pod_at: many(sub, "pod-at"),
            command: sub.remove_one("command"),
            stage_dirs: Vec::new(),
            harden_volumes: false,
            digest: None,
            force: false,
            result: ResultTo::Output,
        },
    })
}

/// Never `None`: clap checks the required options.
fn read_learn(sub: &mut ArgMatches) -> Option<Learn> {
    let pod = sub.remove_one("pod").map(LearnFrom::Pod);
    let from = pod
        .or_else(|| sub.remove_one("filename").map(LearnFrom::Manifest))
        .or_else(|| sub.remove_one("logs").map(LearnFrom::Log))?;
    Some(Learn {
        from,
        namespace: sub.remove_one("namespace"),
        context: sub.remove_one("context"),
        container: sub.remove_one("container"),
        image: sub.remove_one::<String>("image").filter(|image| !image.is_empty()),
        command: sub.remove_one("command"),
        time: sub.remove_one("for")?,
        out: sub.remove_one("out"),
        apply: sub.get_flag("apply"),
    })
}

/// The options of `lithify seal`, with those that every command takes.
fn of_core_seal() -> impl Iterator<Item = Arg> {
    let command = lithify::cli::command();
    let of = |command: &Clap| command.get_arguments().cloned().collect::<Vec<_>>();
    let own = command.find_subcommand("seal").map(of).unwrap_or_default();
    own.into_iter().chain(of(&command))
}

/// Never `None`: clap checks the required options.
fn read_seal(sub: &mut ArgMatches) -> Option<Seal> {
    let file: u64 = sub.get_one("max-file-size").copied()?;
    let mut further = Vec::new();
    for arg in of_core_seal() {
        let id = arg.get_id().as_str();
        // What variables say is read by the core.
        if arg.get_id() == "root" || sub.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        if arg.get_action().takes_values() {
            for value in sub.get_raw(id).into_iter().flatten() {
                let mut word = OsString::from(format!("--{id}="));
                word.push(value);
                further.push(word);
            }
        } else {
            further.push(format!("--{id}").into());
        }
    }
    Some(Seal {
        image: sub.remove_one("image")?,
        platform: sub.remove_one("platform"),
        limits: Limits::new(file, sub.remove_one("max-size")?),
        further,
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
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the core reads, it is given word for word.
    #[test]
    fn options_of_the_core_are_passed_on() {
        let read = |words: &str| {
            let words = ["kubectl-lithify", "seal", "--image", "-"].into_iter().chain(words.split_whitespace());
            match parse(words.map(OsString::from)) {
                Ok(Command::Seal(seal)) => {
                    seal.further.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
                }
                Ok(_) => "another".to_owned(),
                Err(error) => error.kind().to_string(),
            }
        };
        assert_eq!(read(""), "");
        let words = read("-p a --profile b --after --only=executables --out - --max-file-size 1K -v --format json");
        let expected =
            "--profile=a --profile=b --after --only=executables --out=- --max-file-size=1K --format=json --verbose";
        assert_eq!(words, expected);
        assert!(read("--root /x").contains("unexpected"), "{}", read("--root /x"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
        let options = inject_options("run", &["nginx", "shells"]).unwrap();
        assert_eq!((options.mode, options.profiles.len()), (Some(Mode::Run), 2));
        assert!(inject_options("other", &["nginx"]).is_none());
        assert!(inject_options("run", &[]).is_none());
    }
}
