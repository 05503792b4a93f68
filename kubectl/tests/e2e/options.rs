//! Files, profiles and the rest of the command line.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::{command, data, deployment, inject, manifest, plugin};
use crate::ran::run;

#[test]
fn in_place_is_whole_and_keeps_the_mode() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("web.yaml"), directory.path().join("link.yaml"));
    std::fs::write(&file, manifest("web.yaml")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("web.yaml", &link).unwrap();
    let in_place = |mode: &str| run(command(["inject", "-p", "nginx", "-i", "--mode", mode, "-f"]).arg(&link));
    let ran = in_place("run");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), manifest("web.run.yaml"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    // Refused: nothing is written, and nothing lies beside it.
    assert_eq!(in_place("stage").code, 3);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), manifest("web.run.yaml"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    plugin("", "inject -p nginx --mode run -i").exits(2).says("standard input is none");
}

#[test]
fn an_image_is_one_reference() {
    for image in ["a b", "a\nb", " a", "\u{e4}"] {
        let ran = run(command(["inject", "-f", "-", "-p", "nginx", "--mode", "run", "--image"]).arg(image));
        ran.exits(2).says("give one reference, such as ghcr.io/lithify/lithify:0.1.0");
    }
}

#[test]
fn profiles_of_ones_own_must_be_in_the_container() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("site.toml");
    std::fs::write(&file, "schema = 1\nname = \"site\"\n[remove]\nnames = [\"app\"]\n").unwrap();
    let file = file.to_str().unwrap();
    let plain = deployment("command: [other]");
    plugin(&plain, &format!("inject --mode run -p {file}"))
        .exits(2)
        .says("a file of this machine is not in the container")
        .says(&format!("--profile {file}=/site/site.toml"));
    plugin(&plain, &format!("inject --mode run -p {file}=/site/site.toml"))
        .exits(3)
        .says("no volume is mounted over the profile /site/site.toml");
    let mounted = deployment("command: [other]\nvolumeMounts:\n  - { name: site, mountPath: /site, readOnly: true }");
    for mode in ["run", "probe", "stage"] {
        let injected = inject(&mounted, &format!("--mode {mode} -p shells -p {file}=/site/site.toml"));
        assert!(injected.contains("\"--profile\", \"shells\", \"--profile\", \"/site/site.toml\""), "{injected}");
        let pod = data(&injected).remove(0)["spec"]["template"]["spec"].clone();
        let staging = pod["initContainers"][1]["volumeMounts"].as_array();
        assert_eq!(
            staging.is_some_and(|mounts| mounts.iter().any(|mount| mount["mountPath"] == "/site")),
            mode == "stage"
        );
    }
    // Its own rules count.
    plugin(&mounted.replace("[other]", "[app]"), &format!("inject --mode run -p {file}=/site/site.toml"))
        .exits(3)
        .says("names \"app\" of profile site removes it");
    plugin(&plain, "inject --mode run -p nginx=/x").exits(2).says("nginx is built in");
    plugin(&plain, "inject --mode run -p ngix").exits(2).says("did you mean `nginx`?");
    plugin(&plain, "lint -p ngix").exits(2).says("did you mean `nginx`?");
}

#[test]
fn a_command_for_an_image_that_has_its_own() {
    let plain = deployment("args: [x]");
    let pod = |arguments: &str| {
        data(&inject(&plain, arguments)).remove(0)["spec"]["template"]["spec"]["containers"][0].clone()
    };
    let expected = serde_json::json!(["/lithify/lithify", "run", "--profile", "shells", "--", "app", "-v"]);
    assert_eq!(pod("-p shells --mode run --command [\"app\",\"-v\"]")["command"], expected);
    assert_eq!(pod("-p shells --mode stage --command app")["command"], serde_json::json!(["app"]));
    let injected = inject(&plain, "-p shells --mode run --command app");
    assert_eq!(inject(&injected, "-p shells --mode run"), injected);
    // The args behind it are not for --command to name.
    assert_eq!(inject(&injected, "-p shells --mode run --command app"), injected);
    plugin(&injected, "inject -p shells --mode run --command other").exits(3).says("has a command already");
    plugin(&plain, "inject -p shells --mode probe --command app").exits(2).says("leave it out");
    plugin(&plain, "inject -p shells --mode run --stage-dir /bin").exits(2).says("--mode stage");
    for (dir, why) in [
        ("bin", "it is not absolute"),
        ("./bin", "it is not absolute"),
        ("/", "the root itself"),
        ("//.", "the root itself"),
        ("/a/../b", "`..` leads"),
        ("/a:b", "a mount path has no `:`"),
        ("/lithify", "lithify's own volumes"),
        ("/./lithify/x", "lithify's own volumes"),
        ("//staged/", "lithify's own volumes"),
        ("/proc", "the kernel's files"),
        ("//sys/./fs", "the kernel's files"),
        ("/dev/shm", "the kernel's files"),
    ] {
        plugin(&plain, &format!("inject -p shells --mode stage --stage-dir {dir}"))
            .exits(2)
            .says(&format!("--stage-dir {dir} is no directory to mount over: {why}"));
    }
}

