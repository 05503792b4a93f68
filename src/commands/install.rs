//! `lithify install`: copy this program into a volume.

use std::path::Path;

use super::output::Output;
use crate::escape::escape;
use crate::install::{Installed, NAME, install as copy};
use crate::report::{Exit, json_line};

#[derive(serde::Serialize)]
struct Done {
    schema: u32,
    command: &'static str,
    exit: u8,
    path: String,
    changed: bool,
}

pub(super) fn install(directory: &Path, output: &Output) -> Exit {
    let path = escape(directory.join(NAME).as_os_str().as_encoded_bytes());
    match copy(directory) {
        Ok(installed) => {
            let detail = match installed {
                Installed::New(size) => format!("installed, {size} bytes"),
                Installed::Same => "the same is there already".to_owned(),
            };
            output.plain(&if output.is_json() {
                let changed = installed != Installed::Same;
                json_line(&Done { schema: 1, command: "install", exit: 0, path, changed })
            } else {
                format!("lithify install {path}: {detail}\n")
            });
            Exit::Ok
        }
        Err(error) => output.error("install", Exit::Finding, &error.to_string(), Some(error.hint())),
    }
}
