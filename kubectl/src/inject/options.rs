//! Options of `inject` that contradict each other.

use super::stage_dirs;
use crate::cli::{Inject, Mode};
use crate::failure::Failure;
use lithify::seal::Digest;

/// Fails if an option does not go with the mode, or if `--stage-dir` cannot be mounted over.
pub(crate) fn check(options: &Inject) -> Result<(), Failure> {
    if let Some(mode) = options.mode.filter(|mode| *mode != Mode::Stage && !options.stage_dirs.is_empty()) {
        return Err(Failure::usage(
            format!("--stage-dir is for --mode stage, not for {}", mode.name()),
            "leave it out",
        ));
    }
    if options.command.is_some() && options.mode == Some(Mode::Probe) {
        return Err(Failure::usage(
            "--command is for --mode run and stage: a probe leaves the command alone",
            "leave it out",
        ));
    }
    if let Some(digest) = &options.digest {
        if options.mode == Some(Mode::Stage) {
            return Err(Failure::usage(
                "--digest is for --mode probe and run: a staged pod starts nothing of lithify beside the app",
                "leave it out, and give the app a probe of its own: verify --digest, see docs/kubectl.md",
            ));
        }
        Digest::parse(digest).map_err(|error| {
            Failure::usage(format!("--digest: {error}"), "copy it whole, as `kubectl lithify seal` prints it")
        })?;
    }
    let bad = options.stage_dirs.iter().find_map(|dir| Some((dir, stage_dirs::parse(dir).err()?)));
    match bad {
        Some((dir, why)) => Err(Failure::usage(
            format!("--stage-dir {dir} is no directory to mount over: {why}"),
            "give the absolute path of a directory of programs, such as /usr/local/bin",
        )),
        None => Ok(()),
    }
}
