//! What is known of one container: what `verify` said in it, or why it said nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::control::Control;
use lithify::text::escape::escape;

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audited {
    /// Empty where nobody says it, as the next four.
    pub(crate) namespace: String,
    pub(crate) pod: String,
    /// What made the pod, such as `deployment/web`.
    pub(crate) workload: String,
    pub(crate) node: String,
    pub(crate) container: String,
    pub(crate) image: String,
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What `verify` said.
    Verified(Record),
    /// Nothing of lithify is in it.
    Without,
    /// It has copies of its directories that lithify has hardened, and nothing of lithify's that could look.
    Staged,
    /// Why `verify` said nothing, and what to do.
    Unverified { reason: String, fix: Option<String> },
}

impl Default for Outcome {
    fn default() -> Self {
        Self::Unverified { reason: "there is no report".to_owned(), fix: None }
    }
}

/// What `verify` said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) version: String,
    pub(crate) time: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) profile_digest: String,
    pub(crate) seal_digest: String,
    pub(crate) checks: Vec<Check>,
    pub(crate) notes: Vec<String>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) subject: String,
    pub(crate) detail: String,
    pub(crate) hint: Option<String>,
    /// How standards call it: standard, edition, id.
    pub(crate) ids: Vec<[String; 3]>,
}

/// How a check ended. In order of concern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Fail,
    Unverified,
    /// A word of another version of lithify.
    Other(String),
    Pass,
}

impl Status {
    pub(crate) fn is_finding(&self) -> bool {
        matches!(self, Self::Fail | Self::Unverified)
    }
}

/// How a container as a whole is. In order of concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Fail,
    Unverified,
    Without,
    Staged,
    Pass,
}

/// All findings of one control with one status: a root that was never hardened has hundreds.
#[derive(Debug)]
pub(crate) struct Problem<'a> {
    /// The first of them.
    pub(crate) check: &'a Check,
    /// How many there are beside it.
    pub(crate) more: usize,
}

impl Problem<'_> {
    /// What was seen.
    pub(crate) fn seen(&self) -> String {
        let more = if self.more == 0 { String::new() } else { format!(", and {} more", self.more) };
        format!("{}: {}{more}", self.check.subject, self.check.detail)
    }
}

impl Audited {
    /// Such as `shop/web-1`.
    pub(crate) fn place(&self) -> String {
        let parts = [&self.namespace, &self.pod];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
    }

    /// The same of what made the pod, such as `shop/deployment/web`: the pod itself where nothing did.
    pub(crate) fn workload_place(&self) -> String {
        if self.workload.is_empty() { self.place() } else { format!("{}/{}", self.namespace, self.workload) }
    }

    /// How it is as a whole.
    pub(crate) fn state(&self) -> State {
        match &self.outcome {
            Outcome::Unverified { .. } => State::Unverified,
            Outcome::Without => State::Without,
            Outcome::Staged => State::Staged,
            Outcome::Verified(record) if record.checks.iter().any(|check| check.status == Status::Fail) => State::Fail,
            Outcome::Verified(record) if record.checks.iter().any(|check| check.status.is_finding()) => {
                State::Unverified
            }
            Outcome::Verified(_) => State::Pass,
        }
    }

    /// Whether nothing of lithify's was there to ask.
    pub(crate) fn is_without(&self) -> bool {
        matches!(self.outcome, Outcome::Without | Outcome::Staged)
    }

    pub(crate) fn checks(&self) -> &[Check] {
        if let Outcome::Verified(record) = &self.outcome { &record.checks } else { &[] }
    }

