//! What `inject` does not do, and what it says: where, what, why and what to do.

use super::{deployment, inject, plugin};

const PROBE: &str = "inject -p nginx --mode probe";

#[track_caller]
fn refused(manifest: &str, arguments: &str, texts: &[&str]) {
    let ran = plugin(manifest, arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("refused, and nothing was changed") && ran.stderr.contains("\n  fix: "),
        "{}",
        ran.stderr
    );
    for text in texts {
        assert!(ran.stderr.contains(text), "{text:?} is not in:\n{}", ran.stderr);
    }
}

#[test]
fn startup_probes_that_cannot_be_waited_for() {
    for (probe, reason, fix) in [
        ("exec: { command: [ready] }", "it runs a program", "--wait-for tcp:, http: or file:"),
        ("grpc: { port: 1 }", "does not speak gRPC", "tcpSocket"),
        ("httpGet: { port: 1, scheme: HTTPS }", "does not speak TLS", "tcpSocket"),
        ("httpGet: { port: 1, httpHeaders: [{ name: Host, value: x }] }", "sends no headers", "leave out httpHeaders"),
        ("httpGet: { port: 1, host: web.example }", "asks no DNS server", "give an address"),
        (
            "tcpSocket: { port: http }",
            "neither a number nor the name of one of the container's ports",
            "give the number",
        ),
        ("httpGet: { port: 1, path: 'a b' }", "http://127.0.0.1:1/a b", "reach from inside"),
        ("periodSeconds: 1", "no handler", "Kubernetes API"),
    ] {
        refused(
            &deployment(&format!("startupProbe: {{ {probe} }}")),
            PROBE,
            &[
                "standard input:11:11: Deployment web, container app: its startupProbe cannot become --wait-for",
                reason,
                fix,
            ],
        );
        // Another mode leaves it alone.
        inject(&deployment(&format!("command: [app]\nstartupProbe: {{ {probe} }}")), "-p shells --mode run");
    }
}

/// What is empty is not set: <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe>.
#[test]
fn startup_probes_with_empty_fields_can_be_waited_for() {
    for probe in ["httpGet: { port: 80, host: \"\", scheme: \"\", path: \"\" }", "tcpSocket: { port: 80, host: '' }"] {
        let injected = inject(&deployment(&format!("startupProbe: {{ {probe} }}")), "-p nginx --mode probe");
        assert!(injected.contains("127.0.0.1:80"), "{injected}");
    }
}

#[test]
fn a_read_only_root_and_another_user_cannot_delete() {
    let read_only = deployment("securityContext:\n  readOnlyRootFilesystem: true");
    refused(&read_only, PROBE, &[":12:37: ", "nothing can be deleted from a read-only root", "--mode stage"]);
    // Forcing makes it no more possible.
    refused(&read_only, &format!("{PROBE} --force"), &["read-only root"]);
    for context in
        ["runAsUser: 101", "runAsNonRoot: true", "runAsNonRoot: True", "runAsNonRoot: yes", "runAsNonRoot: ON"]
    {
        let manifest = deployment(&format!("securityContext: {{ {context} }}"));
        refused(&manifest, PROBE, &["it does not run as root", "--mode stage works without root", "--force"]);
        inject(&manifest, "-p nginx --mode probe --force");
    }
    let of_the_pod =
        deployment("").replace("      containers:", "      securityContext: { runAsUser: 7 }\n      containers:");
    refused(&of_the_pod, PROBE, &["it does not run as root"]);
    inject(&of_the_pod.replace("runAsUser: 7", "runAsUser: 0"), "-p nginx --mode probe");
    let flags = of_the_pod.replace("runAsUser: 7", "runAsNonRoot: yes");
    refused(&flags, PROBE, &["it does not run as root"]);
    inject(&format!("{flags}          securityContext: {{ runAsNonRoot: no }}\n"), "-p nginx --mode probe");
}

