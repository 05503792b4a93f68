//! `inject --digest`, and what `lint` says of digests.

use serde_json::Value;

use super::{data, deployment, inject, manifest, plugin};

fn digest(digit: char) -> String {
    format!("lithify1-sha256:{}", digit.to_string().repeat(64))
}

fn template(text: &str) -> Value {
    let object = data(text).into_iter().find(|object| object["kind"] == "Deployment").unwrap();
    object["spec"]["template"].clone()
}

#[test]
fn it_stands_in_the_call_that_hardens() {
    for mode in ["probe", "run"] {
        let arguments = |digit, profile| format!("-p {profile} --mode {mode} --digest {}", digest(digit));
        let once = inject(&manifest("web.yaml"), &arguments('a', "nginx"));
        assert_eq!(inject(&once, &arguments('a', "nginx")), once, "{mode} again");
        assert_eq!(inject(&once, &format!("-p nginx --mode {mode}")), once, "{mode} again, without it");
        let template = template(&once);
        let container = &template["spec"]["containers"][0];
        let call = if mode == "run" { &container["command"] } else { &container["startupProbe"]["exec"]["command"] };
        let words: Vec<&str> = call.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let at = words.iter().position(|word| *word == "--digest").unwrap();
        assert_eq!((words[at - 1], words[at + 1]), ("nginx", digest('a').as_str()), "{words:?}");
        // The digest is that of the image after hardening; the volumes that grow while it runs are not looked at again.
        assert!(!container["livenessProbe"].to_string().contains("--digest"));
        let only = template["spec"]["initContainers"][0]["args"].to_string();
        assert!(only.contains(&digest('a')), "{only}");
        let annotation = template["metadata"]["annotations"]["lithify.dev/profile-digest"].as_str().unwrap();
        assert!(annotation.starts_with("nginx=") && annotation.len() == 22, "{annotation}");
        plugin(&once, "lint -p nginx").exits(0).says("no findings");
        // The same as at once, from one without, and from one with another.
        let plain = manifest(&format!("web.{mode}.yaml"));
        assert_eq!(data(&inject(&plain, &arguments('a', "nginx"))), data(&once), "{mode}");
        let second = inject(&once, &arguments('b', "shells"));
        assert!(!second.contains(&digest('a')) && !second.contains(annotation), "{second}");
        assert_eq!(data(&second), data(&inject(&manifest("web.yaml"), &arguments('b', "shells"))), "{mode}");
    }
}

#[test]
fn a_profile_that_changed() {
    let injected = inject(&manifest("web.yaml"), &format!("-p nginx --mode probe --digest {}", digest('a')));
    let line = 1 + injected.lines().position(|line| line.contains("lithify.dev/profile-digest")).unwrap();
    plugin(&injected, "lint -p nginx -p compilers").exits(0);
    plugin(&injected, "lint -p shells")
        .exits(1)
        .says("container nginx: its digest was made with another profile")
        .says(&format!("standard input:{line}:"))
        .says("inject with --digest");
    plugin(&injected, "inject -p shells --mode probe").exits(3).says("made with another profile").says("--force");
    plugin(&injected, "inject -p shells --mode probe --force").exits(0);
    // A digest that somebody wrote by hand says nothing of a profile.
    let by_hand = injected.lines().filter(|line| !line.contains("profile-digest")).collect::<Vec<_>>().join("\n");
    plugin(&by_hand.replace("      annotations:\n", ""), "lint -p shells").says("no findings");
}

#[test]
fn several_containers_have_their_own() {
    let two = format!(
        "{}        - name: other\n          image: other:1\n          command: [other]\n",
        deployment("command: [app]")
    );
    let with = |digit| format!("-p shells --mode run --digest {}", digest(digit));
    plugin(&two, &format!("inject {}", with('a'))).exits(2).says("these containers have app:1, other:1");
    let first = inject(&two, &format!("{} -c app", with('a')));
    let both = inject(&first, &format!("{} -c other", with('b')));
    let annotation = template(&both)["metadata"]["annotations"]["lithify.dev/profile-digest"].to_string();
    assert!(annotation.contains("app=") && annotation.contains(",other="), "{annotation}");
    plugin(&both, "lint -p shells").exits(0);
}

