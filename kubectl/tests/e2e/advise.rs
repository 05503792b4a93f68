//! `advise`: the mode of each container and why, and that `--mode auto` does what it says.

use std::fs;

use crate::kubectl::Kubectl;
use crate::ran::{Ran, run_with};
use crate::{command, data, deployment, inject, plugin};

/// Manifest and what is said: mode, and a part of why.
fn cases() -> Vec<(String, &'static str, &'static str)> {
    let pod = |of_pod: &str, of_container: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{ name: x }}\nspec:\n{of_pod}  containers:\n  - name: app\n    image: app:1\n{of_container}"
        )
    };
    let read_only = "    securityContext: { readOnlyRootFilesystem: true }\n";
    vec![
        (pod("", ""), "probe", "nothing hinders the probe"),
        (pod("", "    command: [sh, -c, exec app]\n"), "probe", "nothing hinders the probe"),
        (pod("", &format!("    command: [app]\n{read_only}")), "stage", "nothing can be deleted from a read-only root"),
        (pod("  securityContext: { runAsNonRoot: true }\n", "    command: [app]\n"), "stage", "does not run as root"),
        (pod("", "    securityContext: { capabilities: { drop: [ALL] } }\n"), "stage", "directories of other users"),
        (pod("  restartPolicy: Never\n", "    command: [app]\n"), "run", "it ends by itself (restartPolicy: Never)"),
        (pod("", "    command: [app]\n    restartPolicy: OnFailure\n"), "run", "(restartPolicy: OnFailure)"),
        // What is run is written in the image.
        (pod("  restartPolicy: Never\n", ""), "stage", "not run: Pod x, container app has no command"),
        (
            pod("", "    command: [app]\n    startupProbe: { grpc: { port: 80 } }\n"),
            "stage",
            "lithify does not speak gRPC",
        ),
        (
            pod("", "    command: [app]\n    livenessProbe: { exec: { command: [sh, -c, x] } }\n"),
            "none",
            "sh will not be there",
        ),
        (pod("", &format!("    command: [sh, /entrypoint.sh]\n{read_only}")), "none", "its script needs the shell"),
        (inject(&pod("", "    command: [app]\n"), "-p shells --mode run"), "run", "it has it already"),
    ]
}

#[test]
fn each_container_has_a_mode_and_a_reason() {
    for (manifest, mode, why) in cases() {
        let ran = plugin(&manifest, "advise");
        assert_eq!(ran.code, i32::from(mode == "none"), "{}", ran.all());
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("WORKLOAD  CONTAINER  MODE "), "{}", ran.stdout);
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(words[..4], ["Pod", "x", "app", mode], "{}", ran.stdout);
        assert!(lines[1].contains(why), "{why:?} is not in {}", lines[1]);
    }
    let shell = deployment("command: [app]\nlivenessProbe: { exec: { command: [sh, -c, x] } }");
    let ran = plugin(&shell, "advise").says("not probe, stage, run: ").says("sh will not be there").says("(fix: ");
    assert_eq!((ran.code, ran.stdout.matches("sh will not be there").count()), (1, 1), "{}", ran.stdout);
    plugin("kind: Service\n", "advise").exits(0).says("describes no pods");
    plugin(&deployment(""), "advise -c zz").exits(2).says("no container is called zz");
}

#[test]
fn auto_does_what_is_advised() {
    for (manifest, mode, why) in cases() {
        let ran = plugin(&manifest, "inject -p shells --mode auto");
        if mode == "none" {
            ran.exits(3).says(why);
            let forced = plugin(&manifest, "inject -p shells --mode auto --force").exits(3).says(why);
            assert_eq!(forced.stdout, "");
            continue;
        }
        let ran = ran.exits(0);
        assert_eq!(ran.stdout, inject(&manifest, &format!("-p shells --mode {mode}")), "{manifest}");
        assert_eq!(inject(&ran.stdout, "-p shells --mode auto"), ran.stdout);
        if why != "it has it already" {
            ran.says(&format!("note: Pod x, container app: --mode auto is {mode}: "));
        }
    }
}

