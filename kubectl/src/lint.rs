//! `kubectl lithify lint` reports the parts of a manifest that a profile would break, before the manifest is applied.

mod accepted;
mod mounts;
mod probes;
mod security;
mod users;

use crate::checks::{self, digest};
use crate::cli::{Lint, Mode};
use crate::command_line::removed::Removed;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::manifest::finding::{self, Finding, Severity};
use crate::manifest::workload::{check_names, left_alone, workloads};
use crate::output::print;
use lithify::profile::{Profile, load};
use lithify::report::Exit;

/// Runs the subcommand.
pub(crate) fn run(options: &Lint) -> Result<Exit, Failure> {
    // As in `inject`, a profile may be `FILE=PATH`.
    let names = options.profiles.iter().map(|name| name.split_once('=').map_or(name.as_str(), |(here, _)| here));
    let profile = load(names)?;
    let manifest = Manifest::read(&options.file)?;
    let (findings, count) = manifest_findings(&manifest, &profile, options)?;
    let problems = findings.iter().filter(|finding| finding.severity != Severity::Note).count();
    let summary = match (count, problems) {
        (0, _) => "no workload in it".to_owned(),
        (_, 0) => "no findings".to_owned(),
        (_, 1) => "1 finding".to_owned(),
        (_, many) => format!("{many} findings"),
    };
    let text = format!("{}kubectl-lithify lint {}: {summary}\n", finding::print(&manifest, &findings), manifest.file);
    print(&text)?;
    Ok(if problems == 0 { Exit::Ok } else { Exit::Finding })
}

/// The findings and the number of workloads.
fn manifest_findings(manifest: &Manifest, profile: &Profile, options: &Lint) -> Result<(Vec<Finding>, usize), Failure> {
    let removed = Removed::new(profile);
    let short = digest::of_profile(profile);
    let only = &options.containers;
    let workloads = workloads(&manifest.documents, &options.pod_at);
    check_names(manifest, &workloads, only)?;
    let mut findings = left_alone(&manifest.documents, &options.pod_at);
    for workload in &workloads {
        findings.extend(checks::volumes(workload));
        findings.extend(mounts::delivery(workload));
        findings.extend(accepted::accepted(workload));
        findings.extend(users::host_users(workload));
        for container in workload.chosen(only) {
            let mode = checks::mode(workload, &container);
            findings.extend(checks::handlers(&container, mode, &removed));
            findings.extend(checks::app(&container, mode, &removed));
            findings.extend(probes::ours(&container));
            findings.extend(checks::ends(workload, &container).filter(|_| mode == Some(Mode::Probe)));
            findings.extend(digest::digests(workload, &container, &short));
            findings.extend(security::security(&container, mode, profile));
            findings.extend(mounts::writable(&container, profile));
            findings.extend(mounts::noexec(&container, profile));
        }
    }
    Ok((findings, workloads.len()))
}
