//! The options of `lint`.

use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Command as Clap};

use super::{manifest_and_profiles, many, option};

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

/// The options.
pub(super) fn options() -> Clap {
    manifest_and_profiles(Clap::new("lint").about("Check a manifest against profiles before it is applied")).arg(
        option("format", "FORMAT", "text, or sarif for code scanning")
            .default_value("text")
            .value_parser(PossibleValuesParser::new(["text", "sarif"])),
    )
}

/// Never `None`: clap checks the required options.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Lint> {
    Some(Lint {
        file: sub.remove_one("filename")?,
        profiles: many(sub, "profile"),
        containers: many(sub, "container"),
        pod_at: many(sub, "pod-at"),
        sarif: sub.remove_one::<String>("format")? == "sarif",
    })
}
