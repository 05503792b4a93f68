//! Staging: copies directories of this container into a volume, without what a plan removes. Never changes the source.
//! The copy is either whole or absent: it is made under a temporary name, synced, compared, and then renamed.

mod attributes;
mod compare;
mod content;
mod copy;
mod links;
mod mounts_spec;
mod omitted;
mod place;
mod sources;

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::harden::plan::Plan;
use crate::profile::Profile;
use crate::root::{Canonical, Failure, Root, RootError};
use crate::text::escape::escape;
use content::Side;
use copy::Copier;
use omitted::Omitted;
use place::Place;

pub use links::Links;
pub use mounts_spec::{Mount, mounts, present, scalar, to_yaml, volume_name};
pub use place::NAME;
pub use sources::resolve;

/// The file that marks each staged directory: neither the image's own directory nor an empty volume has it.
pub const MARKER: &str = ".lithify-staged";

/// What was staged.
#[derive(Debug, Default)]
pub struct Staged {
    /// The directories, as paths inside the root.
    pub directories: Vec<Canonical>,
    /// Names in the copy: files, links, directories.
    pub names: u64,
    /// Bytes of its regular files, including holes, without the disabled files.
    pub bytes: u64,
    /// Links that cross the mounts.
    pub links: Links,
    /// Files that a runtime mounts in each container. They are empty in the copy.
    pub mounted: Vec<Canonical>,
    /// Whether anything was written. `false` if the same copy was there already.
    pub changed: bool,
    /// Remarks for people.
    pub notes: Vec<String>,
}

/// Why nothing was staged. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A source is a relative path.
    #[error("SOURCE {} is not an absolute path", escape(path))]
    Relative {
        /// The path as given.
        path: Vec<u8>,
    },
    /// A source is not a directory.
    #[error("SOURCE {} is not a directory", escape(path))]
    NotADirectory {
        /// The path as given.
        path: Vec<u8>,
    },
    /// A path that a pod spec cannot hold.
    #[error(
        "SOURCE {} cannot be written into a pod spec, whose mount paths are UTF-8 without ':' and control characters",
        escape(path)
    )]
    NotText {
        /// Canonical path.
        path: Vec<u8>,
    },
    /// The source is the whole root, and nothing can be mounted over the root.
    #[error("refused: SOURCE {} is the whole root, and nothing can be mounted over that", escape(path))]
    WholeRoot {
        /// The path as given.
        path: Vec<u8>,
    },
    /// The volume lies in a source, or a source in the volume.
    #[error("refused: {} and --to {} lie in each other: the copy would be copied", escape(source_path), escape(volume.as_os_str().as_encoded_bytes()))]
    Itself {
        /// Canonical path of the source.
        source_path: Vec<u8>,
        /// The path as given.
        volume: PathBuf,
    },
    /// Something is mounted in a source.
    #[error("refused: {} is on another mount, which the image does not have", escape(path))]
    OtherMount {
        /// Canonical path inside the root.
        path: Vec<u8>,
    },
    /// Directories nested too deeply.
    #[error("{}: more than {most} directories in each other", escape(path))]
    TooDeep {
        /// Path.
        path: Vec<u8>,
        /// The limit on the depth.
        most: usize,
    },
    /// Another run did not end in time.
    #[error("--to {}: another lithify has been staging there for a minute", escape(path))]
    Busy {
        /// The path as given.
        path: Vec<u8>,
    },
    /// Reading a source failed.
    #[error("SOURCE: {0}")]
    Source(RootError),
    /// Writing to the volume failed.
    #[error("--to: {operation} {}: {}", escape(path), errno.desc())]
    Volume {
        /// The operation, as the name of its system call.
        operation: &'static str,
        /// Path, as the caller knows it.
        path: Vec<u8>,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The copy differs from what was read.
    #[error("{}: the copy differs from its source: {what}", escape(path))]
    Differs {
        /// Canonical path of the source.
        path: Vec<u8>,
        /// What differs.
        what: &'static str,
    },
}

impl StageError {
    /// An error at something that was there a moment ago.
    fn of_source(error: RootError) -> Self {
        if error.errno() == Errno::ENOENT {
            return Self::Differs { path: error.path().to_vec(), what: "it is gone from the source" };
        }
        Self::Source(error)
    }

    fn of_volume(volume: &[u8], error: RootError) -> Self {
        let errno = error.errno();
        let (operation, path) = match error.into_failure() {
            Failure::Os { operation: "open", path, .. } if path == volume => ("open", path),
            Failure::Os { operation, path, .. } => (operation, shown(volume, &path)),
            Failure::MountUnknown { path, .. } => ("statx", shown(volume, &path)),
            Failure::Silent(mount) => ("statx", shown(volume, &mount.point)),
            Failure::Proc(path) => ("open", path),
            Failure::Late => ("open", volume.to_vec()),
        };
        Self::Volume { operation, path, errno }
    }

    fn content(side: Side, errno: Errno, source: &[u8], copy: Vec<u8>) -> Self {
        match side {
            Side::Source => Self::Source(RootError::os("read", source, errno)),
            Side::Volume => Self::Volume { operation: "write", path: copy, errno },
        }
    }
}

/// Copies `directories` of `root`, as [`resolve`] returns them, to `volume`/root, without what `plan` removes. `volume`
/// is a path of the caller. `plan` must be free of refusals. Fails with a [`StageError`], and then the earlier copy is
/// still there.
pub fn stage(
    root: &Root,
    profile: &Profile,
    plan: &Plan,
    directories: Vec<Canonical>,
    volume: &Path,
) -> Result<Staged, StageError> {
    let mut mounts = vec![root.stat().mount];
    for mount in &profile.mounts {
        mounts.extend(root.resolve(mount.value.as_bytes()).ok().map(|stat| stat.mount));
    }
    let omitted = Omitted::of(plan, mounts);
    let names: Vec<&str> = profile.sources.iter().map(|source| &*source.name).collect();
    let marker = format!("Staged by lithify {} with {}\n", env!("CARGO_PKG_VERSION"), names.join(", "));
    let mut place = Place::prepare(volume)?;
    let earlier = Canonical::default().join(NAME.as_bytes());
    // If the same copy is there already, an app may have it mounted, so it keeps its files.
    let result = compare::compare(root, &omitted, &directories, &marker, &place, &earlier, true).or_else(|_| {
        let result = copy_all(root, &omitted, &directories, &marker, &mut place);
        if result.is_err() {
            place.abandon();
        }
        result
    });
    let mut staged = result?;
    staged.notes.append(&mut place.notes);
    staged.directories = directories;
    Ok(staged)
}

fn copy_all(
    root: &Root,
    omitted: &Omitted,
    directories: &[Canonical],
    marker: &str,
    place: &mut Place,
) -> Result<Staged, StageError> {
    place.begin()?;
    let mut copier = Copier::new(root, omitted, marker, place);
    for directory in directories {
        copier.source(directory)?;
    }
    let notes = copier.notes();
    place.sync()?;
    // Reads the copy back from the kernel, which has written it out by now.
    let mut staged = compare::compare(root, omitted, directories, marker, place, &place.top(), false)?;
    staged.changed = true;
    staged.notes.extend(notes);
    place.finish()?;
    Ok(staged)
}

/// A path inside the volume as the caller knows it.
fn shown(volume: &[u8], path: &[u8]) -> Vec<u8> {
    let mut shown = volume.to_vec();
    while shown.last() == Some(&b'/') {
        shown.pop();
    }
    if path != b"/" || shown.is_empty() {
        shown.extend_from_slice(path);
    }
    shown
}
