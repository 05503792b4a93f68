//! The findings of records as SARIF. What holds is no result.

use std::collections::{BTreeMap, BTreeSet};

use super::audited::{Audited, Outcome, Status};
use super::control::Control;
use crate::sarif::{self, Level, Place, Result, Rule};

/// The rule of a container in which `verify` said nothing.
const UNVERIFIED: &str = "unverified";

/// The log.
pub(crate) fn log(containers: &[Audited]) -> String {
    let mut tags: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut results = Vec::new();
    for audited in containers {
        let names = [&audited.namespace, &audited.pod, &audited.container];
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).cloned().collect();
        let mut add = |rule: &str, level: Level, message: String| {
            // A pod that takes the place of another has the same findings, under another name.
            let same = [&audited.namespace, &audited.workload, &audited.container, &audited.image, rule, level.name()]
                .map(str::to_owned);
            let (rule, place) = (rule.to_owned(), Place::Object(names.clone()));
            results.push(Result { rule, level, message, place, same: same.into() });
        };
        if let Outcome::Unverified { reason, fix } = &audited.outcome {
            tags.entry(UNVERIFIED).or_default();
            add(UNVERIFIED, Level::Warning, with_fix(reason, fix.as_deref()));
        }
        for check in audited.checks() {
            tags.entry(&check.id).or_default().extend(check.ids.iter().map(|id| id.join(" ")));
        }
        for problem in audited.problems() {
            let level = if problem.check.status == Status::Fail { Level::Error } else { Level::Warning };
            add(&problem.check.id, level, with_fix(&problem.seen(), problem.check.hint.as_deref()));
        }
    }
    let rule = |(id, tags): (&str, BTreeSet<String>)| {
        let control = Control::named(id);
        let title = if id == UNVERIFIED { "lithify verify can look into the container" } else { control.title };
        Rule {
            id: id.to_owned(),
            title: title.to_owned(),
            help: control.remedy.to_owned(),
            tags,
            severity: score(control.severity),
        }
    };
    sarif::log(&tags.into_iter().map(rule).collect(), &results)
}

fn with_fix(seen: &str, fix: Option<&str>) -> String {
    match fix {
        Some(fix) => format!("{seen}. Fix: {fix}"),
        None => seen.to_owned(),
    }
}

/// A number for a severity, in the bands of GitHub's code scanning, which are those of CVSS.
fn score(severity: &str) -> Option<&'static str> {
    match severity {
        "critical" => Some("9.5"),
        "high" => Some("8.0"),
        "medium" => Some("5.5"),
        "low" => Some("3.0"),
        "info" => Some("0.0"),
        _ => None,
    }
}