#[test]
fn a_root_that_may_not_look_into_all_directories() {
    let with = |context: &str| deployment(&format!("command: [app]\nsecurityContext: {{ {context} }}"));
    let script = |context: &str| deployment(&format!("command: [sh, /x]\nsecurityContext: {{ {context} }}"));
    let texts = ["may not look into directories of other users", "add: [DAC_READ_SEARCH], or --mode stage"];
    for capabilities in [
        "drop: [ALL]",
        "drop: [all]",
        "drop: [DAC_OVERRIDE]",
        "drop: [NET_RAW, dac_override]",
        "drop: [CAP_DAC_OVERRIDE]",
        "drop: [ALL], add: [NET_BIND_SERVICE]",
        "drop: [ALL], add: [ALL]",
        "drop: [ALL, DAC_READ_SEARCH], add: [DAC_READ_SEARCH]",
    ] {
        let context = format!("capabilities: {{ {capabilities} }}");
        refused(&with(&context), PROBE, &texts);
        plugin(&with(&context), &format!("{PROBE} --force")).exits(0).says(texts[0]);
        // Nothing is deleted, or not by a root that stays behind the app.
        inject(&with(&context), "-p nginx --mode stage");
        inject(&with(&context), "-p nginx --mode run");
        refused(&script(&context), "inject -p nginx --mode run", &texts);
    }
    for context in [
        "capabilities: { drop: [NET_RAW] }",
        "capabilities: { drop: [ALL], add: [DAC_OVERRIDE] }",
        "capabilities: { drop: [ALL], add: [dac_read_search] }",
        "capabilities: { drop: [ALL], add: [CAP_DAC_READ_SEARCH] }",
        "capabilities: { drop: [DAC_OVERRIDE], add: [ALL] }",
        "capabilities: { add: [SYS_TIME] }",
        "privileged: true, capabilities: { drop: [ALL] }",
    ] {
        inject(&with(context), "-p nginx --mode probe");
        inject(&script(context), "-p nginx --mode run");
    }
}

#[test]
fn a_command_that_is_not_in_the_manifest() {
    let plain = deployment("");
    refused(
        &plain,
        "inject -p nginx --mode run",
        &["9:17: Deployment web, container app has no command", "in its image app:1", "--command"],
    );
    let ran = plugin(&plain, "inject -p nginx --mode stage");
    ran.exits(0)
        .says("note: Deployment web, container app has no command")
        .says("needs the shell that will not be there");
    refused(&deployment("command: [app]"), "inject -p nginx --mode run --command other", &["has a command already"]);
    refused(&plain, "inject -p nginx --mode run --command a'b", &["write it as a JSON list"]);
    refused(&plain, "inject -p nginx --mode run --command [1]", &["no JSON list of words"]);
    refused(&plain, "inject -p nginx --mode stage --command sh", &["sh will not be there", "removes it"]);
    let wrapped = "inject -p shells --mode stage --command [\"tini\",\"--\",\"/entrypoint.sh\"]";
    refused(&plain, wrapped, &["/entrypoint.sh will not be there"]);
    refused(
        &deployment("args: [/entrypoint.sh]"),
        "inject -p shells --mode stage --command tini",
        &["needs the shell"],
    );
    plugin(&plain, "inject -p shells --mode run --command sh").exits(0).says("may never end by exec");
    inject(&plain, "-p shells --mode run --command /entrypoint.sh");
    // args stand in the place of the image's Cmd.
    refused(&plain, "inject -p nginx --mode run", &["(Entrypoint and Cmd)"]);
    refused(&deployment("args: [x]"), "inject -p nginx --mode run", &["(only Entrypoint: args"]);
    // A command that is there stays, also one that an earlier run has put there.
    for mode in ["run", "stage"] {
        let injected = inject(&plain, &format!("-p nginx --mode {mode} --command [\"app\",\"-v\"]"));
        for manifest in [&injected, &deployment("command: [app, -v]")] {
            let again = inject(manifest, &format!("-p nginx --mode {mode} --command [\"app\",\"-v\"]"));
            assert_eq!(again, inject(manifest, &format!("-p nginx --mode {mode}")));
            refused(manifest, &format!("inject -p nginx --mode {mode} --command app"), &["has a command already"]);
        }
    }
}

#[test]
fn what_the_profile_would_break() {
    let probe =
        |name: &str, command: &str| deployment(&format!("command: [app]\n{name}:\n  exec:\n    command: {command}"));
    for mode in ["probe", "stage", "run"] {
        let arguments = format!("inject -p nginx --mode {mode}");
        for (name, harm) in
            [("livenessProbe", "restart the container again and again"), ("readinessProbe", "never be ready")]
        {
            let manifest = probe(name, "[sh, -c, \"curl -f http://localhost:8080/up || exit 1\"]");
            let fix = "fix: command: [\"/lithify/lithify\", \"probe\", \"http\", \"http://localhost:8080/up\"]";
            refused(
                &manifest,
                &arguments,
                &[
                    name,
                    ":14:24: ",
                    "sh will not be there, because names \"sh\" of profile shells removes it",
                    harm,
                    fix,
                ],
            );
            plugin(&manifest, &format!("{arguments} --force")).exits(0).says(harm);
        }
        let pre_stop = deployment("command: [app]\nlifecycle: { preStop: { exec: { command: [/bin/sleep, \"5\"] } } }");
        refused(
            &pre_stop,
            &arguments,
            &["preStop: /bin/sleep will not be there", "fix: command: [\"/lithify/lithify\", \"sleep\", \"5\"]"],
        );
        // What the profile does not remove, and a container that is not chosen, is nobody's business.
        inject(&probe("livenessProbe", "[app, health]"), &format!("-p nginx --mode {mode}"));
        inject(&probe("livenessProbe", "[curl, x]"), &format!("-p shells --mode {mode}"));
    }
    let post_start = deployment("command: [app]\nlifecycle: { postStart: { exec: { command: [sh, /x] } } }");
    refused(&post_start, "inject -p nginx --mode run", &["postStart", "kill the container"]);
    plugin(&post_start, PROBE).exits(0).says("note: ").says("before the startupProbe");
}

