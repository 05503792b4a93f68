//! `kubectl lithify seal` states what the files of an image are: the same digest that `lithify seal` prints in a container
//! of it.

mod headers;
mod interrupt;

use std::path::Path;

use crate::cli::Seal;
use crate::failure::Failure;
use crate::image::{self, Image};
use crate::output::{print, say};
use headers::Headers;
use lithify::linux::stream::Stream;
use lithify::profile::load;
use lithify::report::{Exit, SealReport};
use lithify::root::Root;
use lithify::seal::file::ManifestFile;
use lithify::seal::{Exclusions, Sealed, Sealing, manifest, seal};

/// Runs the subcommand.
pub(crate) fn run(options: &Seal) -> Result<Exit, Failure> {
    let profile = load(options.profiles.iter().map(String::as_str))?;
    let out = options.out.as_deref().map(create).transpose()?;
    let image = image::read(&options.image, options.platform.as_ref(), options.limits, &interrupt::remove)?;
    let root = Root::open(&image.spool.build(&image.tree)?)?;
    let exclusions = Exclusions::of(&root, &profile);
    let sealing = Sealing { scope: options.scope, exclusions, max_file_size: options.limits.file };
    let sealed = state(&root, sealing, &image, out)?;
    let name = if options.image == "-" { "standard input" } else { &options.image };
    let report = SealReport::new(Path::new(name), &sealed);
    let Some(digest) = sealed.digest() else {
        say(&report.failure(&[]).1);
        return Ok(Exit::Finding);
    };
    say(&report.notes());
    print(&report.success(digest, options.out.as_deref() == Some(Path::new("-")), &[]).1)?;
    Ok(Exit::Ok)
}

/// Makes the manifest, and writes it to `out` if it is asked for.
fn state(root: &Root, sealing: Sealing, image: &Image, out: Option<(ManifestFile, &Path)>) -> Result<Sealed, Failure> {
    let (mut file, path) = out.unzip();
    if let Some(file) = &mut file {
        file.write(&manifest::head(sealing.scope, &sealing.exclusions));
    }
    let sealed = seal(root, sealing, &mut Headers { tree: &image.tree }, &mut |entry| {
        if let Some(file) = &mut file {
            file.write(entry.line);
        }
    });
    if let (Some(mut file), Some(digest), Some(path)) = (file, sealed.digest(), path) {
        file.write(&manifest::tail(&sealed.mounts, digest));
        file.finish().map_err(|errno| unwritable(path, errno))?;
    }
    Ok(sealed)
}

fn create(path: &Path) -> Result<(ManifestFile, &Path), Failure> {
    let file = if path == Path::new("-") {
        Stream::Output.duplicate().map(ManifestFile::open)
    } else {
        ManifestFile::create(path)
    };
    file.map(|file| (file, path)).map_err(|errno| unwritable(path, errno))
}

fn unwritable(path: &Path, errno: nix::errno::Errno) -> Failure {
    let path = lithify::text::escape::escape(path.as_os_str().as_encoded_bytes());
    Failure::usage(
        format!("--out {path}: the manifest cannot be written: {}", errno.desc()),
        "name a file in a directory that you may write to",
    )
}
