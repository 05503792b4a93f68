//! `lithify verify`: only checks.

use super::options::{digest, effective_profile, open_manifest};
use crate::cli::Verify;
use crate::harden::pipeline::{Policy, Processes, Protected, Start};
use crate::linux::deadline::Deadline;
use crate::profile::load;
use crate::prove::Listed;
use crate::report::{CommandError, Report, Subcommand};
use crate::seal::AsIs;
use crate::target::Target;

pub(super) fn verify(options: &Verify) -> Result<Report, CommandError> {
    let digest = digest(options.digest.as_deref())?;
    let mut manifest = options.seal.as_deref().map(open_manifest).transpose()?;
    let profile = if digest.is_some() || manifest.is_some() || options.prove {
        load(options.profiles.iter().map(String::as_str))?
    } else {
        effective_profile(&options.profiles, &[])?
    };
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    if options.prove && target.is_own_root() != Ok(true) {
        return Err(CommandError::Usage(
            "--prove tries what is possible in the root that it runs in: run it in the container, without --root"
                .to_owned(),
        ));
    }
    let policy = Policy::reading(Start::Unasked, Processes::Explain);
    let protected = Protected::new(&target, &profile, policy)?;
    let mut report = Report::new(Subcommand::Verify, target.root.path(), &profile);
    let mut verification = protected.verify();
    let size = options.max_file_size.0;
    if let Some(digest) = digest {
        verification.check_digest(&target.root, &profile, digest, size, &mut AsIs);
    }
    if let (Some((file, scope)), Some(path)) = (&mut manifest, &options.seal) {
        verification
            .check_manifest(&target.root, &profile, file, *scope, size)
            .map_err(|error| CommandError::Seal { path: path.clone(), error })?;
    }
    report.add_verification(verification);
    if options.prove {
        let listed = Listed::new(&target, &profile, report.all_checks());
        report.add_attempts(listed.make(&target.root));
    }
    Ok(report)
}
