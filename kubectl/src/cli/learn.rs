//! The options of `learn`.

use std::time::Duration;

use clap::{ArgMatches, Command as Clap};

use super::subject::{self, Subject};
use super::{flag, image, option, read_image};
use lithify::text::seconds;

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
    /// An app that is watched.
    App(Subject),
    /// What a container of `learn` has printed, in this file.
    Log(String),
}

/// The options.
pub(super) fn options() -> Clap {
    let command = Clap::new("learn")
        .about("Learn the profile of an app: of a pod that runs, or of a workload that is started for it");
    subject::options(command, "A manifest: its containers start `lithify learn -- COMMAND`", &["logs"])
        .arg(option(
            "logs",
            "FILE",
            "Print the profile in what `kubectl logs` printed of either; `-` for standard input",
        ))
        .arg(option("container", "NAME", "This container of the pod").short('c'))
        .arg(
            option("for", "SECONDS", "How long the app is watched, while you use it")
                .default_value("30")
                .value_parser(seconds::parse),
        )
        .arg(image())
        .arg(
            option(
                "command",
                "COMMAND",
                "With -f: the command of a container that has none, as words or as a JSON list",
            )
            .requires("filename"),
        )
        .arg(option("out", "FILE", "Write the profile to FILE; `-` is standard output"))
        .arg(
            flag("apply", "Do it, wait, and print the profile; without it, what would be done is printed")
                .conflicts_with("logs"),
        )
}

/// Never `None`: clap checks the required options.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Learn> {
    let from = match subject::read(sub) {
        Some(subject) => LearnFrom::App(subject),
        None => LearnFrom::Log(sub.remove_one("logs")?),
    };
    Some(Learn {
        from,
        namespace: sub.remove_one("namespace"),
        context: sub.remove_one("context"),
        container: sub.remove_one("container"),
        image: read_image(sub),
        command: sub.remove_one("command"),
        time: sub.remove_one("for")?,
        out: sub.remove_one("out"),
        apply: sub.get_flag("apply"),
    })
}
