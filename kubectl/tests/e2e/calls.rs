//! Calls of lithify in every form that a manifest can have them in.

use serde_json::{Value, json};

use super::{data, deployment, inject, manifest, plugin};

fn app(text: &str) -> Value {
    data(text).remove(0)["spec"]["template"]["spec"]["containers"][0].clone()
}

fn words(container: &Value) -> Vec<&str> {
    let lists = ["command", "args"].map(|key| container[key].as_array().into_iter().flatten());
    lists.into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn a_staging_container_is_found_however_it_is_called() {
    let only = "            - \"--only=stage --profile nginx /usr/bin /usr/sbin /bin /sbin --to /staged\"\n";
    let staged = manifest("web.stage.yaml").replace(only, "");
    let call = "command: [\"/lithify/lithify\", \"stage\", \"--profile\", \"nginx\", \"/usr/bin\", \"/usr/sbin\", \"/bin\", \"/sbin\", \"--to\", \"/staged\"]";
    assert!(staged.contains(call));
    for other in [
        "command: [/lithify/lithify]\n          args: [stage, --profile, nginx, /usr/bin, /usr/sbin, /bin, /sbin, --to, /staged]",
        "command: [/lithify/lithify, stage, --profile]\n          args: [nginx, /usr/bin, /usr/sbin, /bin, /sbin, --to, /staged]",
        "command: [/lithify/lithify, -v, --log=/x, --format, json, stage, -pnginx, /usr/bin, /usr/sbin, /bin, /sbin, --to, /staged/]",
        "command: [/bin/lithify, stage, -qp, nginx, /usr/bin, /usr/sbin, /bin/, /sbin, --to=//staged]",
        "args: [-v, stage, -p=nginx, --root, /, /usr/bin, /usr/sbin, /bin, /sbin, --to, /staged]",
    ] {
        let right = staged.replace(call, other);
        plugin(&right, "lint -p nginx").exits(0).says("no findings");
        let again = inject(&right, "-p nginx --mode stage");
        assert_eq!(inject(&again, "-p nginx --mode stage"), again);
        let wrong = right.replace("subPath: root/usr/bin, readOnly: true", "subPath: root/usr/bim");
        let ran = plugin(&wrong, "lint -p nginx");
        ran.exits(1).says("2 findings").says("can write to volume lithify-staged").says("mounts \"root/usr/bim\"");
        // The profiles are replaced, and nothing but them.
        let shells = data(&inject(&right, "-p shells --mode stage"));
        let pod =
            shells.iter().find(|object| object["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"].clone();
        let init = &pod["initContainers"][1];
        let words = words(init);
        let at = words.iter().position(|word| *word == "--profile").unwrap();
        assert_eq!(words[at + 1], "shells", "{words:?}");
        assert!(!words.iter().any(|word| word.contains("nginx")) && words.contains(&"/usr/bin"), "{words:?}");
    }
}

#[test]
fn a_container_that_runs_lithify_already_gets_it_once() {
    for (command, args) in [
        (json!(["/lithify/lithify"]), json!(["run", "--profile", "nginx", "--", "nginx", "-p", "x"])),
        (json!(["/lithify/lithify", "run"]), json!(["-pnginx", "--", "nginx", "-p", "x"])),
        (json!(["/lithify/lithify", "-v", "run", "--profile", "nginx", "--"]), json!(["nginx", "-p", "x"])),
        (json!(["/opt/lithify", "run", "--profile", "nginx", "--", "nginx"]), json!(["-p", "x"])),
    ] {
        let plain = deployment(&format!("command: {command}\nargs: {args}"));
        let once = inject(&plain, "-p shells --mode run");
        assert_eq!(inject(&once, "-p shells --mode run"), once);
        let container = app(&once);
        let words = words(&container);
        let mut expected: Vec<&str> =
            command.as_array().unwrap().iter().take(1).map(|word| word.as_str().unwrap()).collect();
        expected.extend(words.contains(&"-v").then_some("-v"));
        expected.extend(["run", "--profile", "shells", "--", "nginx", "-p", "x"]);
        assert_eq!(words, expected);
        // What it runs is looked at, and it is of no other mode.
        plugin(&plain, "inject -p nginx --mode stage").exits(3).says("has lithify in mode run already");
        let shell = plain.replace("\"nginx\",\"-p\"", "\"python3\",\"-p\"").replace("\"nginx\"]", "\"python3\"]");
        plugin(&shell, "lint -p interpreters").exits(1).says("python3 will not be there");
    }
}

#[test]
fn a_probe_with_options_before_the_subcommand() {
    let probed = inject(&deployment("command: [app]"), "-p nginx --mode probe");
    for (old, new, inscribed) in [
        ("\"harden\"", "\"-q\", \"harden\"", "-q harden"),
        ("\"verify\"", "\"--format\", \"json\", \"verify\"", "--format json verify"),
    ] {
        let line = format!("=\"{}", old.trim_matches('"')).replace('"', "");
        let replaced = |text: &str| text.replace(old, new).replace(&line, &format!("={inscribed}"));
        let other = replaced(&probed);
        assert_ne!(other, probed);
        assert_eq!(inject(&other, "-p nginx --mode probe"), other);
        let shells = inject(&other, "-p shells --mode probe");
        assert_eq!(shells, replaced(&inject(&probed, "-p shells --mode probe")));
        plugin(&other.replace("timeoutSeconds: 10", "timeoutSeconds: 1"), "lint -p nginx").exits(1).says("3 findings");
    }
}
