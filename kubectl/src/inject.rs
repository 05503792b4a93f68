//! `kubectl lithify inject` changes a manifest so that its pods harden themselves. It writes nothing unless it can make
//! every change.

pub(crate) mod auto;
mod bind_mount_options;
mod command;
mod deliverable;
mod delivery;
mod diff;
mod options;
mod pod;
mod probe;
mod profiles;
mod resources;
mod run;
mod sealed;
mod stage;
mod stage_dirs;
mod startup;

use std::io::Write;
use std::path::Path;

use crate::checks;
use crate::checks::{digest, inscribed};
use crate::cli::{Inject, Mode, ResultTo};
use crate::command_line::removed::Removed;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::manifest::finding::{self, Finding, Severity};
use crate::manifest::workload::{Container, check_names, left_alone, workloads};
use crate::names::VOLUME;
use crate::output::{print, say};
use crate::yaml::{self, Changed, Changes, Edit};
use lithify::profile::load;
use lithify::report::Exit;
use pod::{Additions, Pod};
use profiles::Profiles;

/// A manifest with lithify in it.
pub(crate) struct Injected {
    pub(crate) text: String,
    edits: Vec<Edit>,
    notes: Vec<Finding>,
    workloads: usize,
}

impl Injected {
    /// Remarks on the manifest.
    pub(crate) fn notes(&self) -> &[Finding] {
        &self.notes
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Inject) -> Result<Exit, Failure> {
    if options.result == ResultTo::File && options.file == "-" {
        return Err(Failure::usage(
            "--in-place changes a file, and standard input is none",
            "leave it out: the result goes to standard output",
        ));
    }
    let manifest_file = Manifest::read(&options.file)?;
    let decided = deliverable::decide(options);
    let options = decided.as_ref().unwrap_or(options);
    let injected = manifest(&manifest_file, options)?;
    say(&finding::print(&manifest_file, &injected.notes));
    if injected.workloads == 0 {
        say(&format!("note: {} describes no pods: it stays as it is\n", manifest_file.file));
    }
    match options.result {
        ResultTo::Comparison => {
            print(&diff::unified(&manifest_file.file, &manifest_file.text, &injected.edits))?;
        }
        ResultTo::File if injected.text != manifest_file.text => {
            replace(Path::new(&options.file), &injected.text)
                .map_err(|error| Failure::Manifest(format!("{}: cannot be written: {error}\n  fix: nothing was changed; leave out --in-place and redirect the output", manifest_file.file)))?;
        }
        ResultTo::File => {}
        ResultTo::Output => print(&injected.text)?,
    }
    Ok(Exit::Ok)
}

/// Replaces a file whole or not at all. The file keeps its mode.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // A symbolic link stays one.
    let path = std::fs::canonicalize(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".lithify-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let written = std::fs::File::create_new(&beside).and_then(|mut file| {
        file.set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&beside, &path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })
}

/// Makes the manifest with lithify of a manifest. Reads profiles and writes nothing.
pub(crate) fn manifest(manifest: &Manifest, options: &Inject) -> Result<Injected, Failure> {
    let profiles = Profiles::new(&options.profiles)?;
    let profile = load(profiles.here.iter().map(String::as_str))?;
    options::check(options)?;
    let short = digest::of_profile(&profile);
    let removed = Removed::new(&profile);
    let workloads = workloads(&manifest.documents, &options.pod_at);
    check_names(manifest, &workloads, &options.containers)?;
    sealed::check(&workloads, options)?;
    // The first round finds the calls that the finished pod makes; the second inscribes them.
    let mut calls = Vec::new();
    let (findings, Changed { text, edits, documents }) = loop {
        let mut changes: Vec<Changes> = manifest.documents.iter().map(|_| Changes::default()).collect();
        let mut findings = Vec::new();
        for (index, workload) in workloads.iter().enumerate() {
            let chosen = workload.chosen(&options.containers);
            let Some(changes) = changes.get_mut(workload.document).filter(|_| !chosen.is_empty()) else { continue };
            let calls = calls.get(index);
            let mut pod = Pod {
                options,
                profiles: &profiles,
                removed: &removed,
                workload,
                delivery: delivery::choose(workload, options),
                mode: options.mode.unwrap_or(Mode::Probe),
                calls,
                changes,
                findings: &mut findings,
            };
            command::keep(&mut pod, &chosen);
            inject(&mut pod, &chosen);
            sealed::annotate(&mut pod, &chosen, &short);
            findings.extend(checks::volumes(workload));
        }
        refuse(manifest, &findings, options)?;
        let result = yaml::apply(&manifest.text, &manifest.documents, &changes).map_err(|error| {
            Failure::Refused(format!(
                "refused, and nothing was changed:\n{}",
                manifest.point(
                    error.range,
                    &error.message,
                    "expand the anchors, or put lithify there by hand: see docs/kubectl.md"
                )
            ))
        })?;
        if !calls.is_empty() || workloads.is_empty() {
            break (findings, result);
        }
        calls = self::workloads(&result.documents, &options.pod_at)
            .iter()
            .map(|workload| inscribed::calls(workload, VOLUME))
            .collect();
    };
    // Some findings come only with the result, such as a mount of a volume that nothing filled before.
    let file = format!("{}, with lithify in it", manifest.file);
    let result = Manifest { file, text, documents };
    let after: Vec<Finding> = self::workloads(&result.documents, &options.pod_at)
        .iter()
        .filter(|workload| !workload.chosen(&options.containers).is_empty())
        .flat_map(checks::volumes)
        .collect();
    refuse(&result, &after, options)?;
    let mut findings = findings;
    findings.extend(left_alone(&manifest.documents, &options.pod_at));
    Ok(Injected { edits, notes: findings, workloads: workloads.len(), text: result.text })
}

