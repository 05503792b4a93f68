//! Archives that are the same wherever and whenever they are made.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// A file of an archive. Everything belongs to root.
pub(crate) struct File {
    /// Relative, with `/`.
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) content: Vec<u8>,
}

/// A tar archive of these files, sorted by path, with the directories that they lie in; every time is `time`.
pub(crate) fn tar(files: &[File], time: u64) -> io::Result<Vec<u8>> {
    let mut files: Vec<&File> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut directories = BTreeSet::new();
    for file in &files {
        let above = file.path.match_indices('/').map(|(at, _)| file.path.get(..=at).unwrap_or_default());
        directories.extend(above);
    }
    let mut archive = Builder::new(Vec::new());
    for directory in directories {
        archive.append_data(&mut header(EntryType::Directory, 0o755, 0, time), directory, io::empty())?;
    }
    for file in files {
        let mut header = header(EntryType::Regular, file.mode, file.content.len() as u64, time);
        archive.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    archive.into_inner()
}

fn header(kind: EntryType, mode: u32, size: u64, time: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Compressed, without a name or a time.
pub(crate) fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    writer.write_all(content)?;
    writer.finish()
}

/// An ar archive, as Debian packages are: names of at most 15 bytes, everything root's.
pub(crate) fn ar(members: &[(&str, Vec<u8>)], time: u64) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        archive.extend(format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", content.len()).bytes());
        archive.extend(content);
        if content.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}