#[test]
fn a_command_that_the_profile_removes() {
    for mode in ["probe", "stage", "run"] {
        refused(
            &deployment("command: [python3, app.py]"),
            &format!("inject -p distroless --mode {mode}"),
            &["python3 will not be there", "it is what the container runs", "[keep]"],
        );
    }
    let script = deployment("command: [sh, -c, \"setup && exec app\"]");
    refused(
        &script,
        "inject -p nginx --mode stage",
        &["its script needs the shell", "let the command be the app itself"],
    );
    inject(&script, "-p nginx --mode run");
    inject(&script, "-p nginx --mode probe");
    refused(&deployment("command: [/entrypoint.sh]"), "inject -p nginx --mode stage", &["looks like a script"]);
    plugin(&deployment("command: [sh, -c, app]"), PROBE).exits(0).says("may never end by exec");
    let read_only = deployment("command: [sh, -c, exec app]\nsecurityContext: { readOnlyRootFilesystem: true }");
    refused(&read_only, "inject -p nginx --mode run", &["its script needs the shell"]);
}

#[test]
fn behind_wrappers_and_in_scripts() {
    for command in [
        "[tini, --, /docker-entrypoint.sh, nginx]",
        "[/sbin/tini, -g, --, /docker-entrypoint.sh, nginx]",
        "[dumb-init, sh, -c, exec nginx]",
        "[dumb-init, --, sh, -c, exec nginx]",
        "[/usr/bin/tini, --, su-exec, nginx, //bin/sh, -c, exec nginx]",
    ] {
        let manifest = deployment(&format!("command: {command}"));
        refused(&manifest, "inject -p shells --mode stage", &["will not be there", "its script needs the shell"]);
        // A probe waits until the script is over, whoever started it; `run` only for its own command.
        inject(&manifest, "-p shells --mode probe");
        refused(&manifest, "inject -p shells --mode run", &["let the command be the script itself"]);
        let forced = inject(&manifest, "-p shells --mode stage --force");
        plugin(&forced, "lint -p shells").exits(1).says("its script needs the shell");
    }
    for command in ["[tini, --, nginx]", "[dumb-init, nginx, sh, -c, x]", "[gosu, sh, nginx]", "[tini, --unknown, sh]"]
    {
        inject(&deployment(&format!("command: {command}")), "-p shells --mode stage");
    }
    // What a script has done with before it becomes the app.
    let script = "[sh, -c, \"curl x; exec app\"]";
    inject(&deployment(&format!("command: {script}")), "-p network-tools --mode probe");
    for (mode, script) in
        [("stage", script), ("run", script), ("probe", "[sh, -c, \"app & while curl x; do :; done\"]")]
    {
        let manifest = deployment(&format!("command: {script}"));
        refused(&manifest, &format!("inject -p network-tools --mode {mode}"), &["curl will not", "its script runs it"]);
    }
}

