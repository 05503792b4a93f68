//! `lithify seal`: states what the files of a root are.

use std::collections::HashSet;
use std::path::Path;

use super::options::{declared_app, effective_profile};
use super::output::Output;
use crate::cli::{Seal, SealOnly};
use crate::harden::pipeline::{Planned, Policy, Processes, Protected, Start, is_not_refused};
use crate::harden::plan::Plan;
use crate::linux::deadline::Deadline;
use crate::linux::stream::Stream;
use crate::linux::whole_file::WholeFile;
use crate::profile::{Method, Profile, load};
use crate::report::{CommandError, Exit, Report, SealReport, Subcommand, silent_note};
use crate::root::Identity;
use crate::seal::{After, AsIs, Exclusions, Scope, Sealed, Sealing, View, manifest, seal as look};
use crate::target::Target;

/// The files of an image, in the spool of somebody who may not be root.
pub struct Spooled<'a> {
    /// What reports call it.
    pub name: &'a Path,
    /// The files as the image describes them: nobody but root could give them their owners.
    pub described: &'a mut dyn View,
    /// Those that have capabilities.
    pub capable: HashSet<Identity>,
}

/// States what the files are: of an image if one was spooled, else of the root that the flags name.
pub(super) fn seal(options: &Seal, mut image: Option<Spooled<'_>>, output: &Output) -> Exit {
    // In text, standard output takes the digest alone, so that a script can read it.
    let remarks = output.with_stream(if output.is_json() { Stream::Output } else { Stream::Error });
    let (sealed, silent) = match state(options, image.as_mut()) {
        Ok(State::Sealed(sealed, silent)) => (sealed, silent),
        Ok(State::NoPlan(report)) => return remarks.report("seal", Ok(*report)),
        Err(error) => return remarks.failure("seal", &error),
    };
    let prints_manifest = options.out.as_deref() == Some(Path::new("-"));
    let report = SealReport::new(image.as_ref().map_or(&options.root, |image| image.name), &sealed, silent);
    match sealed.digest() {
        None => remarks.finish("seal", Exit::Finding, &|notes| report.failure(&notes)),
        Some(digest) => {
            if !output.is_json() && !output.volume().quiet {
                let _ = Stream::Error.write(&report.notes());
            }
            output.finish("seal", Exit::Ok, &|notes| report.success(digest, prints_manifest, &notes))
        }
    }
}

/// What was found out.
enum State {
    /// What the files are, as far as it is known; and the remark on mounts that do not answer.
    Sealed(Sealed, Option<String>),
    /// It is not known what `harden` would leave. The report says why.
    NoPlan(Box<Report>),
}

/// Makes the manifest, as far as it is asked for.
fn state(options: &Seal, image: Option<&mut Spooled<'_>>) -> Result<State, CommandError> {
    let names = options.profiles.iter().map(String::as_str);
    let profile = if options.after { effective_profile(&options.profiles, &options.remove)? } else { load(names)? };
    let mut target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let spooled = image.is_some();
    let name = image.as_ref().map_or(options.root.as_path(), |image| image.name);
    let mut as_is = AsIs;
    let mut before: &mut dyn View = &mut as_is;
    if let Some(image) = image {
        target.root = target.root.with_capable(std::mem::take(&mut image.capable));
        before = image.described;
    }
    if !options.after {
        return write(options, &target, &profile, before);
    }
    if spooled && profile.method() == Method::Tombstone {
        return Err(CommandError::Usage(
            "tombstones are copies of the lithify in the container, which is not here: run `lithify seal --after` in a container of the image".to_owned(),
        ));
    }
    // The plan must be the one that is carried out where the app runs. Here nothing of it runs, and what runs decides
    // only whether a plan is refused.
    let app = declared_app(&options.app, &profile)?;
    let policy = Policy::reading(Start::Later(&app), Processes::Ignored);
    let mut planned = Protected::new(&target, &profile, policy)?.survey()?.plan();
    planned.lead_on(&is_not_refused);
    let Planned { plan, unreadable, .. } = planned;
    if plan.refusals.is_empty() && plan.skipped.is_empty() && plan.missing.is_empty() && unreadable.is_empty() {
        return write(options, &target, &profile, &mut After::new(&target.root, &plan, before));
    }
    let mut report = Report::new(Subcommand::Seal, name, &profile);
    report.add_unreadable(unreadable);
    report.add_plan(Plan { notes: Vec::new(), ..plan }, Some(Vec::new()));
    Ok(State::NoPlan(Box::new(report)))
}

/// Walks through the files as `view` has them, and writes the manifest.
fn write(options: &Seal, target: &Target, profile: &Profile, view: &mut dyn View) -> Result<State, CommandError> {
    let scope = if options.only == Some(SealOnly::Executables) { Scope::Executables } else { Scope::All };
    let exclusions = Exclusions::of(&target.root, profile, scope);
    let mut file = options.out.as_deref().map(create).transpose()?;
    if let Some(file) = &mut file {
        file.write(&manifest::head(scope, &exclusions));
    }
    let sealing = Sealing { scope, exclusions, max_file_size: options.max_file_size.0 };
    let sealed = look(&target.root, sealing, view, &mut |entry| {
        if let Some(file) = &mut file {
            file.write(entry.line);
        }
    });
    if let (Some(mut file), Some(digest), Some(path)) = (file, sealed.digest(), &options.out) {
        file.write(&manifest::tail(&sealed.mounts, digest));
        file.finish().map_err(|errno| CommandError::Manifest { path: path.clone(), errno })?;
    }
    Ok(State::Sealed(sealed, silent_note(&target.root)))
}

fn create(path: &Path) -> Result<WholeFile, CommandError> {
    let file =
        if path == Path::new("-") { Stream::Output.duplicate().map(WholeFile::open) } else { WholeFile::create(path) };
    file.map_err(|errno| CommandError::Manifest { path: path.to_path_buf(), errno })
}
