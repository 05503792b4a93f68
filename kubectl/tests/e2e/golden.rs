//! What `inject` makes of a manifest, byte by byte, and that it is what our examples are.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{data, inject, manifest, plugin};

#[test]
fn each_mode_as_it_is_written() {
    for mode in ["probe", "stage", "run"] {
        let expected = manifest(&format!("web.{mode}.yaml"));
        let injected = inject(&manifest("web.yaml"), &format!("--profile nginx --mode {mode}"));
        assert_eq!(injected, expected, "{mode}");
        assert_eq!(inject(&expected, &format!("--profile nginx --mode {mode}")), expected, "{mode} again");
    }
}

#[test]
fn every_line_that_was_there_stays_but_for_the_probe() {
    let before = manifest("web.yaml");
    for mode in ["stage", "run", "probe"] {
        let after = manifest(&format!("web.{mode}.yaml"));
        let mut lines = after.lines();
        let gone: Vec<&str> = before
            .lines()
            .filter(|line| !lines.clone().any(|new| new == *line && lines.any(|next| next == *line)))
            .collect();
        let expected: &[&str] = match mode {
            "stage" => &[],
            "run" => &["          command: [\"/usr/sbin/nginx\"]"],
            _ => &[
                "            httpGet: { path: /healthz, port: http }",
                "            failureThreshold: 30   # slow disks",
            ],
        };
        assert_eq!(gone, expected, "{mode}");
    }
}

/// The example without lithify becomes the example.
#[test]
fn the_result_has_the_shape_of_the_examples() {
    let example =
        |name| std::fs::read_to_string(format!("{}/../examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let plain = "apiVersion: v1\nkind: Pod\nmetadata: { name: nginx }\nspec:\n  containers:\n    - name: nginx\n      image: nginx:1.28\n      ports:\n        - containerPort: 80\n";
    let mut probe = data(&inject(plain, "--mode probe -p nginx")).remove(0);
    // Ours may do less, and says what it needs, as in a fleet.
    let remove =
        |pod: &mut Value, key: &str| pod["spec"]["initContainers"][0].as_object_mut().unwrap().remove(key).unwrap();
    let component = data(&example("fleet/kustomize/component/pod")).remove(0);
    let init = &component["spec"]["template"]["spec"]["initContainers"][0];
    assert_eq!((&init["resources"]["limits"]["cpu"], &init["name"]), (&json!("100m"), &json!("lithify")));
    for key in ["resources", "volumeMounts"] {
        assert_eq!(probe["spec"]["initContainers"][0][key], init[key]);
    }
    let ours = remove(&mut probe, "securityContext");
    for (key, value) in ours.as_object().unwrap() {
        assert_eq!(init["securityContext"][key], *value);
    }
    remove(&mut probe, "resources");
    assert_eq!(probe, data(&example("startup-probe"))[0]);

    let plain = "apiVersion: v1\nkind: Pod\nmetadata: { name: httpd }\nspec:\n  containers:\n    - name: httpd\n      image: httpd:2.4\n      command: [httpd, -DFOREGROUND]\n      ports: [{ containerPort: 80 }]\n      securityContext: { readOnlyRootFilesystem: true }\n      volumeMounts: [{ name: logs, mountPath: /usr/local/apache2/logs }]\n  volumes: [{ name: logs, emptyDir: {} }]\n";
    let mut run = data(&inject(plain, "--mode run -p httpd")).remove(0);
    remove(&mut run, "securityContext");
    remove(&mut run, "resources");
    let mut expected = data(&example("entrypoint")).remove(0);
    for way in ["/spec/volumes", "/spec/containers/0/volumeMounts"] {
        expected.pointer_mut(way).unwrap().as_array_mut().unwrap().reverse();
    }
    assert_eq!(run, expected);

    // And what is an example stays as it is.
    for (name, mode, profile) in [("startup-probe", "probe", "nginx"), ("entrypoint", "run", "httpd")] {
        assert_eq!(inject(&example(name), &format!("--mode {mode} -p {profile}")), example(name), "{name}");
    }
}

#[test]
fn another_profile_or_image_takes_the_place_of_the_first() {
    for mode in ["probe", "stage", "run"] {
        let first = manifest(&format!("web.{mode}.yaml"));
        let second = inject(
            &first,
            &format!("--mode {mode} -p shells -p ../profiles/coreutils.toml=/var/cache/nginx/x.toml --image r/l:2"),
        );
        assert!(!second.contains("\"--profile\", \"nginx\""), "{mode}: {second}");
        let plain = manifest("web.yaml");
        let at_once = inject(
            &plain,
            &format!("--mode {mode} -p shells -p ../profiles/coreutils.toml=/var/cache/nginx/x.toml --image r/l:2"),
        );
        assert_eq!(second, at_once, "{mode}");
    }
}

/// What the app's container says of its user and image goes for the staging container, too.
#[test]
fn the_staging_container_is_as_restricted_as_the_app() {
    let plain = super::deployment(
        "command: [app]\nimagePullPolicy: Never\nsecurityContext:\n  runAsNonRoot: true\n  runAsUser: 1000\n  readOnlyRootFilesystem: true\n  seccompProfile: { type: RuntimeDefault }",
    );
    let injected = data(&inject(&plain, "--mode stage -p shells")).remove(0);
    let inits = &injected["spec"]["template"]["spec"]["initContainers"];
    for init in [&inits[0], &inits[1]] {
        let expected = json!({
            "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
            "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" },
        });
        assert_eq!(init["securityContext"], expected);
    }
    assert_eq!((&inits[1]["image"], &inits[1]["imagePullPolicy"]), (&json!("app:1"), &json!("Never")));
    assert_eq!(inits[0]["imagePullPolicy"], Value::Null);
}

#[test]
fn the_diff_is_one_that_patch_takes() {
    for mode in ["probe", "stage", "run"] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.yaml");
        std::fs::write(&file, manifest("web.yaml")).unwrap();
        let ran =
            crate::ran::run(super::command(["inject", "-p", "nginx", "--mode", mode, "--dry-run", "-f"]).arg(&file));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), manifest("web.yaml"), "changed nothing");
        assert!(ran.stdout.starts_with(&format!("--- {}\n", file.display())), "{}", ran.stdout);
        let mut patch = Command::new("patch").arg("-s").arg(&file).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut patch.stdin.take().unwrap(), ran.stdout.as_bytes()).unwrap();
        assert!(patch.wait().unwrap().success());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), manifest(&format!("web.{mode}.yaml")), "{mode}");
    }
    let same = plugin(&manifest("web.run.yaml"), "inject -p nginx --mode run --dry-run");
    assert_eq!((same.code, same.stdout.as_str()), (0, ""));
}