#[test]
fn a_directory_to_stage_is_the_same_however_it_is_written() {
    let plain = deployment("command: [app]");
    let once = inject(&plain, "-p shells --mode stage --stage-dir /usr/bin --stage-dir /procps");
    assert!(once.contains("\"/usr/bin\", \"/procps\", \"--to\""), "{once}");
    for dirs in ["//usr//bin --stage-dir /procps", "/usr/./bin/ --stage-dir /procps/. --stage-dir /usr/bin"] {
        let arguments = format!("-p shells --mode stage --stage-dir {dirs}");
        assert_eq!(inject(&plain, &arguments), once, "{dirs}");
        assert_eq!(inject(&once, &arguments), once, "{dirs}");
    }
}

#[test]
fn the_image_and_who_says_it() {
    let plain = deployment("command: [app]");
    plugin(&plain, "inject -p shells --mode run").exits(0).says("image: ghcr.io/lithify/lithify:0.1.0");
    plugin(&plain, "inject -p shells --mode run --image r/l:1").exits(0).says("image: r/l:1");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.yaml");
    std::fs::write(&file, &plain).unwrap();
    let ran =
        run(command(["inject", "-p", "shells", "--mode", "run", "-f"]).arg(&file).env("LITHIFY_IMAGE", "r/l:env"));
    ran.exits(0).says("image: r/l:env");
    // An image that somebody chose stays, unless another one is named.
    let injected = inject(&plain, "-p shells --mode run --image r/l:1");
    assert_eq!(inject(&injected, "-p shells --mode run"), injected);
    assert!(inject(&injected, "-p shells --mode run --image r/l:2").contains("image: r/l:2"));
}

#[test]
fn a_wait_is_never_shorter_than_the_probe_that_was_there() {
    for (probe, wait) in [
        ("tcpSocket: { port: 1 }", 60),
        ("tcpSocket: { port: 1 }, failureThreshold: 30", 300),
        ("tcpSocket: { port: 1 }, failureThreshold: 100, periodSeconds: 3, initialDelaySeconds: 20", 320),
        ("httpGet: { port: 1, host: '::1' }, failureThreshold: 1, periodSeconds: 1000", 1000),
    ] {
        let injected =
            data(&inject(&deployment(&format!("startupProbe: {{ {probe} }}")), "-p shells --mode probe")).remove(0);
        let new = &injected["spec"]["template"]["spec"]["containers"][0]["startupProbe"];
        let command: Vec<&str> =
            new["exec"]["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let at = command.iter().position(|word| *word == "--wait-timeout").unwrap();
        assert_eq!(command[at + 1], wait.to_string(), "{probe}");
        let (tries, period) = (new["failureThreshold"].as_u64().unwrap(), new["periodSeconds"].as_u64().unwrap());
        assert!(tries < 15 && period >= 5 && tries * period > wait, "{probe}: {new}");
        assert!(new["timeoutSeconds"] == 10 && new.get("tcpSocket").is_none() && new.get("httpGet").is_none(), "{new}");
        // It is a command line that lithify takes.
        lithify::cli::Cli::parse(command.iter().map(Into::into)).unwrap();
    }
}

#[test]
fn a_job_is_better_run() {
    let job = deployment("command: [app]").replace("apps/v1", "batch/v1").replace("Deployment", "Job");
    plugin(&job, "inject -p shells --mode probe")
        .exits(3)
        .says("Job web, container app: it ends by itself (Job): it may be over before");
    plugin(&job, "inject -p shells --mode run").exits(0).does_not_say("may be over");
}

#[test]
fn names_of_containers() {
    let manifest = format!(
        "{}---\n{}",
        deployment("command: [app]"),
        deployment("command: [app]").replace("name: app", "name: other")
    );
    for command in ["inject --mode run", "lint"] {
        let with = |arguments: &str| plugin(&manifest, &format!("{command} -p nginx {arguments}"));
        with("-c app -c other").exits(0);
        with("-c other").exits(0);
        with("-c app -c zz -c typo").exits(2).says("no container is called zz or typo").says("are app, other");
        let empty = "kind: Pod\nmetadata: { name: web }\nspec: {}\n";
        plugin(empty, &format!("{command} -p nginx")).exits(2).says("standard input:3:7: Pod web has no containers");
        plugin("kind: Service\n", &format!("{command} -p nginx -c app")).exits(0);
    }
}

#[test]
fn what_cannot_be_printed_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.yaml");
    std::fs::write(&file, deployment("command: [app]")).unwrap();
    for words in [&["lint"][..], &["inject", "--mode", "run"], &["inject", "--mode", "run", "--dry-run"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = command(words).args(["-p", "nginx", "-f"]).arg(&file).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains("standard output: cannot be written: No space left"), "{words:?}: {said}");
    }
}

#[test]
fn help_and_mistakes() {
    plugin("", "--help").exits(0).says("kubectl lithify");
    plugin("", "inject --mode other -p nginx").exits(2).says("possible values: probe, stage, run");
    run(&mut command(["inject", "-f", "/nowhere.yaml", "-p", "nginx", "--mode", "run"]))
        .exits(2)
        .says("/nowhere.yaml: cannot be read");
    run(&mut command(["lint", "-f", "/nowhere.yaml", "-p", "nginx"])).exits(2).says("/nowhere.yaml: cannot be read");
}
