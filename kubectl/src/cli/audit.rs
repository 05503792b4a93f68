//! The options of the commands that gather evidence: `verify` and `report`.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap};

use super::{flag, many, option};
use lithify::text::seconds;

/// `report`.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Files of records; `-` is standard input.
    pub(crate) files: Vec<String>,
    pub(crate) format: ReportFormat,
}

/// What `report` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    /// A page for people.
    Html,
    /// A log for code scanning.
    Sarif,
}

/// `verify`.
#[derive(Clone, Debug)]
pub(crate) struct Verify {
    pub(crate) namespace: Option<String>,
    pub(crate) all_namespaces: bool,
    pub(crate) context: Option<String>,
    /// kubectl's label selector.
    pub(crate) selector: Option<String>,
    /// How many containers are asked at a time.
    pub(crate) parallel: usize,
    /// How long one may take.
    pub(crate) time: Duration,
    pub(crate) json: bool,
}

/// The options of `report`.
pub(super) fn report() -> Clap {
    Clap::new("report")
        .about("Make one page for people, or SARIF, of what `verify --format json` printed")
        .arg(Arg::new("file").value_name("FILE").required(true).action(ArgAction::Append).help(
            "Records of `lithify verify`, or what `kubectl lithify verify` printed, as JSON; `-` for standard input",
        ))
        .arg(
            option("format", "FORMAT", "html: one page without anything beside it; sarif: for code scanning")
                .default_value("html")
                .value_parser(PossibleValuesParser::new(["html", "sarif"])),
        )
}

/// The options of `verify`.
pub(super) fn verify() -> Clap {
    Clap::new("verify")
        .about("Ask every container with lithify, by kubectl exec, whether what was asked for holds")
        .arg(option("namespace", "NAME", "kubectl's --namespace").short('n'))
        .arg(flag("all-namespaces", "The pods of all namespaces").short('A').conflicts_with("namespace"))
        .arg(option("selector", "SELECTOR", "kubectl's --selector: only pods with these labels").short('l'))
        .arg(option("context", "NAME", "kubectl's --context"))
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

/// Never `None`: clap checks the required options.
pub(super) fn read_report(sub: &mut ArgMatches) -> Option<Report> {
    let format = sub.remove_one::<String>("format")?;
    Some(Report {
        files: many(sub, "file"),
        format: if format == "sarif" { ReportFormat::Sarif } else { ReportFormat::Html },
    })
}

/// Never `None`: clap gives the defaults.
pub(super) fn read_verify(sub: &mut ArgMatches) -> Option<Verify> {
    Some(Verify {
        namespace: sub.remove_one("namespace"),
        all_namespaces: sub.get_flag("all-namespaces"),
        context: sub.remove_one("context"),
        selector: sub.remove_one("selector"),
        parallel: sub.remove_one::<u16>("parallel")?.into(),
        time: sub.remove_one("timeout")?,
        json: sub.remove_one::<String>("format")? == "json",
    })
}
