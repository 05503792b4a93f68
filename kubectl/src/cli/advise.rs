//! The options of `advise`.

use clap::{ArgAction, ArgMatches, Command as Clap};

use super::inject::Inject;
use super::subject::{self, Subject};
use super::{container, many, option, pod_at};

/// `advise`.
#[derive(Clone, Debug)]
pub(crate) struct Advise {
    pub(crate) of: Subject,
    pub(crate) namespace: Option<String>,
    /// What `inject` would be told.
    pub(crate) inject: Inject,
}

/// The options.
pub(super) fn options() -> Clap {
    let command = Clap::new("advise").about("Say for each container in which mode `inject` can harden it, and why");
    subject::options(command, "A manifest in YAML or JSON, `-` for standard input", &[])
        .arg(
            option("profile", "NAME", "Built-in profile, or a file, as for inject; can be repeated")
                .short('p')
                .default_value("shells")
                .action(ArgAction::Append),
        )
        .arg(container())
        .arg(pod_at())
        .arg(option("command", "COMMAND", "The command of a container that has none, as words or as a JSON list"))
}

/// Never `None`: clap checks the required options.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Advise> {
    let of = subject::read(sub)?;
    let file = if let Subject::Manifest(file) = &of { file.clone() } else { String::new() };
    let inject = Inject {
        profiles: many(sub, "profile"),
        context: sub.remove_one("context"),
        containers: many(sub, "container"),
        pod_at: many(sub, "pod-at"),
        command: sub.remove_one("command"),
        ..Inject::new(file, None)
    };
    Some(Advise { of, namespace: sub.remove_one("namespace"), inject })
}
