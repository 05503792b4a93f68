//! Volumes of ours: who may write to them, what is mounted of them where, and what only looks like ours.

use serde_json::{Value, json};

use super::{data, deployment, inject, manifest, plugin};

/// Both refuse it, for this reason.
#[track_caller]
fn refused_and_found(manifest: &str, mode: &str, text: &str) {
    let ran = plugin(manifest, &format!("inject -p nginx --mode {mode} --force"));
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(text) && ran.stderr.contains("\n  fix: "), "{text:?} is not in:\n{}", ran.stderr);
    plugin(manifest, "lint -p nginx").exits(1).says(text);
}

fn spec(text: &str) -> Value {
    data(text).remove(0)["spec"]["template"]["spec"].clone()
}

/// A Deployment whose pod also has these lines.
fn with_pod(container: &str, lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("      {line}\n")).collect();
    deployment(container).replace("      containers:", &format!("{lines}      containers:"))
}

#[test]
fn an_init_container_that_is_only_called_lithify() {
    let own = "volumes: [{ name: lithify, emptyDir: {} }, { name: bin, emptyDir: {} }]\n";
    let mount = |mount: &str| format!("  volumeMounts: [{mount}]\n");
    for (init, mounts) in [
        ("command: [apt-get, install, -y, curl]", mount("{ name: lithify, mountPath: /lithify }")),
        ("command: [sh, -c, x, install]\n  args: [install, /lithify]", mount("{ name: lithify, mountPath: /lithify }")),
        ("args: [install, /lithify]", mount("{ name: bin, mountPath: /lithify }")),
        ("args: [install, /lithify]", mount("{ name: lithify, mountPath: /lithify, subPath: x }")),
        ("args: [install, /lithify]", mount("{ name: lithify, mountPath: /lithify, subPathExpr: x }")),
        ("args: [install, /lithify]", mount("{ name: lithify, mountPath: /lithify, readOnly: true }")),
        ("args: [install, /lithify]", mount("{ name: lithify, mountPath: /other }")),
        ("args: [install, /lithify]", String::new()),
        ("args: [verify, install, /lithify]", mount("{ name: lithify, mountPath: /lithify }")),
    ] {
        let lines = format!("{own}initContainers:\n- name: lithify\n  image: debian:12\n  {init}\n{mounts}");
        plugin(&with_pod("command: [app]", &lines), "inject -p nginx --mode probe --image r/l:1")
            .exits(3)
            .says("init container lithify does not install lithify into volume lithify: it is not ours");
    }
    for call in [
        "args: [install, /lithify/]",
        "args: [-v, --format=json, install, /lithify]",
        "command: [/bin/lithify]\n  args: [install, /lithify]",
    ] {
        let mounts = mount("{ name: lithify, mountPath: /lithify }");
        let lines = format!("{own}initContainers:\n- name: lithify\n  image: r/l:0\n  {call}\n{mounts}");
        let injected = inject(&with_pod("command: [app]", &lines), "-p nginx --mode probe --image r/l:1");
        let inits = spec(&injected)["initContainers"].clone();
        assert_eq!((inits.as_array().unwrap().len(), &inits[0]["image"]), (1, &json!("r/l:1")), "{call}");
    }
}

#[test]
fn the_program_is_writable_nowhere_but_in_its_init_container() {
    let run = manifest("web.run.yaml");
    let mount = "            - { name: lithify, mountPath: /lithify, readOnly: true }\n";
    let with = |new: &str| {
        assert!(run.contains(mount), "{run}");
        run.replace(mount, &format!("{mount}{new}"))
    };
    let text = |who: &str, at: &str| format!("{who}: {at} is writable, and volume lithify holds lithify");
    refused_and_found(
        &with("            - { name: lithify, mountPath: /data }\n"),
        "run",
        &text("container nginx", "/data"),
    );
    refused_and_found(
        &with("            - { name: lithify, mountPath: /data, readOnly: false, subPath: x }\n"),
        "run",
        &text("container nginx", "/data"),
    );
    let side = |list: &str| {
        format!(
            "{list}\n        - name: side\n          image: x\n          command: [x]\n          volumeMounts: [{{ name: lithify, mountPath: /x }}]\n"
        )
    };
    for list in ["      containers:", "      initContainers:"] {
        let text = text(if list.contains("init") { "init container side" } else { "container side" }, "/x");
        let sidecar = run.replacen(&format!("{list}\n"), &side(list), 1);
        plugin(&sidecar, "lint -p nginx").exits(1).says(&text);
        plugin(&sidecar, "inject -p nginx --mode run -c nginx").exits(3).says(&text);
        plugin(&sidecar.replace("mountPath: /x }", "mountPath: /x, readOnly: true }"), "lint -p nginx").exits(0);
    }
    // Before it is injected, the volume is somebody's own: what is wrong is seen in the result.
    let before = with_pod(
        "command: [app]\nvolumeMounts: [{ name: lithify, mountPath: /data }]",
        "volumes: [{ name: lithify, emptyDir: {} }]",
    );
    plugin(&before, "inject -p nginx --mode run")
        .exits(3)
        .says("standard input, with lithify in it:")
        .says(&text("container app", "/data"));
}

