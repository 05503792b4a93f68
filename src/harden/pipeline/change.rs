//! Looks for the smallest change of the profile with which a refused plan is carried out. Each change is tried, on a plan
//! that is then dropped, before it is told. Reads only.

use std::ffi::CString;

use super::{HardenError, Planned, Policy, Processes, Protected};
use crate::harden::plan::{Change, Keep, Reason, Refusal, pattern_text};
use crate::harden::wait::{Remedy, Wait, WaitError};
use crate::profile::{Profile, Rule, Selector};
use crate::recognise::catalogue::Known;
use crate::recognise::recogniser::{Recognised, Recogniser};
use crate::root::pattern::PathPattern;
use crate::root::{Canonical, Identity, InRoot, Place, Root};
use crate::target::Target;
use crate::text::order::sort_by_bytes;

/// How many times more is kept: what is kept may need something else that goes.
const ROUNDS: usize = 5;

/// How many entries are no small change any more: then the rules are the mistake.
const MOST: usize = 32;

/// Whether a plan may be carried out.
pub(super) type Enough<'e> = &'e dyn Fn(&Planned<'_>) -> bool;

impl Planned<'_> {
    /// If the plan is refused, looks for the change of the profile with which `enough` holds, and adds it to the plan.
    pub fn lead_on(&mut self, enough: Enough<'_>) {
        if !self.plan.refusals.is_empty() {
            let Protected { target, profile, policy, .. } = &self.protected;
            let search = Search { target, profile, policy: *policy, enough, keep: Vec::new() };
            self.plan.change = saving(&target.root, &self.plan.refusals).and_then(|paths| search.find(paths));
        }
    }
}

/// The change with which the container's first process is waited for no longer, if that never ends.
pub(super) fn for_first(target: &Target, profile: &Profile, policy: Policy<'_>, error: &WaitError) -> Option<Change> {
    let search = Search { target, profile, policy, enough: &is_not_refused, keep: Vec::new() };
    search.find(vec![run_for_ever(error)?])
}

/// Whether the plan is not refused.
pub fn is_not_refused(planned: &Planned<'_>) -> bool {
    planned.plan.refusals.is_empty()
}

struct Search<'a> {
    target: &'a Target,
    profile: &'a Profile,
    policy: Policy<'a>,
    enough: Enough<'a>,
    /// What is kept in addition.
    keep: Vec<Vec<u8>>,
}

impl Search<'_> {
    /// Keeps these paths, and what is then refused, until nothing is. `None` if that does not help, or takes too long.
    fn find(mut self, paths: Vec<Vec<u8>>) -> Option<Change> {
        let root = &self.target.root;
        let mut paths = paths;
        for _ in 0..ROUNDS {
            let before = self.keep.len();
            let new = paths.into_iter().filter(|path| !self.keep.contains(path)).collect::<Vec<_>>();
            self.keep.extend(new);
            if self.keep.len() == before {
                return None;
            }
            self.reduce();
            let mut profile = self.profile.clone();
            let entries = self.keep.iter().map(|path| PathPattern::parse(&pattern_text(path)));
            let entries = entries.collect::<Result<Vec<_>, _>>().ok()?;
            let rule = |entry: &PathPattern| Rule { value: Selector::Path(entry.clone()), profile: "".into() };
            profile.keep.extend(entries.iter().map(rule));
            paths = match self.try_with(&profile) {
                Ok(None) => {
                    let mut recogniser = Recogniser::new(root.deadline());
                    let keep = self.keep.iter().zip(entries);
                    let keep = keep.map(|(path, entry)| Keep { known: known(root, &mut recogniser, path), entry });
                    return Some(Change { keep: keep.collect() });
                }
                Ok(Some(refusals)) => saving(root, &refusals)?,
                Err(HardenError::Wait(error)) => vec![run_for_ever(&error)?],
                Err(_) => return None,
            };
        }
        None
    }

    /// Makes the plan of `profile`. Returns why it is refused.
    fn try_with(&self, profile: &Profile) -> Result<Option<Vec<Refusal>>, HardenError> {
        let planned = Protected::new(self.target, profile, self.policy)?.survey_once()?.plan();
        if let (Processes::HoldUp { timeout, .. }, Some(doomed)) = (self.policy.processes, &planned.doomed) {
            let wait = Wait { owner: &self.target.owner, doomed, targets: &[], timeout };
            wait.allows(&planned.protected.app).map_err(HardenError::Wait)?;
        }
        if (self.enough)(&planned) { Ok(None) } else { Ok(Some(planned.plan.refusals)) }
    }

    /// Leaves out what another entry keeps, too, and puts the entries in order.
    fn reduce(&mut self) {
        let root = &self.target.root;
        sort_by_bytes(&mut self.keep, Clone::clone);
        let mut ways: Vec<Way> = Vec::new();
        let mut nowhere = Vec::new();
        for path in std::mem::take(&mut self.keep) {
            match root.walk(&path, true) {
                Ok(Place { stat, links, .. }) => {
                    let way = Way { path, id: stat.id, links: links.into_iter().map(|link| link.path).collect() };
                    if !ways.iter().any(|other| other.covers(&way)) {
                        ways.retain(|other| !way.covers(other));
                        ways.push(way);
                    }
                }
                Err(_) => nowhere.push(path),
            }
        }
        self.keep = ways.into_iter().map(|way| way.path).chain(nowhere).collect();
        sort_by_bytes(&mut self.keep, Clone::clone);
    }
}

