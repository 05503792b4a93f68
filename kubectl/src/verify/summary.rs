//! What was found out, as text: problems first, then those without lithify, then the figures by workload and by control.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::report::audited::{Audited, Outcome, State, Status, by_control};

/// The most pods that are named of those in which the same is wrong.
const NAMED: usize = 3;

/// The text.
pub(super) fn text(containers: &[Audited]) -> String {
    let mut out = String::new();
    for ((place, container, problems), pods) in alike(containers, |audited| audited.findings() > 0, problems) {
        let _ = writeln!(out, "{place} {container}{}\n{problems}", in_pods(&pods));
    }
    let without = |audited: &Audited| match audited.outcome {
        Outcome::Without => ": without lithify".to_owned(),
        _ => ": staged, and nothing in it that could look".to_owned(),
    };
    for ((place, container, what), pods) in alike(containers, Audited::is_without, without) {
        let _ = writeln!(out, "note: {place} {container}{}{what}", in_pods(&pods));
    }
    workloads(&mut out, containers);
    let controls = by_control(containers).into_iter().map(|(id, counts)| (id.to_owned(), counts)).collect();
    table(&mut out, "control", ["fail", "unverified", "pass"], controls);
    let verified = containers.iter().filter(|audited| matches!(audited.outcome, Outcome::Verified(_))).count();
    let findings: usize = containers.iter().map(Audited::findings).sum();
    let findings = match findings {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let _ = writeln!(out, "kubectl-lithify verify: {findings}; {verified} of {} containers verified", containers.len());
    out
}

/// Those containers of which this is so, by workload and by what is said of them, each with its pods: those of one workload
/// mostly say the same.
fn alike(
    containers: &[Audited],
    is_so: fn(&Audited) -> bool,
    said: fn(&Audited) -> String,
) -> BTreeMap<(String, &str, String), Vec<&str>> {
    let mut alike: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for audited in containers.iter().filter(|audited| is_so(audited)) {
        let key = (audited.workload_place(), audited.container.as_str(), said(audited));
        let pods = alike.entry(key).or_default();
        pods.extend((!audited.workload.is_empty()).then_some(audited.pod.as_str()));
    }
    alike
}

/// Which pods of the workload are meant; nothing for a pod that nothing has made.
fn in_pods(pods: &[&str]) -> String {
    let named = pods.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match pods.len() {
        0 => String::new(),
        1 => format!(" in pod {named}"),
        all if all > NAMED => format!(" in {all} pods: {named} and {} more", all - NAMED),
        all => format!(" in {all} pods: {named}"),
    }
}

fn problems(audited: &Audited) -> String {
    let mut lines = Vec::new();
    if let Outcome::Unverified { reason, fix } = &audited.outcome {
        lines.push(line("UNVERIFIED", reason, fix.as_deref()));
    }
    for problem in audited.problems() {
        let check = problem.check;
        let word = if check.status == Status::Fail { "FAIL" } else { "UNVERIFIED" };
        lines.push(line(word, &format!("{} {}", check.id, problem.seen()), check.hint.as_deref()));
    }
    lines.join("\n")
}

fn line(word: &str, seen: &str, fix: Option<&str>) -> String {
    let fix = fix.map(|fix| format!("\n    fix: {fix}")).unwrap_or_default();
    format!("  {word} {seen}{fix}")
}

/// How many containers of each workload fail, are unverified, and so on.
fn workloads(out: &mut String, containers: &[Audited]) {
    let mut counts: BTreeMap<String, [usize; 5]> = BTreeMap::new();
    for audited in containers {
        let [fail, unverified, pass, staged, without] = counts.entry(audited.workload_place()).or_default();
        *match audited.state() {
            State::Fail => fail,
            State::Unverified => unverified,
            State::Pass => pass,
            State::Staged => staged,
            State::Without => without,
        } += 1;
    }
    let head = ["fail", "unverified", "pass", "staged", "without"];
    table(out, "workload", head, counts.into_iter().collect());
}

/// A row of figures for each name, the worst first.
fn table<const N: usize>(out: &mut String, what: &str, head: [&str; N], mut rows: Vec<(String, [usize; N])>) {
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|(_, counts)| Reverse(*counts));
    let width = rows.iter().map(|(name, _)| name.len()).chain([what.len()]).max().unwrap_or(0);
    let _ = writeln!(out, "{what:width$}  {}", head.join("  "));
    for (name, counts) in rows {
        let _ = write!(out, "{name:width$}");
        for (count, head) in counts.iter().zip(head) {
            let _ = write!(out, "  {count:>width$}", width = head.len());
        }
        out.push('\n');
    }
}
