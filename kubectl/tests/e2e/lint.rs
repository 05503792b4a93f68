//! `lint`: every finding with its place, and none where there is nothing.

use super::{data, deployment, inject, manifest, plugin};

#[track_caller]
fn finds(manifest: &str, profile: &str, texts: &[&str]) {
    let ran = plugin(manifest, &format!("lint -p {profile}"));
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.is_empty() && ran.stdout.contains("\n  fix: "), "{}", ran.all());
    for text in texts {
        assert!(ran.stdout.contains(text), "{text:?} is not in:\n{}", ran.stdout);
    }
}

#[track_caller]
fn finds_nothing(manifest: &str, profile: &str) {
    plugin(manifest, &format!("lint -p {profile}")).exits(0).says("no findings");
}

#[test]
fn nothing_in_what_inject_made_and_in_the_examples() {
    for mode in ["probe", "stage", "run"] {
        let ran = plugin(&manifest(&format!("web.{mode}.yaml")), "lint -p nginx").exits(0);
        assert!(ran.stdout.ends_with(": no findings\n"), "{}", ran.all());
    }
    plugin(&deployment("command: [app]"), "lint -p nginx").exits(0).says("no container in it is hardened by a probe");
    let examples = std::fs::read_dir(format!("{}/../examples", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut seen = 0;
    for path in
        examples.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "yaml"))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        // The job is Python, and says so in a profile of its own.
        let profile = if text.contains("python3") { "network-tools" } else { "nginx" };
        plugin(&text, &format!("lint -p {profile}")).exits(0).does_not_say("accepts any command line");
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
    plugin("kind: Service\n", "lint -p nginx").exits(0).says("no workload in it");
}

#[test]
fn tools_that_go() {
    let hook = deployment("lifecycle:\n  preStop:\n    exec:\n      command: [sleep, \"5\"]");
    finds(
        &hook,
        "nginx",
        &[
            "standard input:14:26: Deployment web, container app, preStop: sleep will not be there",
            "  14 |                 command: [sleep, \"5\"]\n     |                          ^^^^^^^^^^^^",
            "fix: command: [\"/lithify/lithify\", \"sleep\", \"5\"]",
            "lint standard input: 1 finding",
        ],
    );
    finds_nothing(&hook, "shells");
    let two = format!("{hook}        - name: other\n");
    finds_nothing(&two, "nginx -c other");
    finds(&two, "nginx -c app -c other", &["1 finding"]);
    finds(&deployment("command: [sh, -c, exec app]"), "nginx", &["its script needs the shell"]);
    finds(
        &deployment("command: [python3]\nreadinessProbe: { exec: { command: [pgrep, python3] } }"),
        "distroless",
        &["2 findings", "pgrep", "httpGet, tcpSocket"],
    );
    finds_nothing(&inject(&deployment("command: [sh, -c, exec app]"), "-p nginx --mode run"), "nginx");
    // An init by which the app runs is spared; what it starts is not.
    finds_nothing(&deployment("command: [tini, -s, --, app]"), "distroless");
    finds(&deployment("command: [tini, -s, --, python3, /srv/app.py]"), "distroless", &["python3 will not be there"]);
    finds(&deployment("command: [flock, /lock, app]"), "distroless", &["flock will not be there"]);
}

#[test]
fn tools_that_others_start() {
    let probe =
        |command: &str| deployment(&format!("command: [app]\nreadinessProbe: {{ exec: {{ command: {command} }} }}"));
    for (profile, command, program) in [
        ("shells", "[timeout, \"5\", sh, -c, x]", "sh"),
        ("shells", "[/usr/bin/env, bash, -c, x]", "bash"),
        ("shells", "[xargs, -n1, /usr/bin/../bin/bash]", "/usr/bin/../bin/bash"),
        ("network-tools", "[sh, -c, \"timeout 3 curl -f localhost\"]", "curl"),
        ("network-tools", "[sh, -c, \"status=`curl x`; test $status = ok\"]", "curl"),
        ("network-tools", "[sh, -c, 'test \"$(wget -qO- x)\" = ok']", "wget"),
        ("network-tools", "[sh, -c, 'if ! nc -z localhost 1; then exit 1; fi']", "nc"),
        ("nginx", "[//bin/sh, -c, x]", "//bin/sh"),
        ("nginx", "[/bin/../bin/sh]", "/bin/../bin/sh"),
        ("nginx", "[tini, --, sh, -c, x]", "sh"),
    ] {
        finds(&probe(command), profile, &[&format!("readinessProbe: {program} will not be there")]);
    }
    finds(
        &probe("[sh, -c, timeout 3 curl -f http://localhost/]"),
        "network-tools",
        &["fix: command: [\"/lithify/lithify\", \"probe\", \"http\", \"http://localhost/\"]"],
    );
    for (profile, command) in [
        // busybox stays with all that is in it, unless it is named itself.
        ("network-tools", "[/bin/busybox, wget, x]"),
        ("network-tools", "[sh, -c, \"echo 'a; curl b'; app # curl\"]"),
        ("network-tools", "[sh, -c, \"if command -v curl; then curl x; else app; fi\"]"),
        ("network-tools", "[sh, -c, $CURL x]"),
        ("shells", "[timeout, -t, \"5\", sh, -c, x]"),
        ("nginx", "[bin/sh]"),
        ("nginx", "[app, sh, -c, curl]"),
    ] {
        finds_nothing(&probe(command), profile);
    }
}

