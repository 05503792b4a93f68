//! The exit codes (`docs/exit-codes.md`), and the one place that makes them of a report or an error.

use super::{CommandError, Report};
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
    /// It would have been unsafe.
    Refused,
    /// `--wait-for-app` and the app is still starting, or `--deadline` came: try again.
    NotYet,
    /// For `run`: lithify itself failed before the command was started.
    RunFailed,
    /// For `run`: the command was found but cannot be executed.
    CannotExecute,
    /// For `run`: the command was not found.
    NotFound,
    /// For `run --init`: how the app ended.
    App(u8),
    /// For `sleep`: ended by this signal.
    Signal(u8),
}

/// What a command has to do with the app's process, which decides what its failure means to whoever waits for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppProcess {
    /// Nothing: another program starts it.
    #[default]
    NotOurs,
    /// `run` did not start it. No exit code of the app may be mistaken for one of lithify's.
    NotStarted,
    /// `run --after-start` started it, and stops it.
    Stopped,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
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

    /// What a report ends with.
    pub fn of_report(report: &Report, app: AppProcess) -> Self {
        let exit = if report.is_refused() {
            Self::Refused
        } else if report.late.is_some() {
            Self::NotYet
        } else if report.is_clean() {
            Self::Ok
        } else {
            Self::Finding
        };
        exit.with(app)
    }

    /// What an error ends with that leaves nothing to report.
    pub fn of_error(error: &CommandError, app: AppProcess) -> Self {
        let exit = match error {
            CommandError::Profile(_) | CommandError::Usage(_) | CommandError::Root(_) => Self::Usage,
            CommandError::Scan(_) | CommandError::Privileges(_) | CommandError::Landlock(_) => Self::Refused,
            CommandError::Harden(error) => Self::of_harden_error(error),
            CommandError::Stage(error) => Self::of_stage_error(error),
            CommandError::Start(error) if error.is_not_found() => Self::NotFound,
            CommandError::Start(_) => Self::CannotExecute,
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

    /// The same where nobody got the report: it cannot be told that all went well. But `run` is there to start the app.
    #[must_use]
    pub fn unreported(self, app: AppProcess) -> Self {
        if (self, app) == (Self::Ok, AppProcess::NotOurs) { Self::Finding } else { self }
    }

    /// The same failure, where it happened to `run`.
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
            reason: Reason::MissingLibrary(String::new()),
            keep: None,
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
