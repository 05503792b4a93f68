//! A workload: its manifest, with `lithify learn --for S -- CMD` as the command, delivered as `inject` does it.

use std::time::{Duration, Instant};

use super::log;
use crate::checks;
use crate::cli::{Inject, Learn, Mode};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::inject;
use crate::manifest::Manifest;
use crate::manifest::finding;
use crate::manifest::workload::{Workload, workloads};
use crate::output::{print, say};

/// How long the new pod may take to start.
const STARTING: Duration = Duration::from_secs(300);

/// Prints the manifest, or with `--apply` applies it and returns the profile.
pub(super) fn learn(options: &Learn, file: &str) -> Result<Option<String>, Failure> {
    let manifest = Manifest::read(file)?;
    let before = workloads(&manifest.documents, &[]);
    if before.is_empty() {
        return Err(Failure::usage(
            format!("{} describes no pods, so there is nothing to learn", manifest.file),
            "give the manifest of a Deployment, StatefulSet, DaemonSet, Job or Pod",
        ));
    }
    let chosen: Vec<String> = options.container.iter().cloned().collect();
    for workload in &before {
        for container in workload.chosen(&chosen) {
            if checks::mode(workload, &container).is_some() {
                return Err(Failure::Refused(manifest.point(
                    container.place(),
                    &format!("{} is hardened by lithify: what is gone from it cannot be learned", container.title),
                    "give the manifest as it was before inject",
                )));
            }
        }
    }
    let injected = inject::manifest(&manifest, &as_inject(options, file, chosen))?;
    say(&finding::print(&manifest, injected.notes()));
    let what = match before.as_slice() {
        [workload] => address(workload),
        _ => None,
    };
    if !options.apply {
        print(&injected.text)?;
        say(&format!(
            "note: apply it, use the app, wait {} s, then: {} logs {} | kubectl lithify learn --logs -\n",
            options.time.as_secs(),
            Cluster::new(options.context.as_ref(), options.namespace.as_ref()).shown(),
            what.as_deref().unwrap_or("POD"),
        ));
        return Ok(None);
    }
    let Some(what) = what else {
        return Err(Failure::usage(
            format!("{}: --apply learns one Deployment, StatefulSet, DaemonSet or Pod", manifest.file),
            "give a file with one of these, or apply what is printed without --apply",
        ));
    };
    let cluster = Cluster::new(options.context.as_ref(), options.namespace.as_ref());
    say(&cluster.run_with(&["apply", "-f", "-"], Some(&injected.text))?);
    let timeout = format!("--timeout={}s", STARTING.as_secs());
    if what.starts_with("pod/") {
        cluster.run(&["wait", "--for=condition=Ready", &timeout, &what])?;
    } else {
        cluster.run(&["rollout", "status", &what, &timeout])?;
    }
    let mut logs = vec!["logs", what.as_str()];
    logs.extend(options.container.iter().flat_map(|name| ["-c", name.as_str()]));
    let deadline = Instant::now() + options.time + STARTING;
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let text = cluster.run(&logs)?;
        if log::is_done(&text) {
            say(&log::said(&text));
            say("note: the app runs on under lithify learn; apply your own manifest, or what inject makes of it\n");
            return log::profile(&text).map(Some);
        }
        if Instant::now() > deadline {
            return Err(Failure::Manifest(format!("{what} has written no profile\n  fix: see kubectl logs {what}")));
        }
    }
}

/// What `inject` would be told.
fn as_inject(options: &Learn, file: &str, containers: Vec<String>) -> Inject {
    Inject {
        learns_for: Some(options.time),
        image: options.image.clone(),
        containers,
        command: options.command.clone(),
        ..Inject::new(file.to_owned(), Some(Mode::Run))
    }
}

/// How kubectl calls the workload.
fn address(workload: &Workload<'_>) -> Option<String> {
    let kind = match workload.kind {
        kind @ ("Pod" | "Deployment" | "StatefulSet" | "DaemonSet") => kind.to_ascii_lowercase(),
        _ => return None,
    };
    Some(format!("{kind}/{}", workload.title.split_once(' ')?.1))
}
