//! `kubectl lithify learn` learns the profile of an app in a cluster: of a pod that runs, by an ephemeral container that
//! looks at it, or of a workload, by a manifest whose command is `lithify learn -- CMD`. Nothing reaches the cluster without
//! `--apply`.

mod log;
mod next;
mod pod;
mod running;
mod workload;

use crate::cli::{Learn, LearnFrom, Subject};
use crate::failure::Failure;
use crate::output::{print, say};
use lithify::report::Exit;
pub(crate) use log::profile as profile_in_log;

/// The most bytes of a log that are read.
const MOST: u64 = 64 * 1024 * 1024;

/// Runs the subcommand.
pub(crate) fn run(options: &Learn) -> Result<Exit, Failure> {
    let profile = match &options.from {
        LearnFrom::App(Subject::Object(object)) => pod::learn(options, object)?,
        LearnFrom::App(Subject::Manifest(file)) => workload::learn(options, file)?,
        LearnFrom::Log(file) => Some(log::profile(&read(file)?)?),
    };
    let Some(profile) = profile else { return Ok(Exit::Ok) };
    match options.out.as_deref().filter(|out| *out != "-") {
        Some(out) => std::fs::write(out, &profile).map_err(|error| {
            // What was learned is worth more than the file.
            let _ = print(&profile);
            Failure::Manifest(format!("--out {out}: {error}\n  fix: the profile went to standard output"))
        })?,
        None => print(&profile)?,
    }
    say(&next::after(options));
    Ok(Exit::Ok)
}

fn read(file: &str) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Manifest(format!(
            "{}: cannot be read: {error}\n  fix: give what `kubectl logs` printed, or - for standard input",
            crate::input::name(file)
        ))
    };
    let bytes = crate::input::bytes(file, MOST).map_err(unreadable)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
