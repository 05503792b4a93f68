//! A kubectl of the test's own plays the cluster.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The directory in which it is, and works.
pub struct Kubectl(tempfile::TempDir);

impl Kubectl {
    /// Writes down what it is told, then runs the script. The script finds these files beside it.
    pub fn new(script: &str, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, content) in files {
            fs::write(at(name), content).unwrap();
        }
        let here = directory.path().display();
        fs::write(at("kubectl"), format!("#!/bin/sh\ncd {here}\nprintf '%s\\n' \"$*\" >>told\n{script}\n")).unwrap();
        fs::set_permissions(at("kubectl"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(directory)
    }

    /// The command that finds this kubectl.
    pub fn of<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()))
    }

    /// What it was told, one call a line.
    pub fn told(&self) -> String {
        self.read("told")
    }

    /// A file that the script has written; empty where it has not.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }
}
