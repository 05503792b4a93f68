//! The subcommands: glue between the modules, one file each.

mod app;
mod harden;
mod inscribed;
mod install;
mod output;
mod probe;
mod profile;
mod run;
mod scan;
mod sleep;
mod stage;
mod tombstone;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use nix::errno::Errno;

use crate::cli::{self, Cli, Command};
use crate::linux::stream::Stream;
use crate::profile::{Profile, ProfileError, load};
use crate::report::Exit;
use crate::root::Failure;

/// Why a command could not do its work at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("{0}")]
    Usage(String),
    #[error("--root {0}")]
    Root(crate::root::RootError),
    #[error("refused: {0}")]
    Host(#[from] crate::target::host_guard::HostRoot),
    #[error("refused: {0}")]
    Processes(#[from] crate::target::processes::ProcessError),
    #[error("refused: {0}")]
    Loaded(#[from] crate::harden::protection::LoadedError),
    #[error("refused: {0}")]
    Inventory(crate::root::RootError),
    #[error("refused: {0}")]
    App(#[from] app::AppError),
    #[error(transparent)]
    Privileges(#[from] crate::launch::privileges::PrivilegeError),
    #[error("[confine]: {0}")]
    Landlock(#[from] crate::launch::landlock::LandlockError),
    #[error(transparent)]
    Stage(#[from] crate::volume::stage::StageError),
    /// The app is still starting, or there was no time.
    #[error("not yet: {0}")]
    NotYet(String),
    /// The app never settled; and what to do.
    #[error("{0}; nothing was deleted")]
    WaitedInVain(String, String),
}

impl CommandError {
    fn exit(&self) -> Exit {
        match self {
            Self::Profile(_) | Self::Usage(_) | Self::Root(_) => Exit::Usage,
            Self::Host(_)
            | Self::Processes(_)
            | Self::Loaded(_)
            | Self::App(_)
            | Self::Inventory(_)
            | Self::Privileges(_)
            | Self::Landlock(_) => Exit::Refused,
            Self::Stage(error) => stage::exit(error),
            Self::NotYet(_) => Exit::NotYet,
            Self::WaitedInVain(..) => Exit::Finding,
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Self::Host(
                crate::target::host_guard::HostRoot::Undecidable { .. }
                | crate::target::host_guard::HostRoot::DiskMount { .. },
            ) => Some(
                "if this is a container's root filesystem (some runtimes mount a whole disk for each container), say so with --allow-host",
            ),
            Self::Host(_) => {
                Some("run it in the container, or name the container's root with --root; --allow-host overrides this")
            }
            Self::Loaded(_) => Some(
                "add CAP_SYS_PTRACE to lithify's container, harden before the app starts (`run`, or in the image's build), list that program in [keep] only, or use libraries = \"all\"",
            ),
            Self::App(error) => Some(error.hint()),
            Self::Privileges(error) => error.hint(),
            Self::Landlock(error) => error.hint(),
            Self::Stage(error) => Some(error.hint()),
            Self::Root(error) => match error.failure() {
                Failure::Os { path, errno: Errno::EACCES, .. } if is_process_root(path) => Some(
                    "another process's root is for its own user, or for CAP_SYS_PTRACE: set runAsUser to the app's user, or add SYS_PTRACE to this container's capabilities, and all that the app has",
                ),
                Failure::Os { path, errno: Errno::ENOENT, .. } if is_process_root(path) => Some(
                    "there is no such process here: set shareProcessNamespace: true in the pod spec, or use kubectl debug --target",
                ),
                _ => None,
            },
            Self::WaitedInVain(_, hint) => Some(hint),
            _ => None,
        }
    }
}

fn is_process_root(path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    crate::linux::proc::Task::of_root(std::path::Path::new(std::ffi::OsStr::from_bytes(path))).is_some()
}

/// Parses the command line, does what it says and prints the result.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let accepted = match inscribed::accepted(&arguments) {
        Ok(accepted) => accepted,
        Err(code) => return code,
    };
    let cli = match Cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let output = output::Output::new(&cli::Output {
                format: cli::Format::Text,
                verbose: false,
                quiet: false,
                log: None,
            });
            return ExitCode::from(output.plain("--help", Exit::Ok, &error.to_string()).code());
        }
        Err(error) => {
            // A probe's output is read from both streams.
            let _ = Stream::Error.write(&error.to_string());
            output::leave_message(&format!("lithify {error}"));
            return ExitCode::from(Exit::Usage.code());
        }
    };
    if accepted {
        inscribed::enter(&cli.command);
    }
    let output = output::Output::new(&cli.output);
    // A probe that takes too long is killed, and the kubelet then shows nothing of it; neither can what runs out of memory
    // speak any more.
    if let Command::Harden(_) | Command::Verify(_) | Command::Stage(_) = cli.command {
        output::leave_message(
            "lithify was killed before it was done: unless the app itself ended then, raise the probe's timeoutSeconds or the container's CPU limit; after OOMKilled, its memory limit\n",
        );
    }
    let exit = match cli.command {
        Command::Harden(options) => output.report("harden", harden::harden(&options)),
        Command::Verify(options) => output.report("verify", verify::verify(&options)),
        Command::Scan(options) => scan::scan(&options, &output),
        Command::Stage(options) => stage::stage(&options, &output),
        Command::Run(options) => run::run(&options, &output),
        Command::Install(options) => install::install(&options, &output),
        Command::Sleep(options) => sleep::sleep(options.time),
        Command::Probe(options) => probe::probe(&options, &output),
        Command::Profile(command) => profile::profile(&command, &output),
    };
    ExitCode::from(exit.code())
}

/// The profile that `--profile` and `--remove` name.
fn effective_profile(profiles: &[String], remove: &[String]) -> Result<Profile, CommandError> {
    let mut profile = load(profiles.iter().map(String::as_str))?;
    for text in remove {
        profile.add_remove(text)?;
    }
    if profile.closure() && profile.only.is_empty() {
        return Err(CommandError::Usage(
            "[keep] libraries = \"closure\" needs the list of programs whose libraries stay: add [keep] only"
                .to_owned(),
        ));
    }
    if profile.sources.is_empty() && profile.remove.is_empty() {
        return Err(CommandError::Usage(
            "nothing to do: name a profile with -p NAME (see `lithify profile list`) or LITHIFY_PROFILE".to_owned(),
        ));
    }
    Ok(profile)
}
