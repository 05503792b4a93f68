//! Makes what a release holds besides the binaries, in the directory where these are: man pages and completions, a bill of
//! materials for each binary, the image for both architectures, Debian packages, krew's manifest, and the sums of all.
//!
//! Only `release/dist.sh` calls it. The same binaries, sources and commit give the same bytes: every time is that of the
//! commit, every list is sorted, and no file says where or when it was made.

// A `Value` that has no such key is null; nothing else is indexed.
#![allow(clippy::indexing_slicing)]

mod archive;
mod bom;
mod debian;
mod image;
mod krew;
mod share;
mod sums;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use serde_json::Value;

/// What goes wrong ends the run: nobody but whoever makes a release sees it.
type Failure = Box<dyn std::error::Error>;

/// The two architectures: as Rust, as images and as Debian call them.
pub(crate) const ARCHITECTURES: [Architecture; 2] = [
    Architecture { name: "x86_64", target: "x86_64-unknown-linux-musl", debian: "amd64" },
    Architecture { name: "aarch64", target: "aarch64-unknown-linux-musl", debian: "arm64" },
];

/// One of them.
pub(crate) struct Architecture {
    name: &'static str,
    target: &'static str,
    /// Also the name in an image's platform.
    debian: &'static str,
}

/// The binaries of each architecture.
pub(crate) const PROGRAMS: [&str; 2] = ["lithify", "kubectl-lithify"];

/// What everything is made of.
pub(crate) struct Release {
    /// The repository's top directory.
    project: PathBuf,
    /// Where the binaries are, and everything else goes.
    dist: PathBuf,
    /// Cargo's graphs of what it builds, `PROGRAM-ARCHITECTURE.json`.
    graphs: PathBuf,
    version: String,
    /// Where the sources are, as a URL.
    source: String,
    description: String,
    license: String,
    /// The image's name, without a tag.
    image: String,
    /// The commit.
    revision: String,
    /// The commit's time, in seconds since 1970: that of every file.
    time: u64,
}

impl Release {
    fn new(dist: PathBuf, graphs: PathBuf) -> Result<Self, Failure> {
        let project = PathBuf::from(".");
        let manifest: toml::Table = fs::read_to_string(project.join("Cargo.toml"))?.parse()?;
        let manifest = serde_json::to_value(manifest)?;
        let text = |pointer: &str| -> Result<String, Failure> {
            let value = manifest.pointer(pointer).and_then(Value::as_str);
            Ok(value.ok_or_else(|| format!("Cargo.toml has no {pointer}"))?.to_owned())
        };
        Ok(Self {
            version: text("/workspace/package/version")?,
            source: text("/workspace/package/repository")?,
            description: text("/package/description")?,
            license: text("/workspace/package/license")?,
            image: text("/workspace/metadata/release/image")?,
            revision: env::var("REVISION")?,
            time: env::var("SOURCE_DATE_EPOCH")?.parse()?,
            project,
            dist,
            graphs,
        })
    }

    /// The path of a program, and its name in the release.
    fn program(&self, program: &str, architecture: &Architecture) -> (PathBuf, String) {
        let name = format!("{program}-{}-linux", architecture.name);
        (self.dist.join(&name), name)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.project.join(path))
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
        fs::write(self.dist.join(name), content)
    }

    /// Both licences, and their names.
    fn licenses(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        ["LICENSE-APACHE", "LICENSE-MIT"].iter().map(|name| Ok(((*name).to_owned(), self.read(name)?))).collect()
    }
}

fn make(dist: &str, graphs: &str) -> Result<(), Failure> {
    let release = Release::new(dist.into(), graphs.into())?;
    let share = share::files();
    release.write("lithify-share.tar.gz", archive::gzip(&archive::tar(&share, release.time)?)?)?;
    for architecture in &ARCHITECTURES {
        for program in PROGRAMS {
            let bom = bom::bom(&release, program, architecture)?;
            release.write(&format!("{}.cdx.json", release.program(program, architecture).1), bom)?;
        }
        debian::package(&release, architecture, &share)?;
    }
    image::layout(&release)?;
    krew::manifest(&release)?;
    sums::write(&release)?;
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [dist, graphs] => make(dist, graphs),
        _ => Err("usage: lithify-release DIST GRAPHS; release/dist.sh calls it".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lithify-release: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `sha256:` is not in front of it.
pub(crate) fn sha256(content: &[u8]) -> String {
    use sha2::Digest as _;
    let digits = |byte: &u8| format!("{byte:02x}");
    sha2::Sha256::digest(content).iter().map(digits).collect()
}

/// The files of a directory, sorted by name.
pub(crate) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.sort();
    Ok(names)
}