#[test]
fn probes_of_ours_without_time_or_tries() {
    let injected = manifest("web.probe.yaml");
    let with = |old: &str, new: &str| {
        assert!(injected.contains(old), "{old}");
        injected.replace(old, new)
    };
    finds(
        &with("            timeoutSeconds: 10\n", ""),
        "nginx",
        &[
            "3 findings",
            "startupProbe: timeoutSeconds is 1",
            "livenessProbe: timeoutSeconds is 1",
            "readinessProbe: timeoutSeconds is 1",
        ],
    );
    finds(
        &with("periodSeconds: 22", "periodSeconds: 20"),
        "nginx",
        &["14 tries every 20 s are over before its --wait-timeout of 300 s", "failureThreshold x periodSeconds"],
    );
    finds(
        &with(
            "periodSeconds: 60\n            failureThreshold: 2",
            "periodSeconds: 60\n            failureThreshold: 1",
        ),
        "nginx",
        &["1 finding", "livenessProbe: failureThreshold is 1", "fix: failureThreshold: 2"],
    );
    // The kubelet waits before its first try, too.
    finds_nothing(&with("periodSeconds: 22", "initialDelaySeconds: 21\n            periodSeconds: 20"), "nginx");
    finds(
        &with("periodSeconds: 22", "initialDelaySeconds: 20\n            periodSeconds: 20"),
        "nginx",
        &["14 tries every 20 s after 20 s are over before its --wait-timeout of 300 s", "initialDelaySeconds + "],
    );
    finds(
        &with("failureThreshold: 14 ", "failureThreshold: 30 "),
        "nginx",
        &["30 tries are more events than the kubelet keeps"],
    );
    finds(&with("\"verify\"", "\"harden\""), "nginx", &["harden is for the startupProbe"]);
    finds(
        &with(
            "          image: nginx:1.28",
            "          image: nginx:1.28\n          securityContext: { readOnlyRootFilesystem: true }",
        ),
        "nginx",
        &["the startupProbe deletes, and nothing can be deleted from a read-only root"],
    );
    // Booleans as kubectl reads them.
    for says in ["true", "True", "yes", "on"] {
        let context = format!("          image: nginx:1.28\n          securityContext: {{ runAsNonRoot: {says} }}");
        finds(&with("          image: nginx:1.28", &context), "nginx", &["it does not run as root"]);
    }
    let context = "          image: nginx:1.28\n          securityContext: { capabilities: { drop: [ALL] } }";
    finds(&with("          image: nginx:1.28", context), "nginx", &["1 finding", "may not look into directories"]);
}

#[test]
fn volumes_of_ours_that_are_wrong() {
    let run = manifest("web.run.yaml");
    let with = |old: &str, new: &str| {
        assert!(run.contains(old), "{old}");
        run.replace(old, new)
    };
    let mount = "            - { name: lithify, mountPath: /lithify, readOnly: true }\n";
    finds(&with(mount, ""), "nginx", &["/lithify/lithify will not be there: nothing is mounted at /lithify"]);
    finds(
        &with(mount, "            - { name: lithify, mountPath: /lithify }\n"),
        "nginx",
        &["/lithify is writable", "fix: readOnly: true"],
    );
    finds(
        &with(mount, "            - { name: cache, mountPath: /lithify, readOnly: true }\n"),
        "nginx",
        &["no init container installs lithify into it"],
    );
    finds(
        &with(mount, "            - { name: lithify, mountPath: /lithify, subPath: x, readOnly: true }\n"),
        "nginx",
        &["a subPath of volume lithify"],
    );
    let stage = manifest("web.stage.yaml");
    finds(
        &stage.replace("subPath: root/usr/bin, readOnly: true", "subPath: root/usr/bin"),
        "nginx",
        &["can write to volume lithify-staged"],
    );
    finds(
        &stage.replace("subPath: root/usr/bin,", "subPath: root/usr/local/bin,"),
        "nginx",
        &[
            "mounts \"root/usr/local/bin\" of volume lithify-staged at /usr/bin, and that is not what lithify-stage stages",
            "fix: subPath: root/usr/bin\n",
        ],
    );
    let sidecar = stage.replace("      # A volume.\n", "        - name: sidecar\n          image: x\n          volumeMounts: [{ name: lithify-staged, mountPath: /x }]\n");
    finds(&sidecar, "nginx", &["container sidecar can write to volume lithify-staged"]);
    plugin(&sidecar, "inject -p nginx --mode stage -c nginx")
        .exits(3)
        .says("container sidecar can write to volume lithify-staged");
}

