//! `[verify.drift]`: what can be executed has not changed since the container's first process started, and no process runs
//! anything that came since.

use std::rc::Rc;

use super::{Check, CheckId, Evidence, Note, Status, Subject, Verification};
use crate::drift::{Anomaly, Since, executables, processes, take_closed};
use crate::harden::mark::Mark;
use crate::linux::proc::{Namespace, Task};
use crate::profile::Profile;
use crate::seal::{Exclusions, Scope};
use crate::target::Target;
use crate::target::owner::OwnerError;
use crate::target::start::start;

pub(super) fn check(target: &Target, profile: &Profile, out: &mut Verification) {
    let verify = &profile.verify;
    let asked = [
        (CheckId::DriftExecutables, verify.no_changed_executables.is_some()),
        (CheckId::DriftProcesses, verify.no_changed_processes.is_some()),
    ];
    if !asked.iter().any(|(_, asked)| *asked) {
        return;
    }
    let mark = Mark::read(&target.root).unwrap_or_else(|error| {
        out.notes.push(Note::NoMark(Rc::new(error)));
        Mark::default()
    });
    let start = target.look().map_err(OwnerError::from).and_then(|app| start(target, &app));
    let since = match start {
        Ok(start) => Since { start, mark },
        Err(reason) => {
            for (id, _) in asked.into_iter().filter(|(_, asked)| *asked) {
                out.checks.push(Check::at(b"/", id, Status::Unverified, Evidence::NoStart(reason.clone())));
            }
            return;
        }
    };
    if verify.no_changed_executables.is_some() {
        check_executables(target, profile, &since, out);
    }
    if verify.no_changed_processes.is_some() {
        check_processes(target, &since, out);
    }
}

fn check_executables(target: &Target, profile: &Profile, since: &Since, out: &mut Verification) {
    let id = CheckId::DriftExecutables;
    let everywhere = profile.verify.drift_everywhere.as_ref().is_some_and(|everywhere| everywhere.value);
    let exclusions = Exclusions::of(&target.root, profile, Scope::Executables);
    let left_out = if everywhere { Vec::new() } else { exclusions.writable() };
    let (drifted, mut unreadable) =
        executables(&target.root, since, &left_out).unwrap_or_else(|error| (Vec::new(), vec![error]));
    let closed = take_closed(target, &mut unreadable);
    if !closed.is_empty() {
        out.notes.push(Note::Closed(closed));
    }
    if drifted.is_empty() && unreadable.is_empty() {
        out.checks.push(Check::at(b"/", id, Status::Pass, Evidence::NoDrift));
    }
    for file in drifted {
        out.checks.push(Check {
            id,
            subject: Subject::Path(file.path.to_vec()),
            status: Status::Fail,
            evidence: Evidence::Drifted(Box::new(file)),
        });
    }
    for error in unreadable {
        let path = error.path().to_vec();
        out.checks.push(Check::at(&path, id, Status::Unverified, Evidence::Unreadable(error)));
    }
}

fn check_processes(target: &Target, since: &Since, out: &mut Verification) {
    let id = CheckId::DriftProcesses;
    let mut check = |subject, status, evidence| out.checks.push(Check { id, subject, status, evidence });
    match processes(target, since) {
        Err(error) => check(Subject::Namespace(Namespace::Pid), Status::Unverified, Evidence::NoStart(error.into())),
        Ok(running) if running.is_empty() => check(Subject::Namespace(Namespace::Pid), Status::Pass, Evidence::NoDrift),
        Ok(running) => {
            for process in running {
                let unverified = matches!(process.anomaly, Anomaly::Unreadable(_));
                let status = if unverified { Status::Unverified } else { Status::Fail };
                let subject = Subject::Process(Task::Process(process.pid));
                check(subject, status, Evidence::Runs(process.comm, process.anomaly));
            }
        }
    }
}
