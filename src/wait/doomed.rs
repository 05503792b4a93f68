//! What a plan takes away, as far as somebody may be running it.

use std::collections::{HashMap, HashSet};

use crate::escape::escape;
use crate::plan::{Plan, Verb};
use crate::processes::{Process, Program, may_run};
use crate::protection::Protection;
use crate::root::{Identity, Kind};

/// Programs that a plan removes or disables.
#[derive(Debug, Default)]
pub struct Doomed {
    /// Each with its path and the rule, in words.
    programs: HashMap<Identity, String>,
    /// File names, links among them, for processes of which only a name is known.
    names: Vec<(Vec<u8>, String)>,
}

impl Doomed {
    /// Those of `plan`. Nobody is waited for because of what goes by `[remove] force` (`forced`), or because of a name that
    /// `protection` knows as that of a kept program.
    pub fn of(plan: &Plan, protection: &Protection, forced: &HashSet<Identity>) -> Self {
        let mut doomed = Self::default();
        for action in &plan.actions {
            let goes = matches!(action.verb, Verb::Remove | Verb::Disable | Verb::Tombstone);
            if !goes || forced.contains(&action.stat.id) {
                continue;
            }
            let what = || {
                let (path, origin) = (escape(&action.path()), &action.origin);
                format!("{path}, which profile {} removes ({})", origin.profile, origin.rule)
            };
            if action.stat.kind == Kind::File {
                // Of several names always the same, so that the text is.
                let known = doomed.programs.entry(action.stat.id).or_insert_with(what);
                *known = what().min(std::mem::take(known));
            }
            if matches!(action.stat.kind, Kind::File | Kind::Symlink) && !protection.is_kept_name(&action.name) {
                doomed.names.push((action.name.to_vec(), what()));
            }
        }
        doomed
    }

    /// Which of them `process` runs.
    pub fn run_by(&self, process: &Process) -> Option<&str> {
        match &process.program {
            Program::Known(id) => self.programs.get(id).map(String::as_str),
            Program::Names(known) => self
                .names
                .iter()
                .find(|(name, _)| known.iter().any(|known| may_run(known, name)))
                .map(|(_, what)| what.as_str()),
            Program::None => None,
        }
    }

    #[cfg(test)]
    pub(super) fn test(programs: &[(Identity, &str)], names: &[&str]) -> Self {
        Self {
            programs: programs.iter().map(|(id, what)| (*id, (*what).to_owned())).collect(),
            names: names.iter().map(|name| (name.as_bytes().to_vec(), format!("/bin/{name}"))).collect(),
        }
    }
}
