//! The plugin's command line. Each subcommand has a file of its own.

mod advise;
mod inject;
mod learn;
mod lint;
mod report;
mod seal;
mod subject;
mod verify;

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command as Clap};

pub(crate) use advise::Advise;
pub(crate) use inject::{Deliver, Delivery, Inject, Mode, ResultTo};
pub(crate) use learn::{Learn, LearnFrom};
pub(crate) use lint::Lint;
pub(crate) use report::{Report, ReportFormat};
pub(crate) use seal::Seal;
pub(crate) use subject::{Object, Subject};
pub(crate) use verify::Verify;

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

/// The image of the release, used without `--image`. Cargo.toml names it; `release::names` compares them.
pub(crate) const DEFAULT_IMAGE: &str = concat!("ghcr.io/lithify/lithify:", env!("CARGO_PKG_VERSION"));

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// The options of what reads a manifest and profiles.
fn manifest_and_profiles(command: Clap) -> Clap {
    command
        .arg(option("filename", "FILE", "A manifest in YAML or JSON, `-` for standard input").short('f').required(true))
        .arg(
            option("profile", "NAME", "Built-in profile, or a file: see `lithify profile list`; can be repeated")
                .short('p')
                .required(true)
                .action(ArgAction::Append),
        )
        .arg(container())
        .arg(pod_at())
}

fn container() -> Arg {
    option("container", "NAME", "Only this container of each pod; can be repeated").short('c').action(ArgAction::Append)
}

/// For kinds that are not Kubernetes' own.
fn pod_at() -> Arg {
    option("pod-at", "PATH", "Also the pod template at this path of kinds that are not Kubernetes' own, such as spec.template of an Argo Rollout; can be repeated")
        .action(ArgAction::Append)
}

fn image() -> Arg {
    option("image", "IMAGE", "The image of lithify, if not that of its release")
        .env("LITHIFY_IMAGE")
        .hide_env(true)
        .value_parser(reference)
}

/// Blanks and line ends are in no reference of an image, and in a manifest only the kubelet would say so.
fn reference(text: &str) -> Result<String, &'static str> {
    let is_one = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_one.then(|| text.to_owned()).ok_or("give one reference, such as ghcr.io/lithify/lithify:0.1.0")
}

/// An empty variable says nothing.
fn read_image(matches: &mut ArgMatches) -> Option<String> {
    matches.remove_one::<String>("image").filter(|image| !image.is_empty())
}

fn namespace() -> Arg {
    option("namespace", "NAME", "kubectl's --namespace").short('n')
}

fn context() -> Arg {
    option("context", "NAME", "kubectl's --context")
}

fn many(matches: &mut ArgMatches, name: &str) -> Vec<String> {
    matches.remove_many(name).map(Iterator::collect).unwrap_or_default()
}

/// The whole command line.
pub(crate) fn command() -> Clap {
    Clap::new("kubectl-lithify")
        .bin_name("kubectl lithify")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Puts lithify into Kubernetes manifests, checks them, seals images, learns profiles, and verifies pods")
        .max_term_width(110)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(advise::options())
        .subcommand(inject::options())
        .subcommand(learn::options())
        .subcommand(lint::options())
        .subcommand(report::options())
        .subcommand(seal::options())
        .subcommand(verify::options())
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut matches = command().try_get_matches_from(words)?;
    let found = matches.remove_subcommand().and_then(|(name, mut sub)| match name.as_str() {
        "advise" => advise::read(&mut sub).map(Command::Advise),
        "inject" => inject::read(&mut sub).map(Command::Inject),
        "learn" => learn::read(&mut sub).map(Command::Learn),
        "lint" => lint::read(&mut sub).map(Command::Lint),
        "report" => report::read(&mut sub).map(Command::Report),
        "seal" => seal::read(&mut sub).map(Command::Seal),
        _ => verify::read(&mut sub).map(Command::Verify),
    });
    found.ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))
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

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
        let options = inject_options("run", &["nginx", "shells"]).unwrap();
        assert_eq!((options.mode, options.profiles.len()), (Some(Mode::Run), 2));
        assert!(inject_options("other", &["nginx"]).is_none());
        assert!(inject_options("run", &[]).is_none());
    }
}
