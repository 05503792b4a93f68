//! The action's steps, run as the forge runs them, with a release in a directory in place of the forge's.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::{Release, StandIns, output, project, read};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A pipeline that uses the action.
struct Pipeline {
    release: Release,
    stand_ins: StandIns,
}

impl Pipeline {
    fn new() -> Self {
        let release = Release::made();
        // The plugin itself, which is built for this machine with the tests.
        let plugin = env!("CARGO_BIN_EXE_lithify-release").replace("lithify-release", "kubectl-lithify");
        let name = format!("kubectl-lithify-{}-linux", std::env::consts::ARCH);
        fs::copy(plugin, release.path().join(&name)).unwrap();
        let sum = crate::succeeds(Command::new("sha256sum").arg(&name).current_dir(release.path()));
        let others = release
            .text("SHA256SUMS")
            .lines()
            .filter(|line| !line.ends_with(&format!("  {name}")))
            .collect::<Vec<_>>()
            .join("\n");
        fs::write(release.path().join("SHA256SUMS"), format!("{others}\n{sum}")).unwrap();
        let releases = release.work("releases");
        std::os::unix::fs::symlink(release.path(), releases.join(format!("v{VERSION}"))).unwrap();
        fs::create_dir_all(release.work("work/deploy")).unwrap();
        fs::copy(project().join("examples/startup-probe.yaml"), release.work("work/deploy").join("web.yaml")).unwrap();
        // Docker, with one image: the files of a directory.
        let docker = format!(
            "while [ \"$1\" != --entrypoint ]; do shift; done; shift 3; exec '{}' \"$@\" --root '{}'",
            crate::lithify().display(),
            release.work("image").display()
        );
        fs::create_dir_all(release.work("image/bin")).unwrap();
        fs::copy("/bin/bash", release.work("image/bin").join("sh")).unwrap();
        let stand_ins = release.stand_ins(&[("docker", &docker), ("gh", "")]);
        Self { release, stand_ins }
    }

    /// Runs the steps with these inputs: whether all ended well, what they printed, and the outputs.
    fn uses(&self, inputs: &[(&str, &str)]) -> (bool, String, String) {
        let url = format!("file://{}", self.release.work("releases").display());
        let action: Value = serde_norway::from_str(&read("action.yml")).unwrap();
        let mut values: BTreeMap<&str, String> = BTreeMap::new();
        for (name, input) in action["inputs"].as_object().unwrap() {
            values.insert(name, input["default"].as_str().unwrap_or_default().to_owned());
        }
        assert_eq!(values["version"], VERSION);
        values.insert("url", url);
        values.insert("token", "token".to_owned());
        for (name, value) in inputs {
            assert!(values.insert(name, (*value).to_owned()).is_some(), "{name} is no input");
        }
        let outputs = self.release.work("runner").join("output");
        fs::write(&outputs, "").unwrap();
        let mut said = String::new();
        for step in action["runs"]["steps"].as_array().unwrap() {
            assert_eq!(step["shell"], "bash");
            let mut command = Command::new("bash");
            command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]);
            command
                .env("PATH", self.stand_ins.path())
                .env("GITHUB_ACTION_PATH", project())
                .env("GITHUB_OUTPUT", &outputs);
            command.env("RUNNER_TEMP", self.release.work("runner")).current_dir(self.release.work("work"));
            for (name, value) in step["env"].as_object().unwrap() {
                let input = value.as_str().unwrap().strip_prefix("${{ inputs.").unwrap().strip_suffix(" }}").unwrap();
                command.env(name, &values[input]);
            }
            let (succeeded, text) = output(&mut command);
            said += &text;
            if !succeeded {
                return (false, said, String::new());
            }
        }
        (true, said, fs::read_to_string(outputs).unwrap())
    }
}

