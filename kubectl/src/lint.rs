//! `kubectl lithify lint` reports the parts of a manifest that a profile would break, before the manifest is applied.

mod accepted;
mod mounts;
mod probes;
mod sarif;
mod security;
mod users;

use crate::checks::{self, digest};
use crate::cli::{Delivery, Lint, Mode};
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
    let (findings, Looked { workloads, hardened }) = manifest_findings(&manifest, &profile, options)?;
    let problems = findings.iter().filter(|(_, finding)| finding.severity != Severity::Note).count();
    let summary = match (workloads, problems) {
        (0, _) => "no workload in it".to_owned(),
        (_, 0) if hardened == 0 => {
            "no findings; no container in it is hardened by a probe, run or stage yet".to_owned()
        }
        (_, 0) => "no findings".to_owned(),
        (_, 1) => "1 finding".to_owned(),
        (_, many) => format!("{many} findings"),
    };
    if options.sarif {
        let file = if options.file == "-" { "stdin" } else { &options.file };
        print(&sarif::log(&manifest, file, &findings))?;
    } else {
        let findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
        let text = finding::print(&manifest, &findings);
        print(&format!("{text}kubectl-lithify lint {}: {summary}\n", manifest.file))?;
    }
    Ok(if problems == 0 { Exit::Ok } else { Exit::Finding })
}

/// A finding, with the name of what `lint` looked at.
type Ruled = (&'static str, Finding);

/// How much there was to look at: workloads, and containers that something in the manifest hardens.
struct Looked {
    workloads: usize,
    hardened: usize,
}

fn manifest_findings(manifest: &Manifest, profile: &Profile, options: &Lint) -> Result<(Vec<Ruled>, Looked), Failure> {
    let removed = Removed::new(profile);
    let short = digest::of_profile(profile);
    let only = &options.containers;
    let workloads = workloads(&manifest.documents, &options.pod_at);
    check_names(manifest, &workloads, only)?;
    let (mut findings, mut hardened) = (Vec::new(), 0);
    let mut add = |rule, found: Vec<Finding>| findings.extend(found.into_iter().map(|finding| (rule, finding)));
    add("lint.kinds", left_alone(&manifest.documents, &options.pod_at));
    for workload in &workloads {
        let delivery = checks::delivery(workload).unwrap_or(Delivery::InitContainer);
        add("lint.volumes", checks::volumes(workload));
        add("lint.delivery", mounts::delivery(workload));
        add("lint.accepted", accepted::accepted(workload));
        add("lint.users", users::host_users(workload).into_iter().collect());
        for container in workload.chosen(only) {
            let mode = checks::mode(workload, &container);
            hardened += usize::from(mode.is_some());
            add("lint.handlers", checks::handlers(&container, mode, &removed, delivery));
            add("lint.command", checks::app(&container, mode, &removed).into_iter().collect());
            add("lint.probes", probes::ours(&container));
            let ends = checks::ends(workload, &container).filter(|_| mode == Some(Mode::Probe));
            add("lint.ends", ends.into_iter().collect());
            add("lint.digest", digest::digests(workload, &container, &short));
            add("lint.security", security::security(&container, mode, profile));
            add("lint.writable", mounts::writable(&container, profile));
            add("lint.noexec", mounts::noexec(&container, profile));
        }
    }
    Ok((findings, Looked { workloads: workloads.len(), hardened }))
}