#[test]
fn each_container_of_a_pod_gets_its_own() {
    let manifest = format!(
        "{}        - name: other\n          image: app:1\n          command: [app]\n          securityContext: {{ readOnlyRootFilesystem: true }}\n",
        deployment("")
    );
    let ran = plugin(&manifest, "advise").exits(0);
    let modes: Vec<&str> = ran.stdout.lines().skip(1).map(|line| line.split_whitespace().nth(3).unwrap()).collect();
    assert_eq!(modes, ["probe", "stage"]);
    let injected = inject(&manifest, "-p shells --mode auto");
    let pod = &data(&injected)[0]["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["startupProbe"]["exec"]["command"][1], "harden");
    assert_eq!(pod["initContainers"][1]["name"], "lithify-stage-other");
    plugin(&injected, "lint -p shells").exits(0);
    assert_eq!(inject(&injected, "-p shells --mode auto"), injected);
}

/// A kubectl that prints this, or fails.
fn kubectl(prints: &str, code: u8) -> Kubectl {
    Kubectl::new(&format!("cat <<'END'\n{prints}\nEND\nexit {code}"), &[])
}

fn with(kubectl: &Kubectl, arguments: &str, manifest: &str) -> (Ran, String) {
    let ran = run_with(kubectl.of(&mut command(arguments.split_whitespace())), manifest);
    (ran, kubectl.told())
}

#[test]
fn a_pod_of_the_cluster() {
    let pod = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-1\"},\"spec\":{\"containers\":[{\"name\":\"app\",\"image\":\"app:1\",\"securityContext\":{\"runAsUser\":7}}]}}";
    let (ran, told) = with(&kubectl(pod, 0), "advise web-1 -n shop --context c", "");
    ran.exits(0).says("Pod web-1  app        stage  not probe: it does not run as root");
    assert_eq!(told, "--context c --namespace shop get pod web-1 -o json\n");
    let workload = serde_json::to_string(&data(&deployment("securityContext: { runAsUser: 7 }"))[0]).unwrap();
    let (ran, told) = with(&kubectl(&workload, 0), "advise deployment/web", "");
    ran.exits(0).says("Deployment web  app        stage  not probe: it does not run as root");
    assert_eq!(told, "get deployment web -o json\n");
    with(&kubectl("", 1), "advise web-1", "").0.exits(2).says("kubectl get");
}

#[test]
fn the_cluster_decides_on_the_delivery() {
    let node = |kubelet: &str| {
        format!(
            "{{\"items\":[{{\"metadata\":{{\"name\":\"n1\"}},\"status\":{{\"nodeInfo\":{{\"kubeletVersion\":\"{kubelet}\",\"containerRuntimeVersion\":\"containerd://2.1.9\",\"operatingSystem\":\"linux\"}}}}}}]}}"
        )
    };
    let manifest = deployment("command: [app]");
    let arguments = "inject -f - -p shells --mode probe --deliver";
    for (kubectl, way, why) in [
        (kubectl(&node("v1.36.2"), 0), "image-volume", "every node mounts images"),
        (kubectl(&node("v1.35.2"), 0), "init-container", "node n1 has Kubernetes v1.35.2"),
        (kubectl("", 1), "init-container", "kubectl get"),
    ] {
        let (ran, told) = with(&kubectl, &format!("{arguments} auto --context c"), &manifest);
        let ran = ran.exits(0).says(&format!("note: --deliver auto is {way}: ")).says(why);
        assert_eq!(told, "--context c get nodes -o json\n");
        assert_eq!(ran.stdout, inject(&manifest, &format!("-p shells --mode probe --deliver {way}")));
    }
}

#[test]
fn the_image_as_a_volume() {
    let plain = "apiVersion: v1\nkind: Pod\nmetadata: { name: nginx }\nspec:\n  containers:\n    - name: nginx\n      image: nginx:1.28\n      ports:\n        - containerPort: 80\n";
    let example = fs::read_to_string(format!("{}/../examples/image-volume.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let injected = inject(plain, "-p nginx --mode probe --deliver image-volume");
    assert_eq!(data(&injected), data(&example));
    // It stays so, and does not change to the other way.
    for deliver in ["", "--deliver image-volume"] {
        assert_eq!(inject(&injected, &format!("-p nginx --mode probe {deliver}")), injected);
    }
    let ran = plugin(&injected, "inject -p nginx --mode probe --deliver init-container");
    ran.exits(3).says("Pod nginx has lithify by image-volume already").says("--deliver image-volume");
    let copied = inject(plain, "-p nginx --mode probe");
    let ran = plugin(&copied, "inject -p nginx --mode probe --deliver image-volume");
    ran.exits(3).says("Pod nginx has lithify by init-container already");
    for mode in ["run --command nginx", "stage --command nginx"] {
        let injected = inject(plain, &format!("-p nginx --deliver image-volume --mode {mode}"));
        assert!(injected.contains("/lithify/bin/lithify") && !injected.contains("install"), "{injected}");
        plugin(&injected, "lint -p nginx").exits(0).says("no findings");
        assert_eq!(inject(&injected, &format!("-p nginx --mode {mode}")), injected);
    }
}