#[test]
fn what_the_profile_wants_of_a_read_only_root() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("site.toml");
    std::fs::write(&file, "schema = 1\nname = \"site\"\n[verify.mounts]\nwritable = [\"/data\", \"/run/app\"]\nwritable_if_present = [\"/cache\"]\n").unwrap();
    let file = file.to_str().unwrap();
    let app = |mounts: &str| {
        deployment(&format!("securityContext:\n  readOnlyRootFilesystem: true\nvolumeMounts: [{mounts}]"))
    };
    finds(
        &app(""),
        file,
        &[
            "2 findings",
            "standard input:12:37: Deployment web, container app: /data must be writable (profile site)",
            "mountPath: /data",
            "/run/app must be",
            "note: Deployment web, container app: if the image has /cache",
        ],
    );
    finds(&app("{ name: x, mountPath: /data, readOnly: true }"), file, &["/data must be"]);
    finds_nothing(&app("{ name: x, mountPath: /data }, { name: y, mountPath: /var/run }"), file);
    finds_nothing(&deployment(""), file);
    finds(&deployment(""), "restricted", &["the profile wants a read-only root"]);
    finds(
        &app("").replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: true\n            runAsUser: 0"),
        "restricted",
        &["wants a user that is not root"],
    );
}

/// Kubernetes 1.36 takes a container that its livenessProbe has restarted for ready where it has no readinessProbe.
#[test]
fn a_restarted_container_is_not_ready_before_it_is_hardened() {
    let injected = data(&inject(&deployment("command: [app]"), "-p nginx --mode probe")).remove(0);
    let container = &injected["spec"]["template"]["spec"]["containers"][0];
    let verify = serde_json::json!({ "command": ["/lithify/lithify", "verify", "--profile", "nginx"] });
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["exec"], verify);
        assert!(
            container[probe]["failureThreshold"].as_u64().unwrap() >= 2 && container[probe]["timeoutSeconds"] == 10
        );
    }
    // The app's own stays.
    let own = deployment("command: [app]\nreadinessProbe: { tcpSocket: { port: 80 } }");
    let own = data(&inject(&own, "-p nginx --mode probe")).remove(0);
    let ready = &own["spec"]["template"]["spec"]["containers"][0]["readinessProbe"];
    assert_eq!(*ready, serde_json::json!({ "tcpSocket": { "port": 80 } }));
    let mut without = injected.clone();
    without["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("readinessProbe");
    let note = "note: Deployment web, container app: without a readinessProbe";
    plugin(&without.to_string(), "lint -p nginx").exits(0).says(note);
    plugin(&injected.to_string(), "lint -p nginx").exits(0).does_not_say("without a readinessProbe");
}

#[test]
fn what_ends_by_itself_is_not_hardened_by_a_probe() {
    let pod = |of_pod: &str, of_container: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{ name: x }}\nspec:\n{of_pod}  containers:\n  - name: app\n    image: app:1\n    command: [app]\n{of_container}"
        )
    };
    let (never, on_failure) = ("  restartPolicy: Never\n", "  restartPolicy: OnFailure\n");
    for (manifest, why) in [
        (pod(never, ""), "5:18: Pod x, container app: it ends by itself (restartPolicy: Never)"),
        (pod(on_failure, ""), "(restartPolicy: OnFailure)"),
        // The container's own comes first (1.36).
        (pod("", "    restartPolicy: Never\n"), "9:20: Pod x, container app: it ends by itself (restartPolicy: Never)"),
        (
            pod("  restartPolicy: Always\n", "    restartPolicy: OnFailure\n    restartPolicyRules: []\n"),
            "(restartPolicy: OnFailure)",
        ),
    ] {
        let arguments = "inject -p shells --mode probe";
        plugin(&manifest, arguments).exits(3).says(why).says("--mode run hardens before it starts").says("--force");
        let forced = inject(&manifest, "-p shells --mode probe --force");
        finds(&forced, "shells", &["it ends by itself", "--mode run hardens before it starts"]);
        inject(&manifest, "-p shells --mode run");
        finds_nothing(&manifest, "shells");
    }
    for manifest in [pod("", ""), pod("  restartPolicy: Always\n", ""), pod(never, "    restartPolicy: Always\n")] {
        finds_nothing(&inject(&manifest, "-p shells --mode probe"), "shells");
    }
}