#[test]
fn what_is_not_a_digest_is_not_taken() {
    let with = |digest: &str, mode: &str| {
        let digest = format!("--digest={digest}");
        plugin(&deployment("command: [app]"), &format!("inject -p shells --mode {mode} {digest}"))
    };
    with("", "run").exits(2).says("--digest: the digest is empty");
    with(&digest('a').replace("aaaa", "aaAa"), "run").exits(2).says("character 19 of the digest, `A`");
    with(&digest('a'), "stage").exits(2).says("--digest is for --mode probe and run");
}

#[test]
fn lint_reads_digests_wherever_they_are() {
    let lint = |container: &str, annotations: &str| {
        let text = deployment(&format!("image: app:1\n{container}"))
            .replace("          image: app:1\n          image", "          image");
        let text = text.replace("    spec:\n      containers", &format!("{annotations}    spec:\n      containers"));
        plugin(&text, "lint -p shells")
    };
    let probe = |digest: &str| {
        format!(
            "livenessProbe:\n  timeoutSeconds: 10\n  exec: {{ command: [/opt/lithify, verify, -p, shells, --digest, \"{digest}\"] }}"
        )
    };
    lint(&probe(&digest('a')), "").exits(0);
    lint(&probe(&digest('a')[1..]), "").exits(1).says("--digest: `ithify1-sha256:").says("does not begin with");
    // The kubelet expands no variables in probes.
    lint(&probe("lithify1-sha256:0"), "").exits(1).says("1 hex digits instead of 64");
    let variable = |value: &str| format!("{}\nenv:\n  - {{ name: LITHIFY_DIGEST, {value} }}", probe(&digest('a')));
    lint(&variable(&format!("value: \"{}\"", digest('a'))), "").exits(0);
    lint(&variable("value: \"\""), "").exits(1).says("LITHIFY_DIGEST: the digest is empty: lithify would exit 2");
    let from = "valueFrom: { fieldRef: { fieldPath: \"metadata.annotations['example.com/digest']\" } }";
    lint(&variable(from), "").exits(1).says("the annotation example.com/digest, which the pod does not have");
    let annotated = |digest: &str| format!("    metadata:\n      annotations:\n        example.com/digest: {digest}\n");
    lint(&variable(from), &annotated(&digest('a'))).exits(0);
    lint(&variable(from), &annotated("lithify1-sha256:xyz")).exits(1).says("character 17 of the digest, `x`");
    lint(&variable("valueFrom: { configMapKeyRef: { name: a, key: b } }"), "").exits(0);
    // Nothing of lithify reads it.
    lint("command: [app]\nenv:\n  - { name: LITHIFY_DIGEST, value: x }", "").exits(0);
}

/// A copy with `--only` takes the pod's digest, and no other variable that its lines do not set.
#[test]
fn a_variable_that_only_the_kubelet_knows_is_not_lost() {
    let from = |name: &str| {
        let from = format!(
            "env:\n  - name: {name}\n    valueFrom: {{ fieldRef: {{ fieldPath: \"metadata.annotations['x']\" }} }}"
        );
        deployment(&format!("command: [app]\n{from}")).replace(
            "    spec:\n      containers",
            &format!("    metadata: {{ annotations: {{ x: \"{}\" }} }}\n    spec:\n      containers", digest('a')),
        )
    };
    let injected = plugin(&from("LITHIFY_DIGEST"), "inject -p shells --mode probe").exits(0);
    assert!(injected.stdout.contains("--only=verify --profile shells\""), "{}", injected.stdout);
    plugin(&injected.stdout, "lint -p shells").exits(0);
    let open = plugin(&from("LITHIFY_PROFILE"), "inject -p shells --mode probe").exits(0);
    assert!(open.stderr.contains("only the kubelet knows the value of a variable"), "{}", open.stderr);
    assert!(!open.stdout.contains("--only"), "{}", open.stdout);
    let closed = injected.stdout.replace("LITHIFY_DIGEST", "LITHIFY_PROFILE");
    plugin(&closed, "lint -p shells").exits(1).says("LITHIFY_PROFILE is not read by a copy").says("without --only");
}
