//! The file that somebody gave as the image. A pipe, or a compressed file, is spooled: its parts are read more than once.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use lithify::text::escape::escape;

use super::compression;
use super::error::ImageError;
use super::limits::Limits;

/// The file of an image, uncompressed.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) limits: Limits,
    file: File,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &str, limits: Limits) -> Result<Self, ImageError> {
        let name = if path == "-" { "standard input".to_owned() } else { escape(path.as_bytes()) };
        let fix = "give what `docker export`, `podman export`, `crane export`, `docker save` or `buildah push IMAGE oci-archive:FILE` wrote, or - for standard input";
        let failed = |operation| {
            let path = name.clone();
            move |error| ImageError::Io { path, operation, error, fix }
        };
        let file = if path == "-" {
            let stdin = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().map_err(failed("dup"))?;
            File::from(stdin)
        } else {
            File::open(path).map_err(failed("open"))?
        };
        let metadata = file.metadata().map_err(failed("stat"))?;
        if metadata.is_dir() {
            return Err(ImageError::Broken {
                place: name,
                reason: "it is a directory".to_owned(),
                fix: "give an archive, such as that of `tar -C DIRECTORY -c .`",
            });
        }
        let whole = metadata.is_file() && path != "-";
        let mut reader = BufReader::with_capacity(1 << 17, file);
        let head = io::BufRead::fill_buf(&mut reader).map_err(failed("read"))?;
        if whole && !compression::is_compressed(head) {
            return Ok(Self { name, limits, file: reader.into_inner() });
        }
        let mut content = compression::reader(reader).map_err(|fault| fault.in_place(&name))?;
        let mut spooled = tempfile::tempfile().map_err(ImageError::spool("open", &std::env::temp_dir()))?;
        // An archive has headers beside the contents.
        let most = limits.total.saturating_add(limits.total / 8).saturating_add(1 << 30);
        let mut bounded = (&mut content).take(most);
        io::copy(&mut bounded, &mut spooled).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ImageError::broken(&name, "it ends in the middle: it was cut off"),
            _ => failed("read")(error),
        })?;
        if bounded.limit() == 0 {
            let reason = format!("it has more bytes than --max-size allows ({})", limits.total);
            return Err(ImageError::limit(&name, reason, "name a larger --max-size if the image should be so large"));
        }
        Ok(Self { name, limits, file: spooled })
    }

    /// The whole file, from its beginning.
    pub(super) fn whole(&self) -> Result<&File, ImageError> {
        self.from(0)
    }

    /// The file, from `offset` on.
    pub(super) fn from(&self, offset: u64) -> Result<&File, ImageError> {
        (&self.file).seek(SeekFrom::Start(offset)).map(|_| &self.file).map_err(|error| ImageError::Io {
            path: self.name.clone(),
            operation: "lseek",
            error,
            fix: "give a file that can be read again, or - for standard input",
        })
    }
}
