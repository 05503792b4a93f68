//! The files in an archive of an image: manifests, configurations, layers.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Take};

use serde_json::Value;
use sha2::{Digest, Sha256};

use lithify::text::escape::escape;

use super::archive::{Archive, Kind};
use super::error::ImageError;
use super::limits::MAX_JSON;
use super::names::names;
use super::source::Source;

/// How deep such files lie: `blobs/sha256/HEX`.
const DEEPEST: usize = 3;

/// How many links may lead to a layer: `docker save` wrote the same layer once.
const MAX_LINKS: usize = 4;

/// Where a file lies in the archive.
#[derive(Clone, Copy, Debug)]
struct Extent {
    offset: u64,
    size: u64,
}

#[derive(Debug)]
enum Member {
    File(Extent),
    Symlink(Vec<u8>),
}

/// The files in an archive, by their paths.
pub(super) struct Members<'s> {
    source: &'s Source,
    by_path: HashMap<Vec<u8>, Member>,
}

impl<'s> Members<'s> {
    /// Lists them. Fails if the archive is none, or is cut off.
    pub(super) fn of(source: &'s Source) -> Result<Self, ImageError> {
        let failed = |fault: super::error::Fault| fault.in_place(&source.name);
        let mut archive = Archive::new(BufReader::with_capacity(1 << 17, source.whole()?), source.limits, false);
        let mut by_path = HashMap::new();
        while let Some(header) = archive.next().map_err(failed)? {
            // A name that cannot be is refused when the entry is used.
            let Ok(path) = names(&header.name, false) else { continue };
            if path.len() > DEEPEST {
                continue;
            }
            let member = match header.kind {
                Kind::File(extent) => Member::File(Extent { offset: archive.offset(), size: extent.size }),
                Kind::Symlink(text) => Member::Symlink(text),
                _ => continue,
            };
            by_path.insert(path.join(&b'/'), member);
        }
        Ok(Self { source, by_path })
    }

    /// The name of the archive.
    pub(super) fn archive(&self) -> &str {
        &self.source.name
    }

    /// Whether there is a file at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    fn find(&self, path: &str) -> Option<Extent> {
        let mut path = path.as_bytes().to_vec();
        for _ in 0..MAX_LINKS {
            match self.by_path.get(&path)? {
                Member::File(extent) => return Some(*extent),
                Member::Symlink(text) => {
                    let mut way: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
                    way.pop();
                    for name in text.split(|&byte| byte == b'/') {
                        match name {
                            b"" | b"." => {}
                            b".." => drop(way.pop()),
                            name => way.push(name),
                        }
                    }
                    path = way.join(&b'/');
                }
            }
        }
        None
    }

    /// The content of the file at `path`.
    pub(super) fn open(&self, path: &str) -> Result<BufReader<Take<&'s File>>, ImageError> {
        let missing = || {
            ImageError::broken(
                self.archive(),
                format!("it has no {}, which its manifest names", escape(path.as_bytes())),
            )
        };
        let Extent { offset, size } = self.find(path).ok_or_else(missing)?;
        Ok(BufReader::with_capacity(1 << 17, self.source.from(offset)?.take(size)))
    }

    /// The JSON in the file at `path`.
    pub(super) fn json(&self, path: &str) -> Result<Value, ImageError> {
        let broken =
            |reason: String| ImageError::broken(self.archive(), format!("{}: {reason}", escape(path.as_bytes())));
        let mut bytes = Vec::new();
        self.open(path)?.take(MAX_JSON).read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
        if bytes.len() as u64 == MAX_JSON {
            return Err(broken(format!("{MAX_JSON} bytes and more are no manifest")));
        }
        serde_json::from_slice(&bytes).map_err(|error| broken(format!("it is no JSON: {error}")))
    }

    /// The path of the blob with this digest. Fails if its content has another.
    pub(super) fn blob(&self, digest: &str) -> Result<String, ImageError> {
        let said = escape(digest.as_bytes());
        let hex = digest.strip_prefix("sha256:").filter(|hex| {
            hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
        let hex = hex.ok_or_else(|| {
            ImageError::broken(self.archive(), format!("its manifest names {said}, which is no sha256 digest"))
        })?;
        let path = blob_path(digest);
        let mut hash = Sha256::new();
        let mut blob = self.open(&path)?;
        loop {
            let part = std::io::BufRead::fill_buf(&mut blob)
                .map_err(|error| ImageError::broken(self.archive(), format!("{path}: {error}")))?;
            if part.is_empty() {
                break;
            }
            hash.update(part);
            let length = part.len();
            std::io::BufRead::consume(&mut blob, length);
        }
        let found: String = hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        if found != hex {
            return Err(ImageError::broken(
                self.archive(),
                format!("the content of {path} has another digest: {found}"),
            ));
        }
        Ok(path)
    }
}

/// Where the layout has the blob with this digest.
pub(super) fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}
