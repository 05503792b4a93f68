//! The options of `report`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap};

use super::{many, option};

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

/// The options.
pub(super) fn options() -> Clap {
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

/// Never `None`: clap checks the required options.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Report> {
    let format = sub.remove_one::<String>("format")?;
    Some(Report {
        files: many(sub, "file"),
        format: if format == "sarif" { ReportFormat::Sarif } else { ReportFormat::Html },
    })
}
