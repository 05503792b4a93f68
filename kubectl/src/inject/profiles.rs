//! The profiles of `inject`: their names on this machine and in the container.

use std::path::Path;

use crate::failure::Failure;

/// The profiles of the command line.
pub(crate) struct Profiles {
    /// Their names or paths on this machine.
    pub(crate) here: Vec<String>,
    /// Their names or paths in the container.
    pub(crate) there: Vec<String>,
}

impl Profiles {
    /// From `NAME` or `FILE=PATH`.
    pub(crate) fn new(arguments: &[String]) -> Result<Self, Failure> {
        let mut profiles = Self { here: Vec::new(), there: Vec::new() };
        for argument in arguments {
            let (here, there) = argument.split_once('=').unwrap_or((argument, argument));
            let is_file =
                here.contains('/') || Path::new(here).extension().is_some_and(|extension| extension == "toml");
            if is_file && (here == there || !there.starts_with('/')) {
                let name = Path::new(here).file_name().unwrap_or_default().to_string_lossy();
                return Err(Failure::usage(
                    format!("--profile {argument}: a file of this machine is not in the container"),
                    format!("mount it there from a ConfigMap, and say where: --profile {here}=/site/{name}"),
                ));
            }
            if !is_file && here != there {
                return Err(Failure::usage(
                    format!("--profile {argument}: {here} is built in"),
                    format!("--profile {here}"),
                ));
            }
            profiles.here.push(here.to_owned());
            profiles.there.push(there.to_owned());
        }
        Ok(profiles)
    }

    /// Those that are files in the container.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.there.iter().map(String::as_str).filter(|profile| profile.starts_with('/'))
    }
}