/// A path, and what keeping it keeps.
struct Way {
    path: Vec<u8>,
    /// The file at its end.
    id: Identity,
    /// The links on it.
    links: Vec<Canonical>,
}

impl Way {
    /// Whether keeping this path keeps everything that keeping the other one does.
    fn covers(&self, other: &Self) -> bool {
        self.id == other.id && other.links.iter().all(|link| self.links.contains(link))
    }
}

/// The paths that end all of these refusals; `None` if something must go all the same, or too much must stay.
fn saving(root: &Root, refusals: &[Refusal]) -> Option<Vec<Vec<u8>>> {
    let mut paths: Vec<Vec<u8>> = Vec::new();
    for refusal in refusals {
        let path = match &refusal.reason {
            Reason::MissingLibrary(_) => {
                let machine = |path: &[u8]| {
                    let place = root.walk(path, true).ok()?;
                    root.dynamic(&place.path).ok().flatten().map(|dynamic| dynamic.machine)
                };
                let wanted = machine(&refusal.path)?;
                refusal.saved_by.iter().find(|path| machine(path) == Some(wanted))?
            }
            _ => refusal.saved_by.first()?,
        };
        if !paths.contains(path) {
            paths.push(path.clone());
        }
        if paths.len() > MOST {
            return None;
        }
    }
    Some(paths)
}

/// The program that the container's first process runs for ever.
fn run_for_ever(error: &WaitError) -> Option<Vec<u8>> {
    let WaitError::TimedOut { help, .. } = error else { return None };
    match &help.remedy {
        Remedy::Keep(path) | Remedy::EndScript(Some(path)) => Some(path.to_vec()),
        Remedy::EndScript(None) | Remedy::ReadProgram => None,
    }
}

/// What `scan` knows of the program that `path` leads to.
fn known(root: &Root, recogniser: &mut Recogniser, path: &[u8]) -> Option<Known> {
    let place = root.walk(path, true).ok()?;
    let directory = root.directory(&place.directory()).ok()?;
    let name = CString::new(InRoot(&place.path).name()).ok()?;
    let (file, _) = directory.program(&name, &place.stat).ok()?.filter(|(_, starts)| *starts)?;
    match recogniser.recognise(&file, &directory, &name, &place.stat).ok()?.0 {
        Recognised::Program { known, .. } => Some(known),
        Recognised::Tombstone | Recognised::Nothing => None,
    }
}