#[test]
fn a_copy_is_mounted_over_its_original() {
    let staged = manifest("web.stage.yaml");
    let mount = "{ name: lithify-staged, mountPath: /usr/bin, subPath: root/usr/bin, readOnly: true }";
    assert!(staged.contains(mount));
    for (other, text) in [
        ("mountPath: /usr/bin, readOnly: true", "mounts the whole of volume lithify-staged at /usr/bin"),
        ("mountPath: /usr/bin, subPathExpr: root/nope, readOnly: true", "mounts \"root/nope\" of volume"),
        ("mountPath: /usr/bin, subPath: root/usr/bin, subPathExpr: x, readOnly: true", "mounts \"x\" of volume"),
        (
            "mountPath: /bin, subPath: root/usr/bin, readOnly: true",
            "mounts \"root/usr/bin\" of volume lithify-staged at /bin",
        ),
        (
            "mountPath: /usr/bin, subPath: root/usr/bin/../lib, readOnly: true",
            "mounts \"root/usr/bin/../lib\" of volume",
        ),
        ("mountPath: /usr/bin, subPath: root/usr, readOnly: true", "mounts \"root/usr\" of volume"),
        ("mountPath: /usr/bin, subPath: usr/bin, readOnly: true", "mounts \"usr/bin\" of volume"),
        (
            "mountPath: /usr/bin/x/../../lib, subPath: root/usr/lib, readOnly: true",
            "does not stage (/usr/bin, /usr/sbin, /bin, /sbin)",
        ),
        (
            "mountPath: /usr, subPath: root/usr, readOnly: true",
            "mounts volume lithify-staged at /usr, which lithify-stage does not stage",
        ),
        ("mountPath: /usr/bin, subPath: root/usr/bin", "can write to volume lithify-staged"),
    ] {
        let wrong = staged.replace(mount, &format!("{{ name: lithify-staged, {other} }}"));
        refused_and_found(&wrong, "stage", text);
    }
    for same in [
        "mountPath: /usr/bin/, subPath: root//usr/./bin/, readOnly: true",
        "readOnly: true, mountPath: //usr/bin, subPath: root/usr/bin",
    ] {
        let same = staged.replace(mount, &format!("{{ name: lithify-staged, {same} }}"));
        plugin(&same, "lint -p nginx").exits(0);
        assert_eq!(inject(&same, "-p nginx --mode stage"), same);
    }
    // Where nothing is staged yet, too.
    for mount in [
        "mountPath: /usr/bin",
        "mountPath: /usr/bin, readOnly: true",
        "mountPath: /usr/lib, subPath: root/usr/lib, readOnly: true",
    ] {
        let plain = deployment(&format!("command: [app]\nvolumeMounts: [{{ name: lithify-staged, {mount} }}]"));
        plugin(&plain, "inject -p nginx --mode stage")
            .exits(3)
            .says("volume lithify-staged")
            .does_not_say("lithify in it");
    }
    // By another container, which is not injected.
    let other = "containers:\n        - name: other\n          image: o:1\n          volumeMounts: [{ name: lithify-staged-app, mountPath: /usr/bin, readOnly: true }]";
    plugin(&deployment("command: [app]").replace("containers:", other), "inject -p nginx --mode stage -c app")
        .exits(3)
        .says("standard input, with lithify in it:")
        .says("container other mounts the whole of volume");
}

#[test]
fn a_volume_that_is_staged_in_parts() {
    let pod = |sub_path: &str| {
        with_pod(
            &format!(
                "command: [app]\nvolumeMounts: [{{ name: v, mountPath: /usr/bin, subPath: {sub_path}, readOnly: true }}]"
            ),
            "volumes: [{ name: v, emptyDir: {} }]\ninitContainers:\n- name: one\n  image: lithify:1\n  args: [stage, -pnginx, /usr, --to=/v/one]\n  volumeMounts: [{ name: v, mountPath: /v, subPath: deep }]\n- name: two\n  image: lithify:1\n  args: [stage, -p, nginx, /usr/bin/, --to, /v]\n  volumeMounts: [{ name: v, mountPath: /v/, subPath: two }]",
        )
    };
    for right in ["deep/one/root/usr/bin", "two/root/usr/bin"] {
        plugin(&pod(right), "lint -p nginx").exits(0);
    }
    for wrong in ["root/usr/bin", "one/root/usr/bin", "two/root/usr"] {
        plugin(&pod(wrong), "lint -p nginx").exits(1).says("fix: subPath: deep/one/root/usr/bin");
    }
}

