//! What the installed copy accepts: all that the pod's containers call, whoever has put it there, and nothing else.

use serde_json::{Value, json};

use super::{data, deployment, inject, manifest, plugin};

fn args(text: &str) -> Value {
    data(text).remove(0)["spec"]["template"]["spec"]["initContainers"][0]["args"].clone()
}

/// The lines that the copy of an injected manifest accepts.
fn lines(text: &str) -> Vec<String> {
    let args = args(text);
    let args: Vec<&str> = args.as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    assert_eq!(args[..2], ["install", "/lithify"]);
    args[2..].iter().map(|arg| arg.strip_prefix("--only=").unwrap().to_owned()).collect()
}

#[test]
fn every_call_of_every_container_is_accepted() {
    let container = "command: [app, 'a b']\nlifecycle:\n  preStop:\n    exec: { command: [/lithify/lithify, sleep, '5'] }\nreadinessProbe: { exec: { command: [/lithify/lithify, probe, file, '/tmp/$x y'] } }\nvolumeMounts: [{ name: lithify, mountPath: /lithify, readOnly: true }]";
    let second = "        - name: second\n          image: app:2\n          command: [/tools/lithify, run, -p, shells, --, other]\n          volumeMounts: [{ name: lithify, mountPath: /tools, readOnly: true }]\n        - name: third\n          image: app:3\n          command: [/lithify/lithify, scan]\n";
    let two = format!("{}{second}", deployment(container));
    let injected = inject(&two, "-p nginx -c app --mode run");
    assert_eq!(
        lines(&injected),
        [
            "run --profile nginx -- app 'a b'",
            "probe file '/tmp/$$x y'",
            "sleep 5",
            "run -p shells -- other",
            // Not of that volume: the last one's.
        ]
    );
    assert_eq!(inject(&injected, "-p nginx -c app --mode run"), injected);
    // As `install` reads them, when the kubelet has.
    let read = lines(&injected)
        .into_iter()
        .map(|line| lithify::recognise::only::Line::new(&line.replace("$$", "$")).unwrap().words);
    let read: Vec<Vec<String>> = read.collect();
    assert_eq!(read[0], ["run", "--profile", "nginx", "--", "app", "a b"]);
    assert_eq!(read[1], ["probe", "file", "/tmp/$x y"]);
}

/// What was inscribed for an earlier profile goes, what somebody has added stays.
#[test]
fn injecting_again_leaves_what_somebody_has_added() {
    let probe = manifest("web.probe.yaml");
    let line = "            - \"--only=verify --profile nginx\"\n";
    assert!(probe.contains(line), "{probe}");
    let more = probe.replace(line, &format!("{line}            - \"--only=scan\"   # for the auditor\n"));
    assert_eq!(inject(&more, "-p nginx --mode probe"), more);
    let other = inject(&more, "-p shells --mode probe");
    assert!(other.contains("# for the auditor") && !other.contains("nginx\"\n"), "{other}");
    // An installer of before, in either form.
    for old in ["args: [install, /lithify]", "command: [/bin/lithify, install]\n          args: [/lithify]"] {
        let start = probe.find("          args:\n").unwrap();
        let end = start + probe[start..].find("          resources:").unwrap();
        let before = format!("{}          {old}\n{}", &probe[..start], &probe[end..]);
        let after = inject(&before, "-p nginx --mode probe");
        assert!(after.contains("--only=verify --profile nginx"), "{after}");
        plugin(&after, "lint -p nginx").exits(0).does_not_say("accepts any command line");
    }
}

#[test]
fn variables_are_inscribed_with_the_line() {
    let with = |env: &str| deployment(&format!("command: [app]\nenv: [{env}]"));
    let log = "{ name: LITHIFY_LOG, value: /proc/1/fd/2 }";
    let injected = inject(&with(&format!("{log}, {{ name: LITHIFY_PORT, value: x }}")), "-p nginx --mode run");
    assert_eq!(lines(&injected), ["LITHIFY_LOG=/proc/1/fd/2 run --profile nginx -- app"]);
    plugin(&injected, "lint -p nginx").exits(0).does_not_say("note");
    let without = injected.replace("LITHIFY_LOG=/proc/1/fd/2 run", "run");
    plugin(&without, "lint -p nginx").exits(1).says("LITHIFY_LOG is not read by a copy that accepts certain");
    // The same words twice cannot be told apart.
    let two = format!(
        "{}        - name: second\n          image: app:1\n          command: [app]\n          env: [{{ name: LITHIFY_LOG, value: /x }}]\n",
        with(log)
    );
    plugin(&two, "inject -p nginx --mode run --image r/l:1").exits(3).says("by the same words and other variables");
}

/// What only the kubelet knows cannot be inscribed.
#[test]
fn a_command_with_a_variable_in_it_leaves_the_copy_open() {
    let plain = deployment("command: [app, --port, $(PORT)]\nenv: [{ name: PORT, value: '80' }]");
    let ran = plugin(&plain, "inject -p nginx --mode run --image r/l:1").exits(0);
    ran.does_not_say("--only=").says("note: ").says("stays open to any command line");
    assert_eq!(args(&inject(&plain, "-p nginx --mode run")), json!(["install", "/lithify"]));
    // A probe's words are not changed by the kubelet, those of a command with two signs are.
    let escaped = deployment(
        "command: [app, $$(PORT)]\nreadinessProbe: { exec: { command: [/lithify/lithify, probe, file, /$(X)] } }\nvolumeMounts: [{ name: lithify, mountPath: /lithify, readOnly: true }]",
    );
    let injected = inject(&escaped, "-p nginx --mode run");
    assert_eq!(lines(&injected), ["run --profile nginx -- app '$$(PORT)'", "probe file '/$$(X)'"]);
    plugin(&injected, "lint -p nginx").exits(0).does_not_say("note");
}

#[test]
fn lint_says_what_would_be_refused() {
    let run = manifest("web.run.yaml");
    let lint = |text: &str| plugin(text, "lint -p nginx");
    let line = "            - \"--only=run --profile nginx -- /usr/sbin/nginx -g 'daemon off;'\"\n";
    assert!(run.contains(line), "{run}");
    lint(&run.replace(line, "")).exits(0).says("note: ").says("the copy accepts any command line").says("--only=run");
    lint(&run.replace(line, "            - \"--only=verify --profile nginx\"\n"))
        .exits(1)
        .says("container nginx: lithify does not accept this: it exits 2")
        .says("args of lithify: \"--only=run --profile nginx -- /usr/sbin/nginx -g 'daemon off;'\"");
    let site = run
        .replace("\"--profile\", \"nginx\"", "\"--profile\", \"/site/x.toml\"")
        .replace("--profile nginx", "--profile /site/x.toml");
    lint(&site).exits(0).says("note: ").says("what /site/x.toml says is not inscribed");
    let mounts = "          volumeMounts:\n            - name: cache";
    assert!(site.contains(mounts));
    let mount = "          volumeMounts:\n            - { name: site, mountPath: /site, readOnly: true }\n            - name: cache";
    lint(&site.replace(mounts, mount)).exits(0).does_not_say("note: ");
    // The same said in other words is another command line.
    lint(&run.replace("run --profile nginx -- /usr", "run --profile=nginx -- /usr")).exits(1).says("it exits 2");
    lint(&run.replace("'daemon off;'\"\n", "'daemon off;\"\n")).exits(1).says("a quote is not closed");
    lint(&run.replace("'daemon off;'\"\n", "\\\"daemon off;\\\"\"\n")).exits(0).says("no findings");
}
