//! What a plan takes away, as far as somebody may be running it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::candidates::{Candidates, Certainty};
use crate::escape::escape;
use crate::plan::{Plan, Verb};
use crate::processes::{Process, Program};
use crate::profile::Profile;
use crate::protection::Protection;
use crate::root::{Identity, Kind, Root};

/// Programs that a plan removes or disables.
#[derive(Debug, Default)]
pub struct Doomed<'a> {
    /// Each with its path and the rule, in words.
    programs: HashMap<Identity, String>,
    /// The same, for processes whose programs cannot be read.
    candidates: Option<Candidates<'a>>,
}

/// What a process runs, or seems to run; printed as what follows the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'d> {
    pub(super) what: &'d str,
    /// How sure that is.
    pub certainty: Certainty,
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = match self.certainty {
            Certainty::Known => " still runs",
            Certainty::Named => ", whose program cannot be read (CAP_SYS_PTRACE), seems to run",
            Certainty::Possible => ", whose program cannot be read (CAP_SYS_PTRACE), may run",
        };
        write!(to, "{runs} {}", self.what)
    }
}

impl<'a> Doomed<'a> {
    /// Those of `plan`. Nobody is waited for because of what goes by `[remove] force` (`forced`).
    pub fn of(
        root: &'a Root,
        profile: &'a Profile,
        plan: &Plan,
        protection: &Protection,
        forced: &HashSet<Identity>,
    ) -> Self {
        let mut programs: HashMap<Identity, String> = HashMap::new();
        let mut files = Vec::new();
        for action in &plan.actions {
            let goes = matches!(action.verb, Verb::Remove | Verb::Disable | Verb::Tombstone);
            if !goes || action.stat.kind != Kind::File || forced.contains(&action.stat.id) {
                continue;
            }
            let (path, origin) = (action.path(), &action.origin);
            let what = format!("{}, which profile {} removes ({})", escape(&path), origin.profile, origin.rule);
            if action.stat.is_executable() {
                files.push((action.stat.id, path));
            }
            // Of several names always the same, so that the text is.
            let known = programs.entry(action.stat.id).or_insert_with(|| what.clone());
            *known = what.min(std::mem::take(known));
        }
        Self { programs, candidates: Some(Candidates::new(root, profile, protection.programs(), files)) }
    }

    /// Which of them `process` runs; of several that it may run always the same.
    pub fn run_by(&self, process: &Process) -> Option<Run<'_>> {
        let run = |(id, certainty)| self.programs.get(&id).map(|what| Run { what: what.as_str(), certainty });
        match &process.program {
            Program::Known(id) => run((*id, Certainty::Known)),
            Program::Unreadable(_) => {
                let found = self.candidates.as_ref()?.of(process).into_iter().filter_map(run);
                found.min_by_key(|run| (run.certainty, run.what))
            }
            Program::None => None,
        }
    }

    #[cfg(test)]
    pub(super) fn test(programs: &[(Identity, &str)]) -> Self {
        let programs = programs.iter().map(|(id, what)| (*id, (*what).to_owned())).collect();
        Self { programs, candidates: None }
    }
}
