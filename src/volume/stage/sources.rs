//! The directories that the command line names: their canonical paths, each once.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::StageError;
use crate::linux::error::errno;
use crate::root::{Canonical, Identity, Kind, Root};
use crate::text::order::sort_by_bytes;

/// The canonical paths of `sources` inside `root`, sorted by bytes. Leaves out each source that lies in another one: on
/// a merged image `/bin` is `/usr/bin`. Refuses to copy a tree into itself. `volume` is a path of the caller.
pub fn resolve(root: &Root, sources: &[PathBuf], volume: &Path) -> Result<Vec<Canonical>, StageError> {
    let mut found: Vec<Canonical> = Vec::new();
    for source in sources {
        let bytes = source.as_os_str().as_bytes();
        if bytes.first() != Some(&b'/') {
            return Err(StageError::Relative { path: bytes.to_vec() });
        }
        let place = root.walk(bytes, true).map_err(StageError::Source)?;
        if place.stat.kind != Kind::Directory {
            return Err(StageError::NotADirectory { path: bytes.to_vec() });
        }
        let path = place.path;
        if path == b"/" {
            return Err(StageError::WholeRoot { path: bytes.to_vec() });
        }
        // The Kubernetes API forbids ':' in a mountPath, and YAML cannot hold control characters.
        if !std::str::from_utf8(&path).is_ok_and(|text| !text.chars().any(|c| c == ':' || c.is_control())) {
            return Err(StageError::NotText { path: path.into_bytes() });
        }
        if !found.contains(&path) {
            found.push(path);
        }
    }
    let all = found.clone();
    found.retain(|path| !all.iter().any(|other| other != path && path.is_within(other)));
    sort_by_bytes(&mut found, |path| path.to_vec());
    apart(root, &found, volume)?;
    Ok(found)
}

/// Fails if the volume lies in a source, or a source in the volume.
fn apart(root: &Root, sources: &[Canonical], volume: &Path) -> Result<(), StageError> {
    let as_volume = |error: std::io::Error| StageError::Volume {
        operation: "open",
        path: volume.as_os_str().as_bytes().to_vec(),
        errno: errno(&error),
    };
    let canonical = std::fs::canonicalize(volume).map_err(as_volume)?;
    let identity = |path: &Path| std::fs::metadata(path).map(|stat| Identity { dev: stat.dev(), ino: stat.ino() });
    let own = identity(&canonical).map_err(as_volume)?;
    let above: HashSet<Identity> = canonical.ancestors().filter_map(|path| identity(path).ok()).collect();
    let itself = |source: &Canonical| StageError::Itself { source_path: source.to_vec(), volume: volume.into() };
    for source in sources {
        if above.contains(&root.resolve(source).map_err(StageError::Source)?.id) {
            return Err(itself(source));
        }
        for path in std::iter::once(source.clone()).chain(source.ancestors()) {
            if root.resolve(&path).map_err(StageError::Source)?.id == own {
                return Err(itself(source));
            }
        }
    }
    // The target itself may lie in the volume. The root of another process is skipped, because it is not among our
    // paths.
    if crate::linux::proc::Task::of_root(root.path()).is_none() {
        let target = std::fs::canonicalize(root.path()).unwrap_or_default();
        if let Some(source) =
            sources.first().filter(|_| target.ancestors().any(|path| identity(path).ok() == Some(own)))
        {
            return Err(itself(source));
        }
    }
    Ok(())
}
