//! What a plan takes away, as far as somebody may be running it.

use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use crate::harden::plan::{Origin, Plan, STAYS, UNREADABLE, Verb, is_shell, pattern_for};
use crate::harden::protection::Protection;
use crate::linux::proc::processes::{Process, Program};
use crate::profile::Profile;
use crate::root::{Canonical, Identity, Kind, Root};
use crate::target::candidates::{Candidates, Certainty};
use crate::text::escape::escape;

/// Programs that a plan removes or disables.
#[derive(Debug, Default)]
pub struct Doomed<'a> {
    files: Vec<File>,
    /// The same, for processes whose programs cannot be read.
    candidates: Option<Candidates<'a>>,
}

/// One of its names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    id: Identity,
    path: Canonical,
    origin: Rc<Origin>,
}

/// What a process runs, or seems to run; printed as what follows the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'d> {
    file: &'d File,
    certainty: Certainty,
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = match self.certainty {
            Certainty::Known => " still runs",
            Certainty::Named => ", whose program cannot be read (CAP_SYS_PTRACE), seems to run",
            Certainty::Possible => ", whose program cannot be read (CAP_SYS_PTRACE), may run",
        };
        let (path, origin) = (escape(&self.file.path), &self.file.origin);
        write!(to, "{runs} {path}, which profile {} removes ({})", origin.profile, origin.rule)
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
        let (mut files, mut programs) = (Vec::new(), Vec::new());
        for action in &plan.actions {
            let (id, path, origin) = (action.stat.id, action.path(), action.origin.clone());
            let goes = matches!(action.verb, Verb::Remove | Verb::Disable | Verb::Tombstone);
            if !goes || action.stat.kind != Kind::File || forced.contains(&id) {
                continue;
            }
            if action.stat.is_executable() {
                programs.push((id, path.clone()));
            }
            files.push(File { id, path, origin });
        }
        Self { files, candidates: Some(Candidates::new(root, profile, protection.programs(), programs)) }
    }

    /// Which of them `process` runs; of several that it may run, and of several names, always the same, so that the text is.
    pub fn run_by(&self, process: &Process) -> Option<Run<'_>> {
        let found = match &process.program {
            Program::Known(id) => vec![(*id, Certainty::Known)],
            Program::Unreadable { .. } => self.candidates.as_ref()?.of(process),
            Program::None => return None,
        };
        let runs = found.into_iter().flat_map(|(id, certainty)| {
            self.files.iter().filter(move |file| file.id == id).map(move |file| Run { file, certainty })
        });
        runs.min_by_key(|run| (run.certainty, &run.file.path))
    }

    /// What to do if `process` never stops running it.
    pub fn advice(&self, process: &Process, run: Run<'_>) -> String {
        if run.certainty == Certainty::Possible {
            return UNREADABLE.to_owned();
        }
        let path = &run.file.path;
        if is_shell(path) {
            return STAYS.to_owned();
        }
        // As the command says it: where that is a link, it is needed, too.
        let called = self.candidates.as_ref().and_then(|candidates| candidates.called(process, run.file.id));
        let path = called.as_ref().unwrap_or(path);
        format!(
            "if that is the app, or what its scripts run in, save it: [keep] paths = [{}]; if an entrypoint script runs in it, let that end with exec; if it only takes longer, raise --wait-timeout and failureThreshold",
            pattern_for(path)
        )
    }

    #[cfg(test)]
    pub(super) fn test(programs: &[(Identity, &str)]) -> Self {
        let origin = Origin { rule: "names".to_owned(), profile: "site".into() };
        let file = |(id, path): &(Identity, &str)| File {
            id: *id,
            path: crate::root::path::canonical(path),
            origin: origin.clone().into(),
        };
        Self { files: programs.iter().map(file).collect(), candidates: None }
    }
}
