//! `lithify verify`: only checks.

use nix::unistd::gethostname;
use sha2::{Digest as _, Sha256};

use super::options::{digest, effective_profile, open_manifest};
use super::output::Output;
use crate::cli::Verify;
use crate::harden::pipeline::{Policy, Processes, Protected, Start};
use crate::linux::deadline::Deadline;
use crate::linux::time::Time;
use crate::profile::{Confine, Profile, load, to_json};
use crate::prove::{Listed, Outside};
use crate::report::{
    CommandError, Exit, Note, Record, Report, Subcommand, VARIABLES, checks_to_json, checks_to_text, ids_of_key,
};
use crate::root::RootError;
use crate::seal::{AsIs, Digest};
use crate::target::Target;
use crate::verify::{self, Check, CheckId, Status};

/// Prints the catalogue of checks.
pub(super) fn list(output: &Output) -> Exit {
    output.plain("verify", Exit::Ok, &if output.is_json() { checks_to_json() } else { checks_to_text() })
}

pub(super) fn verify(options: &Verify) -> Result<Report, CommandError> {
    let digest = digest(options.digest.as_deref())?;
    let mut manifest = options.seal.as_deref().map(open_manifest).transpose()?;
    let profile = if digest.is_some() || manifest.is_some() || options.prove {
        load(options.profiles.iter().map(String::as_str))?
    } else {
        effective_profile(&options.profiles, &[])?
    };
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let unknown = |errno| CommandError::Root(RootError::os("statx", b"/", errno));
    if options.prove && !target.is_own_root().map_err(unknown)? {
        return Err(CommandError::Usage(
            "--prove tries what is possible in the root that it runs in: run it in the container, without --root"
                .to_owned(),
        ));
    }
    let known = manifest.as_ref().and_then(|(_, known)| *known);
    let policy = Policy::reading(Start::Unasked, Processes::Explain);
    let protected = Protected::new(&target, &profile, policy)?;
    let mut report = Report::new(Subcommand::Verify, target.root.path(), &profile);
    report.record = Some(record(&profile, digest, known));
    report.add_silent(&target.root);
    let mut verification = protected.verify();
    let left = |check: &Check| check.id == CheckId::Remove && check.status == Status::Fail;
    if verification.checks.iter().any(left) && target.root.is_read_only() {
        verification.notes.push(verify::Note::LeftOnReadOnly);
    }
    let size = options.max_file_size.0;
    if let Some(digest) = digest {
        verification.check_digest(&target.root, &profile, digest, size, &mut AsIs);
    }
    if let (Some((file, _)), Some(path)) = (&mut manifest, &options.seal) {
        let scope = known.map(|known| known.scope).unwrap_or_default();
        verification
            .check_manifest(&target.root, &profile, file, scope, size)
            .map_err(|error| CommandError::Seal { path: path.clone(), error })?;
    }
    report.add_verification(verification);
    if options.prove {
        let listed = Listed::new(&target, &profile, report.all_checks(), None);
        report.add_attempts(listed.make(&target.root, &Outside::default(), &|| true));
        if profile.confine != Confine::default() {
            report.notes.push(Note::ConfineNotTried);
        }
    }
    Ok(report)
}

/// Of what, when and where this process reports. `seal` and `manifest` are the digests that it was given.
fn record(profile: &Profile, seal: Option<Digest>, manifest: Option<Digest>) -> Record {
    let place = VARIABLES.map(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    let sha256 = || Sha256::digest(to_json(profile, &ids_of_key)).into();
    Record {
        time: Time::now(),
        host: gethostname().unwrap_or_default(),
        place,
        profile: (!profile.sources.is_empty()).then(sha256),
        seal,
        manifest,
    }
}
