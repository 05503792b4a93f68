//! `lithify probe`: health checks without a shell, `curl` or `nc`.

use std::path::Path;

use super::output::Output;
use crate::cli::{Probe, ProbeTarget};
use crate::probe::{ProbeError, Target, TargetError};
use crate::report::{CommandError, Exit};
use crate::root::Root;
use crate::text::json_line::json_line;

#[derive(serde::Serialize)]
struct Done<'a> {
    schema: u32,
    command: &'static str,
    version: &'static str,
    exit_code: u8,
    target: String,
    notes: &'a [String],
}

pub(super) fn probe(options: &Probe, output: &Output) -> Exit {
    let target = match target(&options.target) {
        Ok(target) => target,
        Err(error) => return output.error("probe", Exit::Usage, &error.to_string(), None),
    };
    let root = match Root::open(Path::new("/")) {
        Ok(root) => root,
        Err(error) => return output.error("probe", Exit::Usage, &CommandError::Root(error).to_string(), None),
    };
    match target.probe(&root, options.timeout) {
        Ok(()) => {
            let exit_code = Exit::Ok.code();
            output.success("probe", &format!("lithify probe: {target} answers\n"), &|notes| {
                json_line(&Done {
                    schema: 1,
                    command: "probe",
                    version: env!("CARGO_PKG_VERSION"),
                    exit_code,
                    target: target.to_string(),
                    notes,
                })
            })
        }
        Err(error) => output.error("probe", Exit::Finding, &format!("{target}: {error}"), hint(&error)),
    }
}

fn target(target: &ProbeTarget) -> Result<Target, TargetError> {
    match target {
        ProbeTarget::Tcp(tcp) => Target::tcp(&tcp.address),
        ProbeTarget::Http(http) => Target::http(&http.url),
        ProbeTarget::File(file) => Target::file(&file.path),
    }
}

fn hint(error: &ProbeError) -> Option<&'static str> {
    match error {
        ProbeError::UnknownHost(_) => {
            Some("in a pod its own containers answer at 127.0.0.1; hostAliases adds names to /etc/hosts")
        }
        _ => None,
    }
}
