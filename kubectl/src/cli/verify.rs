//! The options of `verify`.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Command as Clap};

use super::{context, flag, namespace, option};
use lithify::text::seconds;

/// `verify`.
#[derive(Clone, Debug)]
pub(crate) struct Verify {
    pub(crate) namespace: Option<String>,
    pub(crate) all_namespaces: bool,
    pub(crate) context: Option<String>,
    /// kubectl's label selector.
    pub(crate) selector: Option<String>,
    /// Whether each container also tries what must fail.
    pub(crate) prove: bool,
    /// How many containers are asked at a time.
    pub(crate) parallel: usize,
    /// How long one may take.
    pub(crate) time: Duration,
    pub(crate) json: bool,
}

/// The options.
pub(super) fn options() -> Clap {
    Clap::new("verify")
        .about("Ask every container with lithify, by kubectl exec, whether what was asked for holds")
        .arg(namespace())
        .arg(flag("all-namespaces", "The pods of all namespaces").short('A').conflicts_with("namespace"))
        .arg(option("selector", "SELECTOR", "kubectl's --selector: only pods with these labels").short('l'))
        .arg(context())
        .arg(flag("prove", "Also try in each container what must fail, as `lithify verify --prove` does"))
        .arg(
            option("parallel", "NUMBER", "How many containers are asked at a time")
                .default_value("4")
                .value_parser(clap::value_parser!(u16).range(1..=100)),
        )
        .arg(
            option("timeout", "SECONDS", "How long one container may take")
                .default_value("60")
                .value_parser(seconds::parse),
        )
        .arg(
            option("format", "FORMAT", "text, or json for `kubectl lithify report`")
                .default_value("text")
                .value_parser(PossibleValuesParser::new(["text", "json"])),
        )
}

/// Never `None`: clap gives the defaults.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Verify> {
    Some(Verify {
        namespace: sub.remove_one("namespace"),
        all_namespaces: sub.get_flag("all-namespaces"),
        context: sub.remove_one("context"),
        selector: sub.remove_one("selector"),
        prove: sub.get_flag("prove"),
        parallel: sub.remove_one::<u16>("parallel")?.into(),
        time: sub.remove_one("timeout")?,
        json: sub.remove_one::<String>("format")? == "json",
    })
}
