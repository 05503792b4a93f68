//! The options of `inject`.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, ArgMatches, Command as Clap};

use super::{flag, image, manifest_and_profiles, many, option, read_image};
use crate::names::{PROGRAM, PROGRAM_OF_IMAGE};

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

impl Inject {
    /// What is hardened in this file in this mode, and nothing else said.
    pub(crate) fn new(file: String, mode: Option<Mode>) -> Self {
        Self {
            file,
            profiles: Vec::new(),
            mode,
            deliver: Deliver::AsItIs,
            context: None,
            learns_for: None,
            image: None,
            containers: Vec::new(),
            pod_at: Vec::new(),
            command: None,
            stage_dirs: Vec::new(),
            harden_volumes: false,
            digest: None,
            force: false,
            result: ResultTo::Output,
        }
    }
}

/// The options.
pub(super) fn options() -> Clap {
    manifest_and_profiles(Clap::new("inject").about("Put lithify into the workloads of a manifest"))
        .arg(
            option("mode", "MODE", "probe: delete, by the startupProbe; stage: mount hardened copies, also on a read-only root; run: harden, then become the app; auto: what `advise` says of each container")
                .required(true)
                .value_parser(PossibleValuesParser::new(["probe", "stage", "run", "auto"])),
        )
        .arg(image())
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
        .arg(flag("in-place", "Change FILE itself").short('i'))
}

/// Never `None`: clap checks the required options.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Inject> {
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
        image: read_image(sub),
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
