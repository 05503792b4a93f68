//! The programs that a plan takes away and that a process may run.

use std::rc::Rc;

use crate::harden::plan::{Origin, Origins, is_shell, takes_away};
use crate::harden::protection::Protection;
use crate::harden::survey::Survey;
use crate::linux::proc::processes::{Process, Program};
use crate::profile::Profile;
use crate::root::{Canonical, Identity};
use crate::target::Target;
use crate::target::candidates::{Candidates, Certainty};

/// Programs that a plan removes or disables.
#[derive(Debug, Default)]
pub struct Doomed<'a> {
    /// All names of these programs.
    files: Vec<Run>,
    /// The same files, for processes whose programs cannot be read.
    candidates: Option<Candidates<'a>>,
}

/// A program that goes, and how certain it is that a process runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    id: Identity,
    /// The canonical path of the program, inside the root.
    pub path: Canonical,
    /// The rule that asks for it.
    pub origin: Rc<Origin>,
    /// How certain it is that the process runs it.
    pub certainty: Certainty,
}

/// What helps if a process never stops running a program that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Let the entrypoint script end, or start the app in its place. `Some` is the path by which its shell was called.
    EndScript(Option<Canonical>),
    /// Let lithify read which program the process runs.
    ReadProgram,
    /// Keep the file at this path.
    Keep(Canonical),
}

impl<'a> Doomed<'a> {
    /// The programs of the plan that is made from `survey`. A program that goes by `[remove] force` is not among them:
    /// nothing is waited for because of it.
    pub fn of(target: &'a Target, profile: &'a Profile, survey: &Survey, protection: &Protection) -> Self {
        let origins = Origins::of(profile);
        let (mut files, mut programs) = (Vec::new(), Vec::new());
        for found in &survey.found {
            let id = found.stat.id;
            if survey.forced.contains(&id) || !takes_away(profile, found, protection) {
                continue;
            }
            let path = found.path();
            if found.stat.is_executable() {
                programs.push((id, path.clone()));
            }
            let origin = origins.get(found.rule);
            files.push(Run { id, path, origin, certainty: Certainty::Known });
        }
        Self { files, candidates: Some(Candidates::new(target, profile, protection.programs(), programs)) }
    }

    /// The program among them that `process` runs. Of several programs or several names, the answer is always the same
    /// one.
    pub fn run_by(&self, process: &Process) -> Option<Run> {
        let found = match &process.program {
            Program::Known(id) => vec![(*id, Certainty::Known)],
            Program::Unreadable { .. } => self.candidates.as_ref()?.of(process),
            Program::None => return None,
        };
        let runs = found.into_iter().flat_map(|(id, certainty)| {
            self.files.iter().filter(move |file| file.id == id).map(move |file| (certainty, file))
        });
        let (certainty, file) = runs.min_by_key(|(certainty, file)| (*certainty, &file.path))?;
        Some(Run { certainty, ..file.clone() })
    }

    /// What helps if `process` never stops running `run`.
    pub fn remedy(&self, process: &Process, run: &Run) -> Remedy {
        if run.certainty == Certainty::Possible {
            return Remedy::ReadProgram;
        }
        // The path that the command gives: if it is a link, the link is needed, too.
        let called = self.candidates.as_ref().and_then(|candidates| candidates.called(process, run.id));
        let called = called.unwrap_or_else(|| run.path.clone());
        if is_shell(&run.path) { Remedy::EndScript(Some(called)) } else { Remedy::Keep(called) }
    }

    #[cfg(test)]
    pub(super) fn test(programs: &[(Identity, &str)]) -> Self {
        let origin = Rc::new(Origin { rule: "names".to_owned(), profile: "site".into() });
        let file = |(id, path): &(Identity, &str)| Run {
            id: *id,
            path: crate::root::path::canonical(path),
            origin: Rc::clone(&origin),
            certainty: Certainty::Known,
        };
        Self { files: programs.iter().map(file).collect(), candidates: None }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;
    use crate::harden::kept::Kept;
    use crate::harden::plan::{Verb, plan};
    use crate::harden::survey::{Depth, Examined, survey};
    use crate::linux::deadline::Deadline;
    use crate::profile::load_text;
    use crate::root::Kind;
    use crate::target::app::App;

    /// What an app is waited for and what the plan takes away are found out apart. Nobody waits for what goes by force.
    #[test]
    fn what_is_waited_for_is_what_the_plan_takes_away() {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let modes = [("a", 0o755), ("b", 0o644), ("c", 0), ("kept", 0o755), ("forced", 0o755), ("runs", 0o755)];
        for (name, mode) in modes {
            fs::write(bin.join(name), name).unwrap();
            fs::set_permissions(bin.join(name), Permissions::from_mode(mode)).unwrap();
        }
        symlink("a", bin.join("link")).unwrap();
        fs::hard_link(bin.join("a"), bin.join("other")).unwrap();
        let runs = fs::metadata(bin.join("runs")).unwrap();
        let program = Program::Known(Identity { dev: runs.dev(), ino: runs.ino() });
        let first = Process { pid: 7, thread: 7, parent: 0, start: 1, comm: b"runs".to_vec(), program };
        let app = App { first: Some(first), ..App::default() };
        let target = Target::open(directory.path(), Deadline::default()).unwrap();
        let protection = Protection::of_running(&app).unwrap();
        for (method, expected) in [
            ("delete", vec!["/bin/a", "/bin/b", "/bin/c", "/bin/other"]),
            ("disable", vec!["/bin/a", "/bin/b", "/bin/other"]),
            ("tombstone", vec!["/bin/a", "/bin/b", "/bin/c", "/bin/other"]),
        ] {
            let rules = "paths = [\"/bin/*\"]\nforce = [\"/bin/forced\"]";
            let text =
                format!("schema = 1\n[remove]\nmethod = \"{method}\"\n{rules}\n[keep]\npaths = [\"/bin/kept\"]\n");
            let profile = load_text("t.toml", &text).unwrap();
            let kept = Kept::resolve(&target.root, &profile).unwrap();
            let survey = survey(&target.root, &profile, &kept, &protection, Depth::Full, &Examined::default()).unwrap();
            let doomed = Doomed::of(&target, &profile, &survey, &protection);
            let mut waited_for: Vec<String> = doomed.files.iter().map(|file| file.path.to_string()).collect();
            waited_for.sort();
            let goes = |verb: Verb| matches!(verb, Verb::Remove | Verb::Disable | Verb::Tombstone);
            let plan = plan(&profile, &survey, &protection);
            let planned = plan.actions.iter().filter(|action| action.stat.kind == Kind::File && goes(action.verb));
            let mut planned: Vec<String> = planned.map(|action| action.path().to_string()).collect();
            planned.retain(|path| path != "/bin/forced");
            planned.sort();
            assert_eq!((&waited_for, &planned), (&planned, &waited_for), "{method}");
            assert_eq!(waited_for, expected, "{method}");
        }
    }
}