/// What `advise` says of one container.
pub(crate) struct Advice {
    pub(crate) workload: String,
    pub(crate) container: String,
    /// `None` where no mode fits.
    pub(crate) mode: Option<Mode>,
    pub(crate) why: String,
}

/// The mode of each container of a manifest.
pub(crate) fn advise(manifest: &Manifest, options: &Inject) -> Result<Vec<Advice>, Failure> {
    let profiles = Profiles::new(&options.profiles)?;
    let profile = load(profiles.here.iter().map(String::as_str))?;
    let removed = Removed::new(&profile);
    let workloads = workloads(&manifest.documents, &options.pod_at);
    check_names(manifest, &workloads, &options.containers)?;
    let mut advice = Vec::new();
    for workload in &workloads {
        for container in workload.chosen(&options.containers) {
            let (mut changes, mut findings) = (Changes::default(), Vec::new());
            let pod = Pod {
                options,
                profiles: &profiles,
                removed: &removed,
                workload,
                delivery: delivery::choose(workload, options),
                mode: Mode::Probe,
                calls: None,
                changes: &mut changes,
                findings: &mut findings,
            };
            let choice = auto::choose(&pod, &container);
            advice.push(Advice {
                workload: workload.title.clone(),
                container: lithify::text::escape::escape(container.name.as_bytes()),
                mode: choice.mode,
                why: choice.why(&container),
            });
        }
    }
    Ok(advice)
}

/// Puts into the changes what the chosen containers need, and into the findings what forbids it.
fn inject(pod: &mut Pod<'_>, chosen: &[Container<'_>]) {
    let mut new = Additions::default();
    delivery::deliver(pod, chosen, &mut new);
    for container in chosen {
        if let Some(mode) = pod.options.mode {
            pod.mode = mode;
        } else if !choose(pod, container) {
            continue;
        }
        let mode = pod.mode;
        if let Some(other) = checks::mode(pod.workload, container).filter(|known| *known != mode) {
            let message = format!("{} has lithify in mode {} already", container.title, other.name());
            let fix = format!("inject into the manifest as it was before, or use --mode {}", other.name());
            pod.refuse(container, message, fix);
            continue;
        }
        harden(pod, container, &mut new);
    }
    let (spec, path) = (pod.workload.spec, pod.workload.path.clone());
    pod.append(spec, &path, "initContainers", Some("containers"), new.init_containers);
    pod.append(spec, &path, "volumes", None, new.volumes);
}

/// Makes the container one that is hardened in the pod's mode.
fn harden(pod: &mut Pod<'_>, container: &Container<'_>, new: &mut Additions) {
    let mode = pod.mode;
    pod.findings.extend(checks::handlers(container, Some(mode), pod.removed, pod.delivery));
    pod.findings.extend(checks::app(container, Some(mode), pod.removed));
    delivery::check_profile_mounts(pod, container);
    let mut mounts = delivery::mount_program(pod, container);
    match mode {
        Mode::Probe => probe::probe(pod, container),
        Mode::Run => run::run(pod, container),
        Mode::Stage => stage::stage(pod, container, new, &mut mounts),
    }
    if pod.options.harden_volumes {
        bind_mount_options::harden(pod, container);
    }
    pod.append(container.node, &container.path, "volumeMounts", None, mounts);
}

/// Chooses the mode by the container and says it. Returns `false`, with the findings, where none fits.
fn choose(pod: &mut Pod<'_>, container: &Container<'_>) -> bool {
    let choice = auto::choose(pod, container);
    let Some(mode) = choice.mode else {
        // Nobody has named a mode that --force could go on with.
        let hindered = choice.hindered.into_iter();
        pod.findings.extend(hindered.map(|(_, finding)| Finding { severity: Severity::Refused, ..finding }));
        return false;
    };
    pod.mode = mode;
    if !choice.is_there {
        let message = format!("{}: --mode auto is {}: {}", container.title, mode.name(), choice.why(container));
        pod.find(Severity::Note, &container.place(), message, "kubectl lithify advise says it of each container");
    }
    true
}

/// Fails if a finding forbids the change.
fn refuse(manifest: &Manifest, findings: &[Finding], options: &Inject) -> Result<(), Failure> {
    let refused = |finding: &&Finding| match finding.severity {
        Severity::Refused => true,
        Severity::Breaks => !options.force,
        Severity::Note => false,
    };
    let mut refused: Vec<Finding> = findings.iter().filter(refused).cloned().collect();
    if refused.is_empty() {
        return Ok(());
    }
    refused.sort_by_key(|finding| finding.range.start);
    let forced = refused.iter().all(|finding| finding.severity == Severity::Breaks);
    let hint = if forced { "; --force does it all the same" } else { "" };
    Err(Failure::Refused(format!(
        "refused, and nothing was changed{hint}:\n{}",
        finding::print(manifest, &refused).trim_end()
    )))
}
