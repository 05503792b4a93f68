//! `kubectl lithify inject`: what a manifest needs so that its pods harden themselves, put where it belongs. Nothing is
//! written unless all of it can be.

mod delivery;
mod pod;
mod probe;
mod run;
mod stage;
mod startup;

use std::io::Write;
use std::path::Path;

use super::checks;
use super::cli::{DEFAULT_IMAGE, Inject, Mode};
use super::diff;
use super::finding::{self, Finding, Weight};
use super::inscribed;
use super::manifest::Manifest;
use super::removed::Removed;
use super::workload::{check_names, workloads};
use super::yaml::{self, Changed, Changes, Edit};
use super::{Failure, NAME, print, say};
use lithify::profile::load;
use lithify::report::Exit;
use pod::Pod;

/// A manifest with lithify in it.
pub(super) struct Injected {
    pub(super) text: String,
    edits: Vec<Edit>,
    notes: Vec<Finding>,
    workloads: usize,
}

/// The profiles as they are called here, and as the container will call them.
pub(super) struct Profiles {
    here: Vec<String>,
    there: Vec<String>,
}

impl Profiles {
    fn new(arguments: &[String]) -> Result<Self, Failure> {
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
    fn files(&self) -> impl Iterator<Item = &str> {
        self.there.iter().map(String::as_str).filter(|profile| profile.starts_with('/'))
    }
}

/// The whole command.
pub(super) fn run(options: &Inject) -> Result<Exit, Failure> {
    if options.in_place && options.file == "-" {
        return Err(Failure::usage(
            "--in-place changes a file, and standard input is none",
            "leave it out: the result goes to standard output",
        ));
    }
    let manifest_file = Manifest::read(&options.file)?;
    let injected = manifest(&manifest_file, options)?;
    say(&finding::print(&manifest_file, &injected.notes));
    if injected.workloads == 0 {
        say(&format!("note: {} describes no pods: it stays as it is\n", manifest_file.file));
    }
    if options.image.is_none() && injected.text.contains(DEFAULT_IMAGE) && !manifest_file.text.contains(DEFAULT_IMAGE) {
        say(&format!("note: the image is {DEFAULT_IMAGE}, a placeholder: name yours with --image\n"));
    }
    if options.dry_run {
        print(&diff::unified(&manifest_file.file, &manifest_file.text, &injected.edits))?;
    } else if options.in_place {
        if injected.text != manifest_file.text {
            replace(Path::new(&options.file), &injected.text)
                .map_err(|error| Failure::Manifest(format!("{}: cannot be written: {error}\n  fix: nothing was changed; leave out --in-place and redirect the output", manifest_file.file)))?;
        }
    } else {
        print(&injected.text)?;
    }
    Ok(Exit::Ok)
}

/// Whole or not at all, with the mode that the file has.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one.
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

/// Pure: from a manifest to the one with lithify.
pub(super) fn manifest(manifest: &Manifest, options: &Inject) -> Result<Injected, Failure> {
    let profiles = Profiles::new(&options.profiles)?;
    let profile = load(profiles.here.iter().map(String::as_str))?;
    check_options(options)?;
    let removed = Removed::new(&profile);
    let workloads = workloads(&manifest.documents);
    check_names(manifest, &workloads, &options.containers)?;
    // Once for what the containers are to call, and once more with what the program is to accept.
    let mut only = Vec::new();
    let (findings, Changed { text, edits, documents }) = loop {
        let mut changes: Vec<Changes> = manifest.documents.iter().map(|_| Changes::default()).collect();
        let mut findings = Vec::new();
        for (index, workload) in workloads.iter().enumerate() {
            let chosen = workload.chosen(&options.containers);
            let Some(changes) = changes.get_mut(workload.document).filter(|_| !chosen.is_empty()) else { continue };
            let only = only.get(index);
            let mut pod = Pod {
                options,
                profiles: &profiles,
                removed: &removed,
                workload,
                only,
                changes,
                findings: &mut findings,
            };
            pod.keep_commands(&chosen);
            pod.inject(&chosen);
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
        if !only.is_empty() || workloads.is_empty() {
            break (findings, result);
        }
        only = self::workloads(&result.documents).iter().map(|workload| inscribed::calls(workload, NAME)).collect();
    };
    // What is wrong only now, such as a mount of a volume that nobody filled before.
    let file = format!("{}, with lithify in it", manifest.file);
    let result = Manifest { file, text, documents };
    let after: Vec<Finding> = self::workloads(&result.documents)
        .iter()
        .filter(|workload| !workload.chosen(&options.containers).is_empty())
        .flat_map(checks::volumes)
        .collect();
    refuse(&result, &after, options)?;
    Ok(Injected { edits, notes: findings, workloads: workloads.len(), text: result.text })
}

/// An error where any finding forbids to go on.
fn refuse(manifest: &Manifest, findings: &[Finding], options: &Inject) -> Result<(), Failure> {
    let refused = |finding: &&Finding| match finding.weight {
        Weight::Refused => true,
        Weight::Breaks => !options.force,
        Weight::Note => false,
    };
    let mut refused: Vec<Finding> = findings.iter().filter(refused).cloned().collect();
    if refused.is_empty() {
        return Ok(());
    }
    refused.sort_by_key(|finding| finding.range.start);
    let forced = refused.iter().all(|finding| finding.weight == Weight::Breaks);
    let hint = if forced { "; --force does it all the same" } else { "" };
    Err(Failure::Refused(format!(
        "refused, and nothing was changed{hint}:\n{}",
        finding::print(manifest, &refused).trim_end()
    )))
}

fn check_options(options: &Inject) -> Result<(), Failure> {
    if !options.stage_dirs.is_empty() && options.mode != Mode::Stage {
        return Err(Failure::usage(
            format!("--stage-dir is for --mode stage, not for {}", options.mode.name()),
            "leave it out",
        ));
    }
    if options.command.is_some() && options.mode == Mode::Probe {
        return Err(Failure::usage(
            "--command is for --mode run and stage: a probe leaves the command alone",
            "leave it out",
        ));
    }
    let bad = options.stage_dirs.iter().find_map(|dir| Some((dir, stage::directory(dir).err()?)));
    match bad {
        Some((dir, why)) => Err(Failure::usage(
            format!("--stage-dir {dir} is no directory to mount over: {why}"),
            "give the absolute path of a directory of programs, such as /usr/local/bin",
        )),
        None => Ok(()),
    }
}

/// The words of `--command`: a JSON list, or words without quotes.
fn command(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    let words = if text.starts_with('[') {
        serde_json::from_str(text).map_err(|error| format!("it is no JSON list of words: {error}"))?
    } else if text.contains(['"', '\'', '\\']) {
        return Err("quotes are read by a shell, and there is none: write it as a JSON list".to_owned());
    } else {
        text.split_whitespace().map(str::to_owned).collect::<Vec<String>>()
    };
    if words.first().is_none_or(String::is_empty) { Err("it is empty".to_owned()) } else { Ok(words) }
}