/// `examples/image-volume.yaml`, and mistakes in it.
#[test]
fn an_image_as_the_volume() {
    let file = format!("{}/../examples/image-volume.yaml", env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(file).unwrap();
    assert_eq!(inject(&example, "-p nginx --mode probe"), example);
    let other = inject(&example, "-p shells --mode probe --image mirror.example/lithify:2");
    assert_eq!(
        other,
        example
            .replace("\"--profile\", \"nginx\"", "\"--profile\", \"shells\"")
            .replace("ghcr.io/lithify/lithify:0.1.0", "mirror.example/lithify:2")
    );
    finds_nothing(&example, "nginx");
    let copy = example.replace("/lithify/bin/lithify", "/lithify/lithify");
    finds(
        &copy,
        "nginx",
        &["/lithify/lithify will not be there: in volume lithify the program is /lithify/bin/lithify"],
    );
    // What takes the place of a hook is called where this pod has it.
    let hook = "lifecycle: { preStop: { exec: { command: [sleep, \"5\"] } } }\n      startupProbe:";
    let hooked = example.replace("startupProbe:", hook);
    finds(&hooked, "nginx", &["fix: command: [\"/lithify/bin/lithify\", \"sleep\", \"5\"]"]);
    let hook = hook.replace("[sleep, \"5\"]", "[sh, -c, \"a; b\"]");
    let hooked = example.replace("startupProbe:", &hook);
    finds(&hooked, "nginx", &["`/lithify/bin/lithify sleep SECONDS`"]);
    let plain = deployment("command: [app]\nlifecycle: { preStop: { exec: { command: [sleep, \"5\"] } } }");
    for (deliver, program) in [("image-volume", "/lithify/bin/lithify"), ("init-container", "/lithify/lithify")] {
        plugin(&plain, &format!("inject -p nginx --mode probe --deliver {deliver}"))
            .exits(3)
            .says(&format!("fix: command: [\"{program}\", \"sleep\", \"5\"]"));
    }
    // Without the mount it is the program that the container calls that is not there.
    let unmounted = example.replace("mountPath: /lithify,", "mountPath: /elsewhere,");
    finds(&unmounted, "nginx", &["/lithify/bin/lithify will not be there: nothing is mounted at /lithify"]);
    let sub_path = example.replace("mountPath: /lithify,", "mountPath: /lithify, subPath: bin,");
    finds(&sub_path, "nginx", &["a subPath of volume lithify", "leave out subPath"]);
    let installed = inject(&deployment("command: [app]"), "-p nginx --mode probe");
    let installed = installed.replace("[\"/lithify/lithify\"", "[\"/lithify/bin/lithify\"");
    finds(
        &installed,
        "nginx",
        &["/lithify/bin/lithify will not be there: in volume lithify the program is /lithify/lithify"],
    );
}

/// Root in a pod with `hostUsers: false` is nobody on the node.
#[test]
fn a_user_namespace_is_hinted_at_where_nothing_hinders_it() {
    let injected = inject(&deployment("command: [app]"), "-p shells --mode probe");
    let says = "note: Deployment web: root in it, who deletes, is root on the node";
    plugin(&injected, "lint -p shells").exits(0).says(says).says("fix: hostUsers: false");
    for hindrance in ["hostUsers: false", "hostUsers: true", "hostNetwork: true", "hostPID: true", "hostIPC: true"] {
        let with = injected.replacen("    spec:\n", &format!("    spec:\n      {hindrance}\n"), 1);
        assert_ne!(with, injected);
        plugin(&with, "lint -p shells").exits(0).does_not_say(says);
    }
    let volume = injected.replacen(
        "      volumes:\n",
        "      volumes:\n        - name: data\n          persistentVolumeClaim: { claimName: data }\n",
        1,
    );
    plugin(&volume, "lint -p shells").exits(0).does_not_say(says);
    let privileged =
        inject(&deployment("command: [app]\nsecurityContext: { privileged: true }"), "-p shells --mode probe");
    plugin(&privileged, "lint -p shells").exits(0).does_not_say(says);
    plugin(&deployment("command: [app]"), "lint -p shells").exits(0).does_not_say(says);
}
