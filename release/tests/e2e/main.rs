//! What a release holds is what it should be, and what people are told to check does check. The programs are stand-ins: the
//! static binary of this machine four times. `just dist` makes the real ones, and `just reproducible` compares them.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod action;
mod files;
mod image;
mod materials;
mod publish;
mod workflows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What tests/release/tools.sh gets.
pub fn tool(name: &str) -> PathBuf {
    let path = project().join("target/release-tools").join(name);
    assert!(path.is_file(), "{} is not there: run tests/release/tools.sh first", path.display());
    path
}

/// What a command prints on both, and whether it ended well.
pub fn output(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// What it prints, if it ends well.
#[track_caller]
pub fn succeeds(command: &mut Command) -> String {
    let (succeeded, text) = output(command);
    assert!(succeeded, "{command:?}:\n{text}");
    text
}

/// The static binary of this machine.
pub fn lithify() -> PathBuf {
    let default = project().join("target/x86_64-unknown-linux-musl/release/lithify");
    let path = std::env::var_os("LITHIFY_BIN").map_or(default, PathBuf::from);
    assert!(path.is_file(), "{} is not there: run `just build` first", path.display());
    path
}

/// A release in a directory of its own.
pub struct Release {
    directory: tempfile::TempDir,
}

impl Release {
    pub fn made() -> Self {
        Self::by(|_| {})
    }

    /// One that is made by somebody with other settings.
    pub fn by(settings: impl FnOnce(&mut Command)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let programs = directory.path().join("programs");
        fs::create_dir(&programs).unwrap();
        for architecture in ["x86_64", "aarch64"] {
            for program in ["lithify", "kubectl-lithify"] {
                fs::copy(lithify(), programs.join(format!("{program}-{architecture}-linux"))).unwrap();
            }
        }
        succeeds(Command::new("cp").arg("-r").arg(project().join("target/release-tools/graphs")).arg(&programs));
        let mut command = Command::new(project().join("release/dist.sh"));
        command.arg(directory.path().join("dist"));
        command.env("LITHIFY_PROGRAMS", programs).env("LITHIFY_MAKER", env!("CARGO_BIN_EXE_lithify-release"));
        settings(&mut command);
        succeeds(&mut command);
        Self { directory }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("dist")
    }

    /// For what a test makes itself.
    pub fn work(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A directory of stand-ins for programs that need the network: each writes how it was called to a file, and says so.
    pub fn stand_ins(&self, programs: &[(&str, &str)]) -> StandIns {
        let directory = self.work("bin");
        let log = self.directory.path().join("called");
        fs::write(&log, "").unwrap();
        for (name, script) in programs {
            let text = format!("#!/bin/sh\necho \"{name} $*\" >>'{}'\n{script}\n", log.display());
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            succeeds(Command::new("chmod").arg("755").arg(path));
        }
        StandIns { directory, log }
    }
}

pub struct StandIns {
    directory: PathBuf,
    log: PathBuf,
}

impl StandIns {
    pub fn path(&self) -> String {
        format!("{}:{}", self.directory.display(), std::env::var("PATH").unwrap())
    }

    pub fn called(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}
