//! `lithify verify`: only checks.

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::Path;

use super::options::{digest, effective_profile};
use crate::cli::Verify;
use crate::harden::pipeline::{Policy, Processes, Protected, Start};
use crate::linux::deadline::Deadline;
use crate::profile::load;
use crate::report::{CommandError, Report, Subcommand};
use crate::seal::{AsIs, ManifestError, Reader, Scope};
use crate::target::Target;

pub(super) fn verify(options: &Verify) -> Result<Report, CommandError> {
    let digest = digest(options.digest.as_deref())?;
    let mut manifest = options.seal.as_deref().map(open).transpose()?;
    let profile = if digest.is_some() || manifest.is_some() {
        load(options.profiles.iter().map(String::as_str))?
    } else {
        effective_profile(&options.profiles, &[])?
    };
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
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
    Ok(report)
}

/// Opens a manifest and reads it once to its end, where its digest stands: so what is not whole is refused before
/// anything else is read.
fn open(path: &Path) -> Result<(BufReader<File>, Scope), CommandError> {
    let fail = |error| CommandError::Seal { path: path.to_path_buf(), error };
    let io = |error: io::Error| fail(ManifestError::Read { line: 1, error });
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let mut reader = Reader::new(&mut file).map_err(fail)?;
    while reader.entry().map_err(fail)?.is_some() {}
    let scope = reader.digest().map(|digest| digest.scope).unwrap_or_default();
    file.rewind().map_err(io)?;
    Ok((file, scope))
}