    /// What is wrong, the worst first.
    pub(crate) fn problems(&self) -> Vec<Problem<'_>> {
        let mut problems: Vec<Problem<'_>> = Vec::new();
        for check in self.checks().iter().filter(|check| check.status.is_finding()) {
            let same = |known: &&mut Problem<'_>| known.check.id == check.id && known.check.status == check.status;
            match problems.iter_mut().find(same) {
                Some(known) => known.more += 1,
                None => problems.push(Problem { check, more: 0 }),
            }
        }
        problems.sort_by_key(|Problem { check, .. }| (check.status.clone(), Control::named(&check.id).rank()));
        problems
    }

    /// How many checks do not hold, or could not be looked at.
    pub(crate) fn findings(&self) -> usize {
        match &self.outcome {
            Outcome::Unverified { .. } => 1,
            _ => self.checks().iter().filter(|check| check.status.is_finding()).count(),
        }
    }
}

/// In how many containers each control fails, is unverified, and passes: by the worst of its checks in each.
pub(crate) fn by_control(containers: &[Audited]) -> BTreeMap<&str, [usize; 3]> {
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for audited in containers {
        let mut worst: BTreeMap<&str, &Status> = BTreeMap::new();
        for check in audited.checks() {
            let known = worst.entry(&check.id).or_insert(&check.status);
            *known = (*known).min(&check.status);
        }
        for (id, status) in worst {
            let [fail, unverified, pass] = counts.entry(id).or_default();
            match status {
                Status::Fail => *fail += 1,
                Status::Unverified => *unverified += 1,
                Status::Pass => *pass += 1,
                Status::Other(_) => {}
            }
        }
    }
    counts
}

impl Record {
    /// Reads a report of lithify. `None` if it has no checks.
    pub(crate) fn of(report: &Value) -> Option<Self> {
        let mut checks: Vec<Check> = report.get("checks")?.as_array()?.iter().map(Check::of).collect();
        // What is a finding and no check, such as a directory that could not be read.
        for finding in list(report, "findings").iter().map(Check::of) {
            if !checks.contains(&finding) {
                checks.push(finding);
            }
        }
        // An attempt that must not succeed and did not is what a check is that holds. The others are findings already.
        checks.extend(
            list(report, "attempts")
                .iter()
                .filter(|attempt| was_stopped(attempt))
                .map(|attempt| Check { status: Status::Pass, ..Check::of(attempt) }),
        );
        let record = report.get("record").unwrap_or(&Value::Null);
        Some(Self {
            version: text(report, "version"),
            time: text(record, "time"),
            profiles: list(report, "profiles").iter().filter_map(Value::as_str).map(shown).collect(),
            profile_digest: text(record, "profile_digest"),
            seal_digest: text(record, "seal_digest"),
            checks,
            notes: list(report, "notes").iter().filter_map(Value::as_str).map(shown).collect(),
        })
    }
}

impl Check {
    fn of(check: &Value) -> Self {
        let status = match text(check, "status") {
            word if word == "pass" => Status::Pass,
            word if word == "fail" => Status::Fail,
            word if word == "unverified" || word.is_empty() => Status::Unverified,
            word => Status::Other(word),
        };
        let ids = list(check, "ids").iter().map(|id| ["standard", "edition", "id"].map(|key| text(id, key)));
        Self {
            id: text(check, "id"),
            status,
            subject: text(check, "subject"),
            detail: text(check, "detail"),
            hint: Some(text(check, "hint")).filter(|hint| !hint.is_empty()),
            ids: ids.collect(),
        }
    }
}

/// Whether an attempt of `--prove` that counts came to nothing.
fn was_stopped(attempt: &Value) -> bool {
    let came_to_nothing = matches!(text(attempt, "outcome").as_str(), "refused" | "powerless");
    came_to_nothing && attempt.get("counts").and_then(Value::as_bool) == Some(true)
}

/// A text of an object; empty where there is none.
pub(crate) fn text(object: &Value, key: &str) -> String {
    object.get(key).and_then(Value::as_str).map(shown).unwrap_or_default()
}

fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A text that somebody else wrote, so that it steers no terminal and no reader. lithify has escaped its backslashes.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\\' {
            shown.push(character);
        } else {
            shown.push_str(&escape(character.encode_utf8(&mut [0; 4]).as_bytes()));
        }
    }
    shown
}
