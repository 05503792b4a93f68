//! `lithify diff`: what has changed since the container's first process started.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::options::{open_manifest, profile_of_writes};
use super::output::Output;
use crate::cli::Diff;
use crate::drift::{Since, Writes};
use crate::harden::mark::Mark;
use crate::linux::deadline::Deadline;
use crate::linux::sys::process::time_now;
use crate::linux::time::Time;
use crate::profile::load;
use crate::recognise::accounts::LIMIT;
use crate::report::{CommandError, DiffFrom, DiffNote, DiffReport, Exit, Report, Subcommand, silent_note};
use crate::target::Target;
use crate::target::owner::OwnerError;
use crate::target::start::start;
use crate::text::escape::escape;
use crate::text::seconds;
use crate::verify::{self, Verification};

pub(super) fn diff(options: &Diff, output: &Output) -> Exit {
    if options.since.contains('/') {
        return output.report("diff", since_seal(options, Path::new(&options.since)));
    }
    match look(options) {
        Ok(report) => output.finish("diff", report.exit(), &|further| report.write(&further, output.volume())),
        Err(error) => output.failure("diff", &error),
    }
}

/// What differs from the files that the manifest at `path` states.
fn since_seal(options: &Diff, path: &Path) -> Result<Report, CommandError> {
    let (mut file, digest) = open_manifest(path)?;
    let scope = digest.map(|digest| digest.scope).unwrap_or_default();
    let profile = load(options.profiles.iter().map(String::as_str))?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let mut report = Report::new(Subcommand::Diff, target.root.path(), &profile);
    let mut verification = Verification::default();
    verification
        .check_manifest(&target.root, &profile, &mut file, scope, options.max_file_size.0)
        .map_err(|error| CommandError::Seal { path: path.to_path_buf(), error })?;
    report.add_verification(verification);
    Ok(report)
}

fn look(options: &Diff) -> Result<DiffReport, CommandError> {
    let profile = profile_of_writes(&options.profiles)?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let root = &target.root;
    let mut notes: Vec<DiffNote> = silent_note(root).map(DiffNote::Said).into_iter().collect();
    let mark = Mark::read(root).unwrap_or_else(|error| {
        notes.push(DiffNote::Verify(verify::Note::NoMark(Rc::new(error))));
        Mark::default()
    });
    let (from, start) = from(options, &target)?;
    if from == DiffFrom::Start && mark.is_older_than(start) {
        notes.push(DiffNote::Restarted);
    }
    let writes = Writes::look(root, &profile, Since { start, mark }).map_err(CommandError::Scan)?;
    let read = |path: &[u8]| root.read(path, LIMIT).unwrap_or_default();
    let accounts = (read(b"/etc/passwd"), read(b"/etc/group"));
    let root = escape(options.root.as_os_str().as_encoded_bytes());
    Ok(DiffReport { root, from, writes, accounts, notes })
}

/// Since when something counts as changed, according to `--since`.
fn from(options: &Diff, target: &Target) -> Result<(DiffFrom, Time), CommandError> {
    let usage = |reason: String| CommandError::Usage(format!("--since {}: {reason}", escape(options.since.as_bytes())));
    if options.since == "start" {
        let start = target.look().map_err(OwnerError::from).and_then(|app| start(target, &app));
        let start = start.map_err(|error| usage(format!("{error}; or give --since SECONDS")))?;
        return Ok((DiffFrom::Start, start));
    }
    let ago: Duration = seconds::parse(&options.since)
        .map_err(|error| usage(format!("{error}, or `start`, or a path with a `/` of a manifest")))?;
    let now = time_now().map_err(|errno| usage(errno.desc().to_owned()))?;
    Ok((DiffFrom::Seconds, now.before(ago)))
}
