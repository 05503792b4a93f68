//! `lithify install`: copy this program into a volume.

use std::path::Path;

use super::output::Output;
use crate::escape::escape;
use crate::install::{Installed, NAME, install as copy};
use crate::report::{Exit, json_line};

#[derive(serde::Serialize)]
struct Done<'a> {
    schema: u32,
    command: &'static str,
    version: &'static str,
    exit_code: u8,
    path: &'a str,
    changed: bool,
}

pub(super) fn install(directory: &Path, output: &Output) -> Exit {
    let path = &escape(directory.join(NAME).as_os_str().as_encoded_bytes());
    match copy(directory) {
        Ok(installed) => {
            let detail = match installed {
                Installed::New(size) => format!("installed, {size} bytes"),
                Installed::Same => "the same is there already".to_owned(),
            };
            output.success("install", &format!("lithify install {path}: {detail}\n"), || {
                let (version, changed) = (env!("CARGO_PKG_VERSION"), installed != Installed::Same);
                json_line(&Done { schema: 1, command: "install", version, exit_code: 0, path, changed })
            })
        }
        Err(error) => output.error("install", Exit::Finding, &error.to_string(), Some(error.hint())),
    }
}