#[test]
fn lint_says_what_a_profile_would_break() {
    let pipeline = Pipeline::new();
    let (fits, said, _) =
        pipeline.uses(&[("command", "lint"), ("manifests", "deploy/*.yaml"), ("profile", "nginx\nnetwork-tools\n")]);
    assert!(fits && said.contains("no findings"), "{said}");
    assert!(pipeline.stand_ins.called().contains("gh attestation verify lithify-x86_64-linux --repo lithify/lithify"));
    let text = read("examples/startup-probe.yaml").replace(
        "- name: nginx\n",
        "- name: nginx\n      lifecycle: { preStop: { exec: { command: [sh, -c, sleep 5] } } }\n",
    );
    fs::write(pipeline.release.work("work/deploy").join("web.yaml"), text).unwrap();
    let (fits, said, _) = pipeline.uses(&[
        ("command", "lint"),
        ("manifests", "deploy/*.yaml"),
        ("profile", "shells"),
        ("sarif", "out.sarif"),
    ]);
    assert!(!fits, "{said}");
    let sarif: Value =
        serde_json::from_slice(&fs::read(pipeline.release.work("work").join("out.sarif")).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let (fits, said, _) = pipeline.uses(&[("command", "lint"), ("manifests", "nowhere/*"), ("profile", "shells")]);
    assert!(!fits && said.contains("no file has a name like"), "{said}");
    let typed_wrong = [("command", "lint"), ("manifests", "deploy/*.yaml\ndeplay/*.yaml"), ("profile", "nginx")];
    let (fits, said, _) = pipeline.uses(&typed_wrong);
    assert!(!fits && said.contains("no file has a name like \"deplay/*.yaml\""), "{said}");
    let (fits, said, _) = pipeline.uses(&[("command", "lint"), ("manifests", "**/*.yaml"), ("profile", "nginx")]);
    assert!(!fits && said.contains("** in"), "{said}");
}

#[test]
fn scan_fails_on_what_an_intruder_would_find() {
    let pipeline = Pipeline::new();
    let (clean, said, _) = pipeline.uses(&[("command", "scan"), ("image", "app"), ("fail-on", "shell")]);
    assert!(!clean && said.contains("/bin/sh"), "{said}");
    assert!(pipeline.stand_ins.called().contains("docker run --rm --network none --user 0 --volume "));
    fs::remove_file(pipeline.release.work("image/bin").join("sh")).unwrap();
    let (clean, said, _) = pipeline.uses(&[("command", "scan"), ("image", "app"), ("fail-on", "shell")]);
    assert!(clean, "{said}");
}

#[test]
fn seal_puts_out_the_digest() {
    let pipeline = Pipeline::new();
    let archive = pipeline.release.work("work").join("app.tar");
    crate::succeeds(Command::new("tar").arg("cf").arg(&archive).arg("-C").arg(pipeline.release.work("image")).arg("."));
    let (stated, said, outputs) = pipeline.uses(&[("command", "seal"), ("image", "app.tar"), ("profile", "shells")]);
    assert!(stated, "{said}");
    let digest = outputs.trim().strip_prefix("digest=lithify1-sha256:").unwrap_or_else(|| panic!("{outputs} {said}"));
    assert_eq!(digest.len(), 64);
}

#[test]
fn what_was_changed_is_not_run() {
    let pipeline = Pipeline::new();
    let lint = [("command", "lint"), ("manifests", "deploy/*.yaml"), ("profile", "nginx")];
    let with = |more: &[(&'static str, &'static str)]| pipeline.uses(&[&lint[..], more].concat());
    let sums = pipeline.release.text("SHA256SUMS");
    let sum = crate::succeeds(Command::new("sha256sum").arg(pipeline.release.path().join("SHA256SUMS")));
    let pinned: &'static str = Box::leak(sum[..64].to_owned().into_boxed_str());
    assert!(with(&[("sums", pinned)]).0);
    let (ran, said, _) = with(&[("sums", "0000000000000000000000000000000000000000000000000000000000000000")]);
    assert!(!ran && said.contains("not the one that \"sums\" names"), "{said}");

    fs::write(pipeline.release.path().join("kubectl-lithify-x86_64-linux"), "#!/bin/sh\necho changed\n").unwrap();
    let (ran, said, _) = with(&[]);
    assert!(!ran && said.contains("a file is not what SHA256SUMS says") && !said.contains("\nchanged"), "{said}");
    // One of the two is not named at all.
    let fewer: String = sums
        .lines()
        .filter(|line| !line.ends_with("kubectl-lithify-x86_64-linux"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(pipeline.release.path().join("SHA256SUMS"), fewer).unwrap();
    let (ran, said, _) = with(&[]);
    assert!(!ran && !said.contains("\nchanged"), "{said}");
}

#[test]
fn no_input_becomes_part_of_a_script() {
    let pipeline = Pipeline::new();
    let mark = pipeline.release.work("work").join("mark");
    let attack = format!("$(touch '{0}') `touch '{0}'` ; touch '{0}' # \"", mark.display());
    for (command, input) in [
        ("lint", "manifests"),
        ("lint", "profile"),
        ("scan", "image"),
        ("scan", "fail-on"),
        ("seal", "image"),
        ("seal", "profile"),
        ("lint", "version"),
        ("lint", "url"),
        ("lint", "sums"),
        ("lint", "attestation"),
        ("lint", "sarif"),
        ("scan", "baseline"),
    ] {
        let mut inputs: BTreeMap<&str, &str> = BTreeMap::from([
            ("command", command),
            ("manifests", "deploy/*.yaml"),
            ("profile", "nginx"),
            ("image", "app.tar"),
        ]);
        inputs.insert(input, &attack);
        let _ = pipeline.uses(&inputs.into_iter().collect::<Vec<_>>());
        assert!(!mark.exists(), "{command}: {input}");
    }
    let (ran, said, _) = pipeline.uses(&[("command", &attack)]);
    assert!(!ran && !mark.exists() && said.contains("is not known"), "{said}");
}
