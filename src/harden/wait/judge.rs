//! The judgement on looks at the app: pure functions of what was seen.

use super::doomed::{Doomed, Run};
use crate::linux::proc::processes::{Process, Program};
use crate::target::app::App;

/// What one look shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look<'a> {
    /// No process of the app runs.
    NoApp,
    /// The first process runs a program that goes.
    First(&'a Process, Run),
    /// Another process of the app runs a program that goes.
    Descendant(Run),
    /// No process runs a program that goes.
    Clean,
}

/// Judges one look. After the time limit only the first process counts. Of several processes the oldest is named: it is
/// the script, and the processes that it starts change from look to look.
pub(super) fn look<'a>(app: &'a App, doomed: &Doomed<'_>, expired: bool) -> Look<'a> {
    let Some(first) = app.first.as_ref().filter(|first| first.program != Program::None) else { return Look::NoApp };
    if let Some(run) = doomed.run_by(first) {
        return Look::First(first, run);
    }
    let running = app
        .descendants
        .iter()
        .filter(|_| !expired)
        .filter_map(|process| doomed.run_by(process).map(|run| (process.start, process.pid, run)));
    running.min_by_key(|(start, pid, _)| (*start, *pid)).map_or(Look::Clean, |(_, _, run)| Look::Descendant(run))
}

/// Whether nothing changed from one look to the next: the same processes, by pid and start time, run the same programs.
///
/// The kernel may give a pid to a new process between the reading of its start time and the reading of its program.
/// Then the program belongs to another process than the start time. Two looks that are the same rule this out for the
/// first of them: if the pid had changed hands during the first look, the second would see another start time. So the
/// last look only serves to confirm the one before.
pub(super) fn unchanged(before: &App, now: &App, expired: bool) -> bool {
    fn key(process: &Process) -> (u32, u64, &Program) {
        (process.pid, process.start, &process.program)
    }
    let first = before.first.as_ref().map(key) == now.first.as_ref().map(key);
    let same = |left: &App, right: &App| {
        left.descendants.iter().all(|process| right.descendants.iter().any(|other| key(process) == key(other)))
    };
    first && (expired || same(before, now) && same(now, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Identity;

    const APP: Program = known(1);
    const SHELL: Program = known(2);
    const SLEEP: Program = known(3);

    const fn known(ino: u64) -> Program {
        Program::Known(Identity { dev: 1, ino })
    }

    fn doomed() -> Doomed<'static> {
        let id = |ino| Identity { dev: 1, ino };
        Doomed::test(&[(id(2), "/bin/sh"), (id(3), "/bin/sleep")])
    }

    /// Processes as (pid, start, program), the first one first.
    fn app(processes: &[(u32, u64, Program)]) -> App {
        let mut list = processes.iter().map(|(pid, start, program)| Process {
            pid: *pid,
            thread: *pid,
            parent: 0,
            start: *start,
            comm: vec![],
            program: program.clone(),
        });
        App { first: list.next(), descendants: list.collect(), ..App::default() }
    }

    /// Who holds the app up, and by which program.
    fn judged(processes: &[(u32, u64, Program)], expired: bool) -> (&'static str, String) {
        let path = |run: Run| run.path.to_string();
        match look(&app(processes), &doomed(), expired) {
            Look::First(_, run) => ("first", path(run)),
            Look::Descendant(run) => ("descendant", path(run)),
            Look::Clean => ("clean", String::new()),
            Look::NoApp => ("no app", String::new()),
        }
    }

    #[test]
    fn the_first_process_always_counts_others_until_the_time_limit() {
        let (shell, nothing) = ("/bin/sh".to_owned(), String::new());
        let of_descendant = [(false, ("descendant", shell.clone())), (true, ("clean", nothing.clone()))];
        for (expired, descendant) in of_descendant {
            assert_eq!(judged(&[(1, 1, SHELL), (9, 5, SLEEP)], expired), ("first", shell.clone()));
            assert_eq!(judged(&[(1, 1, APP), (9, 5, SLEEP), (8, 4, SHELL)], expired), descendant);
            assert_eq!(judged(&[(1, 1, APP)], expired), ("clean", nothing.clone()));
            assert_eq!(judged(&[], expired), ("no app", nothing.clone()));
            assert_eq!(judged(&[(1, 1, Program::None)], expired), ("no app", nothing.clone()), "a zombie");
        }
    }

    #[test]
    fn the_oldest_process_is_named_whatever_runs_below_it() {
        for child in [SLEEP, SHELL, APP] {
            let judged = judged(&[(1, 1, APP), (70, 9, child), (8, 4, SHELL)], false);
            assert_eq!(judged, ("descendant", "/bin/sh".to_owned()));
        }
    }

    #[test]
    fn changes() {
        let before = app(&[(1, 1, APP), (7, 3, APP)]);
        assert!(unchanged(&before, &before.clone(), false));
        let reused = app(&[(1, 1, APP), (7, 8, APP)]);
        let executed = app(&[(1, 1, APP), (7, 3, SLEEP)]);
        let forked = app(&[(1, 1, APP), (7, 3, APP), (8, 4, APP)]);
        let ended = app(&[(1, 1, APP)]);
        for now in [reused, executed, forked, ended] {
            assert!(!unchanged(&before, &now, false) && !unchanged(&now, &before, false), "{now:?}");
            assert!(unchanged(&before, &now, true), "past the time limit only the first process counts");
        }
        let first_executed = app(&[(1, 1, SHELL), (7, 3, APP)]);
        let first_restarted = app(&[(1, 2, APP), (7, 3, APP)]);
        for now in [first_executed, first_restarted, app(&[])] {
            assert!(!unchanged(&before, &now, false) && !unchanged(&before, &now, true), "{now:?}");
        }
    }

    #[test]
    fn a_child_between_fork_and_exec_shows_at_the_next_look() {
        // It still has its parent's program, which stays; then it runs the shell.
        let forked = app(&[(1, 1, APP), (7, 3, APP)]);
        let executed = app(&[(1, 1, APP), (7, 3, SHELL)]);
        assert_eq!(look(&forked, &doomed(), false), Look::Clean);
        assert!(!unchanged(&forked, &executed, false));
        assert!(matches!(look(&executed, &doomed(), false), Look::Descendant(_)));
    }

    #[test]
    fn a_torn_look_is_never_confirmed() {
        // Process 7 (start 3) ran the shell and ended while it was read; the pid now is an app process (start 9).
        let torn = app(&[(1, 1, APP), (7, 3, APP)]);
        let next = app(&[(1, 1, APP), (7, 9, APP)]);
        assert_eq!(look(&torn, &doomed(), false), Look::Clean);
        assert!(!unchanged(&torn, &next, false));
    }
}