#[test]
fn what_is_not_ours_or_is_in_the_way() {
    let with = |old: &str, new: &str| {
        let manifest = super::manifest("web.stage.yaml");
        assert!(manifest.contains(old), "{old}");
        manifest.replace(old, new)
    };
    let stage = "inject -p nginx --mode stage";
    for (manifest, text) in [
        (
            with(
                "        - name: lithify\n          emptyDir: {}\n",
                "        - name: lithify\n          hostPath: { path: / }\n",
            ),
            "the volume lithify is no emptyDir",
        ),
        (
            with(
                "        - name: lithify-staged\n          emptyDir: {}\n",
                "        - name: lithify-staged\n          hostPath: { path: / }\n",
            ),
            "the volume lithify-staged is no emptyDir",
        ),
        (with("            - install\n", "            - other\n"), "does not install lithify"),
        (
            with(
                "            - { name: lithify, mountPath: /lithify, readOnly: true }\n            - { name: lithify-staged, mountPath: /usr/bin",
                "            - { name: lithify, mountPath: /lithify }\n            - { name: lithify-staged, mountPath: /usr/bin",
            ),
            "/lithify is writable, and volume lithify holds lithify",
        ),
        (
            with(
                "            - { name: lithify-staged, mountPath: /usr/bin, subPath: root/usr/bin, readOnly: true }",
                "            - { name: cache, mountPath: /usr/bin }",
            ),
            "another volume is mounted at /usr/bin",
        ),
        (
            with("\"/usr/sbin\", \"/bin\"", "\"/bin\""),
            "stages /usr/bin, /bin, /sbin, not /usr/bin, /usr/sbin, /bin, /sbin",
        ),
        (with("mountPath: /staged }", "mountPath: /other }"), "does not stage into volume lithify-staged"),
        (
            with("subPath: root/usr/bin, readOnly: true", "subPath: root/usr/bin"),
            "can write to volume lithify-staged, which lithify-stage stages",
        ),
        (
            with("subPath: root/usr/bin", "subPath: root/usr/bim"),
            "mounts \"root/usr/bim\" of volume lithify-staged at /usr/bin",
        ),
    ] {
        refused(&manifest, stage, &[text]);
        refused(&manifest, &format!("{stage} --force"), &[text]);
    }
    for mode in ["probe", "run"] {
        let other = super::manifest(&format!("web.{mode}.yaml"));
        refused(&other, stage, &[&format!("has lithify in mode {mode} already")]);
    }
    for mode in ["probe", "run"] {
        let arguments = format!("inject -p nginx --mode {mode}");
        refused(&super::manifest("web.stage.yaml"), &arguments, &["has lithify in mode stage already"]);
    }
    // A data volume of the app's own, called as a copy would be.
    inject(
        &deployment("command: [app]\nvolumeMounts: [{ name: x, mountPath: /srv, subPath: root/srv }]"),
        "-p nginx --mode probe",
    );
    refused(
        &deployment("command: [app]\nvolumeMounts: [{ name: x, mountPath: /lithify/ }]"),
        PROBE,
        &["another volume is mounted at /lithify"],
    );
}

#[test]
fn where_bin_may_be_a_directory_of_its_own() {
    let alpine = deployment("command: [app]").replace("app:1", "nginx:1.28-alpine");
    refused(
        &alpine,
        "inject -p nginx --mode stage",
        &["/bin and /sbin may be directories of their own", "--stage-dir /bin"],
    );
    let dirs = "--stage-dir /bin --stage-dir /sbin --stage-dir /usr/bin/ --stage-dir /usr/bin";
    let injected = inject(&alpine, &format!("-p nginx --mode stage {dirs}"));
    assert!(injected.contains("\"/bin\", \"/sbin\", \"/usr/bin\", \"--to\""), "{injected}");
    assert!(injected.contains("mountPath: /bin, subPath: root/bin, readOnly: true"), "{injected}");
    assert_eq!(inject(&injected, &format!("-p nginx --mode stage {dirs}")), injected);
    refused(&injected, "inject -p nginx --mode stage", &["give the same --stage-dir as before"]);
}

#[test]
fn what_anchors_share_is_changed_for_all_or_not_at_all() {
    let shared = "apiVersion: v1\nkind: Pod\nmetadata: { name: x }\nspec:\n  containers:\n  - name: a\n    command: &c [app]\n    volumeMounts: &m\n    - { name: v, mountPath: /v }\n  - name: b\n    command: *c\n    volumeMounts: *m\n  volumes:\n  - { name: v, emptyDir: {} }\n";
    // Both get the same.
    let injected = super::data(&inject(shared, "-p shells --mode run")).remove(0);
    assert_eq!(injected["spec"]["containers"][1]["command"][1], "run");
    assert_eq!(injected["spec"]["containers"][1]["volumeMounts"][1]["name"], "lithify");
    // Only one would.
    refused(shared, "inject -p shells --mode run -c a", &["shared by an anchor", ":7:14: ", "write it out"]);
    let merged = "apiVersion: v1\nkind: Pod\nmetadata: { name: x }\nspec:\n  containers:\n  - &a\n    name: a\n    command: [app]\n  - <<: *a\n    name: b\n";
    let injected = super::data(&inject(merged, "-p shells --mode run")).remove(0);
    assert_eq!(injected["spec"]["containers"][1]["command"][1], "run");
    refused(merged, "inject -p shells --mode run -c a", &["shared by an anchor", "write it out"]);
    refused(merged, "inject -p shells --mode run -c b", &["write it out"]);
}

#[test]
fn text_that_is_no_manifest() {
    for (text, message) in [
        ("a: b: c\n", "standard input:1:"),
        ("kind: Pod\nkind: Pod\n", "standard input:2:1: the key `kind` stands twice"),
        ("spec:\n\tcontainers: []\n", "standard input:2:"),
        ("a: [1\n", "standard input:"),
        ("a: *b\n", "standard input:1:4"),
    ] {
        let ran = plugin(text, PROBE);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{text:?}");
        assert!(ran.stderr.contains(message) && ran.stderr.contains("fix: "), "{text:?}: {}", ran.stderr);
        plugin(text, "lint -p nginx").exits(2).says(message);
    }
}
