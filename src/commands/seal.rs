//! `lithify seal`: states what the files of a root are.

use std::path::Path;

use super::output::Output;
use crate::cli::{Seal, SealOnly};
use crate::linux::deadline::Deadline;
use crate::linux::stream::Stream;
use crate::profile::load;
use crate::report::{CommandError, Exit, SealReport};
use crate::seal::file::ManifestFile;
use crate::seal::{AsIs, Exclusions, Scope, Sealed, Sealing, manifest, seal as look};
use crate::target::Target;

pub(super) fn seal(options: &Seal, output: &Output) -> Exit {
    // In text, standard output takes the digest alone, so that a script can read it.
    let remarks = output.with_stream(if output.is_json() { Stream::Output } else { Stream::Error });
    let sealed = match state(options) {
        Ok(sealed) => sealed,
        Err(error) => return remarks.failure("seal", &error),
    };
    let prints_manifest = options.out.as_deref() == Some(Path::new("-"));
    let report = SealReport::new(&options.root, &sealed);
    match sealed.digest() {
        None => remarks.finish("seal", Exit::Finding, |notes| report.failure(&notes)),
        Some(digest) => {
            if !output.is_json() && !output.volume().quiet {
                let _ = Stream::Error.write(&report.notes());
            }
            output.finish("seal", Exit::Ok, |notes| report.success(digest, prints_manifest, &notes))
        }
    }
}

/// Makes the manifest, as far as it is asked for.
fn state(options: &Seal) -> Result<Sealed, CommandError> {
    let profile = load(options.profiles.iter().map(String::as_str))?;
    let target = Target::open(&options.root, Deadline::default()).map_err(CommandError::Root)?;
    let scope = if options.only == Some(SealOnly::Executables) { Scope::Executables } else { Scope::All };
    let exclusions = Exclusions::of(&target.root, &profile);
    let mut file = options.out.as_deref().map(create).transpose()?;
    if let Some(file) = &mut file {
        file.write(&manifest::head(scope, &exclusions));
    }
    let sealing = Sealing { scope, exclusions, max_file_size: options.max_file_size.0 };
    let sealed = look(&target.root, sealing, &mut AsIs, &mut |entry| {
        if let Some(file) = &mut file {
            file.write(entry.line);
        }
    });
    if let (Some(mut file), Some(digest), Some(path)) = (file, sealed.digest(), &options.out) {
        file.write(&manifest::tail(&sealed.mounts, digest));
        file.finish().map_err(|errno| CommandError::Manifest { path: path.clone(), errno })?;
    }
    Ok(sealed)
}

fn create(path: &Path) -> Result<ManifestFile, CommandError> {
    let file = if path == Path::new("-") {
        Stream::Output.duplicate().map(ManifestFile::open)
    } else {
        ManifestFile::create(path)
    };
    file.map_err(|errno| CommandError::Manifest { path: path.to_path_buf(), errno })
}