#[test]
fn a_sidecar_comes_after_and_goes_again() {
    let stage = "-p nginx --mode stage";
    let one = inject(&deployment("command: [app]"), stage);
    let side = "        - name: side\n          image: side:2\n          command: [side]\n";
    let both = one.replace("        - name: app\n", &format!("{side}        - name: app\n"));
    assert_eq!(inject(&both, &format!("{stage} -c app")), both);
    let injected = inject(&both, stage);
    assert_eq!(inject(&injected, stage), injected);
    plugin(&injected, "lint -p nginx").exits(0);
    let pod = spec(&injected);
    let volumes = |container: usize| -> Vec<&str> {
        pod["containers"][container]["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mount| mount["name"].as_str().unwrap())
            .collect()
    };
    assert_eq!(volumes(1), ["lithify", "lithify-staged", "lithify-staged"]);
    assert_eq!(volumes(0), ["lithify", "lithify-staged-side", "lithify-staged-side"]);
    let inits: Vec<(&Value, &Value)> =
        pod["initContainers"].as_array().unwrap().iter().map(|init| (&init["name"], &init["image"])).collect();
    assert_eq!(
        inits[1..],
        [(&json!("lithify-stage"), &json!("app:1")), (&json!("lithify-stage-side"), &json!("side:2"))]
    );

    // Two at first, then one of them alone; and one that is called otherwise now.
    let two = inject(
        &deployment("command: [app]").replace("        - name: app\n", &format!("{side}        - name: app\n")),
        stage,
    );
    let begin = two.find("        - name: side\n").unwrap();
    let end = two.find("        - name: app\n").unwrap();
    let alone = format!("{}{}", &two[..begin], &two[end..]);
    assert_eq!(inject(&alone, stage), alone);
    let renamed = two.replace("        - name: app\n", "        - name: web\n");
    assert_eq!(inject(&renamed, stage), renamed);
    // What one container has from another's image is not taken for its own.
    let shared = both.replace(
        "          command: [side]\n",
        "          command: [side]\n          volumeMounts:\n            - { name: lithify-staged, mountPath: /usr/bin, subPath: root/usr/bin, readOnly: true }\n",
    );
    let shared = shared.replace("        - name: app\n", "        - name: zero\n");
    plugin(&shared, "inject -p nginx --mode stage -c zero").exits(3).says("another volume is mounted at /usr/bin");
}

/// Kubernetes 1.37, with a feature gate.
#[test]
fn the_volumes_of_the_app_by_bind_mount_options() {
    let plain = deployment(
        "command: [/plugins/bin/app]\nvolumeMounts:\n- { name: data, mountPath: /data }   # kept\n- name: plugins\n  mountPath: /plugins\n- { name: own, mountPath: /own, bindMountOptions: [nodev] }\n- { name: image, mountPath: /image }",
    ) + "      volumes:\n      - { name: data, emptyDir: {} }\n      - { name: plugins, emptyDir: {} }\n      - { name: own, emptyDir: {} }\n      - { name: image, image: { reference: x } }\n";
    for mode in ["probe", "stage", "run"] {
        let arguments = format!("-p shells --mode {mode}");
        let ran = plugin(&plain, &format!("inject {arguments} --harden-volumes")).exits(0);
        let ran = ran.says("drops bindMountOptions in silence");
        let injected = &data(&ran.stdout)[0];
        let mounts = injected["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
        let options: Vec<_> =
            mounts.iter().map(|mount| (mount["name"].as_str().unwrap(), mount["bindMountOptions"].clone())).collect();
        let expected = [
            ("data", json!(["noexec", "nosuid", "nodev"])),
            // The app runs from there.
            ("plugins", json!(["nosuid", "nodev"])),
            ("own", json!(["nodev"])),
            ("image", Value::Null),
            ("lithify", Value::Null),
        ];
        assert_eq!(options[..5], expected, "{mode}");
        assert!(
            options[5..].iter().all(|(name, options)| *name == "lithify-staged" && options.is_null()),
            "{options:?}"
        );
        assert!(ran.stdout.contains("# kept"), "{}", ran.stdout);
        assert_eq!(inject(&ran.stdout, &format!("{arguments} --harden-volumes")), ran.stdout);
        // Nothing of it without the flag.
        assert!(!inject(&plain, &arguments).contains("noexec"));
    }
}

#[test]
fn a_profile_that_wants_noexec_is_compared_with_the_mounts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("site.toml");
    std::fs::write(&file, "schema = 1\nname = \"site\"\n[verify.mounts]\nnoexec = [\"/data/x\", \"/other\"]\n")
        .unwrap();
    let lint = format!("lint -p {}", file.display());
    let with = |mount: &str| deployment(&format!("volumeMounts: [{{ name: data, mountPath: /data{mount} }}]"));
    let says = "note: Deployment web, container app: /data/x must be noexec (profile site)";
    plugin(&with(""), &lint).exits(0).says(says).says("--harden-volumes").does_not_say("/other");
    plugin(&with(", bindMountOptions: [noexec]"), &lint).exits(0).does_not_say(says);
}
