//! The exit codes (`docs/exit-codes.md`), and the one place that derives them from a report or an error.

use super::{CommandError, Report, Subcommand};
use crate::harden::pipeline::HardenError;
use crate::harden::wait::WaitError;
use crate::volume::stage::StageError;

/// The exit codes of lithify itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for holds.
    Ok,
    /// Something could not be removed, or a check does not hold.
    Finding,
    /// Wrong usage, or a profile that is not valid.
    Usage,
    /// Refused, because it would have been unsafe.
    Refused,
    /// Not yet: `--wait-for-app` was given and the app is still starting, or `--deadline` passed. Try again.
    NotYet,
    /// For `run`: lithify itself failed before the command was started.
    RunFailed,
    /// For `run`: the command was found but cannot be executed.
    CannotExecute,
    /// For `run`: the command was not found.
    NotFound,
    /// For `run --init`: the exit code of the app.
    App(u8),
    /// For `sleep`: the signal that ended it.
    Signal(u8),
}

/// The relation of a command to the app's process. It decides what a failure means to whoever waits for that process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppProcess {
    /// None: another program starts the app.
    #[default]
    NotOurs,
    /// `run` did not start it. An exit code of the app must not be mistaken for one of lithify's.
    NotStarted,
    /// `run --after-start` started it, and stops it.
    Stopped,
}

impl Exit {
    /// The number of the exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Finding => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::NotYet => 75,
            Self::RunFailed => 125,
            Self::CannotExecute => 126,
            Self::NotFound => 127,
            Self::App(code) => code,
            Self::Signal(signal) => 128 + (signal & 127),
        }
    }

    /// The exit code for a report.
    pub fn of_report(report: &Report, app: AppProcess) -> Self {
        let exit = if report.is_refused() {
            Self::Refused
        } else if report.late.is_some() {
            Self::NotYet
        } else if report.is_clean() || report.command == Subcommand::Diff && report.is_known() {
            Self::Ok
        } else {
            Self::Finding
        };
        exit.with(app)
    }

    /// The exit code for an error that leaves nothing to report.
    pub fn of_error(error: &CommandError, app: AppProcess) -> Self {
        let exit = match error {
            CommandError::Profile(_)
            | CommandError::Add(_)
            | CommandError::Usage(_)
            | CommandError::Root(_)
            | CommandError::Digest(_)
            | CommandError::Seal { .. } => Self::Usage,
            CommandError::Privileges(_) | CommandError::Landlock(_) => Self::Refused,
            CommandError::Harden(error) => Self::of_harden_error(error),
            CommandError::Stage(error) => Self::of_stage_error(error),
            CommandError::Start(error) if error.is_not_found() => Self::NotFound,
            CommandError::Start(_) => Self::CannotExecute,
            CommandError::Scan(_) | CommandError::Manifest { .. } => Self::Finding,
            CommandError::Fork(_) | CommandError::Signals(_) => Self::RunFailed,
        };
        exit.with(app)
    }

    fn of_harden_error(error: &HardenError) -> Self {
        match error {
            HardenError::Host(_)
            | HardenError::Processes(_)
            | HardenError::Loaded(_)
            | HardenError::App(_)
            | HardenError::Survey(_)
            | HardenError::Wait(WaitError::Processes(_)) => Self::Refused,
            HardenError::Wait(WaitError::NotYet(_)) | HardenError::Deadline(_) => Self::NotYet,
            HardenError::Wait(WaitError::TimedOut { .. }) => Self::Finding,
            HardenError::Wait(WaitError::NoApp) => Self::Usage,
        }
    }

    fn of_stage_error(error: &StageError) -> Self {
        match error {
            StageError::Relative { .. } | StageError::NotADirectory { .. } | StageError::NotText { .. } => Self::Usage,
            StageError::WholeRoot { .. } | StageError::Itself { .. } | StageError::OtherMount { .. } => Self::Refused,
            StageError::TooDeep { .. }
            | StageError::Busy { .. }
            | StageError::Source(_)
            | StageError::Volume { .. }
            | StageError::Differs { .. } => Self::Finding,
        }
    }

    /// The exit code if the report could not be printed: then it cannot be told that all went well. Not so for `run`,
    /// which is there to start the app.
    #[must_use]
    pub fn unreported(self, app: AppProcess) -> Self {
        if (self, app) == (Self::Ok, AppProcess::NotOurs) { Self::Finding } else { self }
    }

    /// Translates a failure into the exit code that it has for `run`.
    fn with(self, app: AppProcess) -> Self {
        match (app, self) {
            (AppProcess::NotOurs, _) | (_, Self::Ok | Self::NotFound | Self::CannotExecute) => self,
            (AppProcess::NotStarted, _) => Self::RunFailed,
            (AppProcess::Stopped, _) => Self::Finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use nix::errno::Errno;

    use super::*;
    use crate::harden::plan::{Plan, Reason, Refusal};
    use crate::root::Canonical;
    use crate::target::processes::ProcessError;

    #[test]
    fn run_ends_with_codes_of_its_own() {
        let error = CommandError::Harden(HardenError::Processes(ProcessError(Errno::ENOENT)));
        let code = |app| Exit::of_error(&error, app).code();
        assert_eq!([AppProcess::NotOurs, AppProcess::NotStarted, AppProcess::Stopped].map(code), [3, 125, 1]);
        let mut refused = Report::default();
        let refusal = Refusal {
            path: Canonical::default(),
            id: None,
            origin: Rc::default(),
            reason: Reason::OtherMount,
            keep: None,
            saved_by: Vec::new(),
        };
        refused.add_plan(Plan { refusals: vec![refusal], ..Plan::default() }, None);
        let code = |app| Exit::of_report(&refused, app).code();
        assert_eq!([AppProcess::NotOurs, AppProcess::NotStarted, AppProcess::Stopped].map(code), [3, 125, 1]);
    }

    #[test]
    fn what_holds_is_success_whoever_starts_the_app() {
        for app in [AppProcess::NotOurs, AppProcess::NotStarted, AppProcess::Stopped] {
            assert_eq!(Exit::of_report(&Report::default(), app), Exit::Ok);
        }
    }
}
