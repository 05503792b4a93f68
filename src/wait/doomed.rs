//! What a plan takes away, as far as somebody may be running it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::candidates::{Candidates, Certainty};
use crate::catalogue::{Catalogue, Class};
use crate::escape::escape;
use crate::plan::{Plan, UNREADABLE, Verb};
use crate::processes::{Process, Program};
use crate::profile::{Profile, quote};
use crate::protection::Protection;
use crate::root::{Identity, Kind, Root};

/// What to do about a script that stays, or whatever else is never over.
pub const STAYS: &str = "let the entrypoint script end with exec, or start the app itself as the container's command; if the app is a script of that program, save it with [keep] paths; if it only takes longer, raise --wait-timeout and failureThreshold";

/// Programs that a plan removes or disables.
#[derive(Debug, Default)]
pub struct Doomed<'a> {
    /// Each with the rule, in words, and its path.
    programs: HashMap<Identity, (String, Vec<u8>)>,
    /// The same, for processes whose programs cannot be read.
    candidates: Option<Candidates<'a>>,
}

/// What a process runs, or seems to run; printed as what follows the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'d> {
    /// Which file that is.
    pub id: Identity,
    pub(super) what: &'d str,
    pub(super) path: &'d [u8],
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
        let mut programs: HashMap<Identity, (String, Vec<u8>)> = HashMap::new();
        let mut files = Vec::new();
        for action in &plan.actions {
            let goes = matches!(action.verb, Verb::Remove | Verb::Disable | Verb::Tombstone);
            if !goes || action.stat.kind != Kind::File || forced.contains(&action.stat.id) {
                continue;
            }
            let (path, origin) = (action.path(), &action.origin);
            let what = format!("{}, which profile {} removes ({})", escape(&path), origin.profile, origin.rule);
            if action.stat.is_executable() {
                files.push((action.stat.id, path.clone()));
            }
            // Of several names always the same, so that the text is.
            let known = programs.entry(action.stat.id).or_insert_with(|| (what.clone(), path.clone()));
            if what < known.0 {
                *known = (what, path);
            }
        }
        Self { programs, candidates: Some(Candidates::new(root, profile, protection.programs(), files)) }
    }

    /// Which of them `process` runs; of several that it may run always the same.
    pub fn run_by(&self, process: &Process) -> Option<Run<'_>> {
        let run = |(id, certainty)| self.programs.get(&id).map(|(what, path)| Run { id, what, path, certainty });
        match &process.program {
            Program::Known(id) => run((*id, Certainty::Known)),
            Program::Unreadable { .. } => {
                let found = self.candidates.as_ref()?.of(process).into_iter().filter_map(run);
                found.min_by_key(|run| (run.certainty, run.what))
            }
            Program::None => None,
        }
    }

    /// What to do if `process` never stops running it.
    pub fn advice(&self, process: &Process, run: Run<'_>) -> String {
        if run.certainty == Certainty::Possible {
            return UNREADABLE.to_owned();
        }
        let name = run.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let known = Catalogue::default().by_name(name).map(|known| known.class);
        if matches!(known, Some(Class::Shell | Class::MultiCall)) {
            return STAYS.to_owned();
        }
        // As the command says it: where that is a link, it is needed, too.
        let called = self.candidates.as_ref().and_then(|candidates| candidates.called(process, run.id));
        let path = called.unwrap_or_else(|| run.path.to_vec());
        format!(
            "if that is the app, or what its scripts run in, save it: [keep] paths = [{}]; if an entrypoint script runs in it, let that end with exec; if it only takes longer, raise --wait-timeout and failureThreshold",
            quote(&String::from_utf8_lossy(&path))
        )
    }

    #[cfg(test)]
    pub(super) fn test(programs: &[(Identity, &str)]) -> Self {
        let programs =
            programs.iter().map(|(id, what)| (*id, ((*what).to_owned(), what.as_bytes().to_vec()))).collect();
        Self { programs, candidates: None }
    }
}
