//! `learn`: what it prints without a cluster, and what it does with one, which a kubectl of the test's own plays.

use std::process::Command;

use crate::kubectl::Kubectl;
use crate::ran::{Ran, run, run_with};
use crate::{command, data, deployment, inject, plugin};

const PROFILE: &str = "# Written by `lithify learn`: what an app was seen to start, load and write. What was not exercised is not in it.\n# run 1 (0): an app that ran already\nschema = 1\nname = \"learned-nginx\"\n\n[keep]\nonly = [\n  \"/usr/sbin/nginx\", # the app; run 1\n]\n";
const DONE: &str = "lithify learn /proc/1/root: 1 program, 9 libraries (0 by name), 0 writable directories; the profile is in standard output";

fn learn(arguments: &str) -> Ran {
    run(&mut command(["learn"].into_iter().chain(arguments.split_whitespace())))
}

/// Each line is a command of a shell, whose words it finds.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" | ").next().unwrap();
    let ran = run(Command::new("sh").args(["-c", &format!("printf '%s\\n' {line}")])).exits(0);
    ran.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_pod_as_commands() {
    let ran = learn("web-1 -n shop -c nginx --for 5.5 --image registry.example/lithify:1 --out web.toml").exits(0);
    assert!(ran.stderr.contains("nothing was done; --apply runs this"), "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let patch = words(lines[0]);
    assert_eq!(patch[..6], ["kubectl", "--namespace", "shop", "patch", "pod", "web-1"]);
    let patch: serde_json::Value = serde_json::from_str(patch.last().unwrap()).unwrap();
    let container = &patch["spec"]["ephemeralContainers"][0];
    assert_eq!(container["targetContainerName"], "nginx");
    assert_eq!(container["image"], "registry.example/lithify:1");
    // lithify takes these words.
    let args: Vec<&str> = container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(args, ["learn", "--root", "/proc/1/root", "--for", "5.5"]);
    let parsed = lithify::cli::Cli::parse(std::iter::once("lithify").chain(args).map(Into::into));
    assert!(parsed.is_ok(), "{:?}", parsed.err());
    assert!(
        lines[1].contains(" wait pod web-1 --timeout=185s ") && lines[2].contains("--logs - --out web.toml"),
        "{lines:?}"
    );
}

#[test]
fn a_workload_as_a_manifest() {
    let manifest = deployment("command: [nginx]\nargs: [-g, daemon off;]");
    let ran = plugin(&manifest, "learn --for 60");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let pod = &data(&ran.stdout)[0]["spec"]["template"]["spec"];
    let app = &pod["containers"][0];
    let words = ["/lithify/lithify", "learn", "--for", "60", "--", "nginx"];
    assert_eq!(app["command"], serde_json::json!(words));
    assert_eq!(app["args"], serde_json::json!(["-g", "daemon off;"]));
    let installer = &pod["initContainers"][0];
    assert_eq!(installer["args"][0], "install");
    assert_eq!(installer["args"][2], "--only=learn --for 60 -- nginx -g 'daemon off;'", "{installer}");
    assert!(ran.stderr.contains("kubectl logs deployment/web | kubectl lithify learn --logs -"), "{}", ran.stderr);
    // The command of an image is named.
    plugin(&deployment(""), "learn").exits(3).says("name it with --command");
    let named = plugin(&deployment(""), "learn --command httpd-foreground").exits(0);
    assert!(named.stdout.contains("\"30\", \"--\", \"httpd-foreground\"]"), "{}", named.stdout);
}

#[test]
fn what_is_hardened_is_not_learned() {
    for mode in ["probe", "run"] {
        let hardened = inject(&deployment("command: [nginx]"), &format!("--mode {mode} --profile nginx"));
        plugin(&hardened, "learn").exits(3).says("is hardened by lithify").says("as it was before inject");
    }
}

#[test]
fn the_profile_in_a_log() {
    let log = format!("10.0.0.1 - GET / 200\n{PROFILE}{DONE}\n10.0.0.1 - GET / 200\n");
    let ran = run_with(&mut command(["learn", "--logs", "-"]), &log).exits(0);
    assert_eq!(ran.stdout, PROFILE);
    assert!(ran.stderr.contains("--profile ./learned.toml=/site/learned.toml"), "{}", ran.stderr);
    run_with(&mut command(["learn", "--logs", "-"]), "up\n").exits(2).says("no profile in this log").says("fix: wait");
    // A full disk: the profile is not lost.
    let full = run_with(&mut command(["learn", "--logs", "-", "--out", "/dev/full"]), &log).exits(2);
    assert_eq!(full.stdout, PROFILE);
    learn("--logs /none").exits(2).says("/none: cannot be read").says("fix:");
    plugin("kind: Service\n", "learn").exits(2).says("standard input describes no pods").says("fix: give the manifest");
    learn("").exits(2);
    learn("pod --logs -").exits(2);
    learn("--logs - --apply").exits(2);
}

/// A cluster with one pod. Once the pod is patched, it has the status.
fn cluster(pod: &str, state: &str, log: &str) -> Kubectl {
    let script = format!(
        "case \"$*\" in\n*'patch pod'*) >patched;;\n*'get pod'*)\n  \
         if [ -e patched ]; then status='{{\"ephemeralContainerStatuses\":[{{\"name\":\"lithify-learn\",\"state\":{state}}}]}}'; else status='{{}}'; fi\n  \
         printf '{{\"spec\":%s,\"status\":%s}}' '{pod}' \"$status\";;\n*logs*) cat log;;\n*apply*) cat >applied;;\n*) ;;\nesac"
    );
    Kubectl::new(&script, &[("log", log)])
}

fn with(cluster: &Kubectl, arguments: &str, manifest: &str) -> (Ran, String) {
    let mut command = command(["learn", "--apply"].into_iter().chain(arguments.split_whitespace()));
    let ran = run_with(cluster.of(&mut command), manifest);
    (ran, cluster.told())
}

#[test]
fn a_pod_by_kubectl() {
    let pod = "{\"containers\":[{\"name\":\"nginx\"}]}";
    let log = format!("{PROFILE}note: something\n  fix: so\n{DONE}\n");
    let ended = cluster(pod, "{\"terminated\":{\"exitCode\":0}}", &log);
    let (ran, told) = with(&ended, "web --context c", "");
    let ran = ran.exits(0);
    assert_eq!(ran.stdout, PROFILE);
    assert!(ran.stderr.contains("note: something\n  fix: so\n") && ran.stderr.contains("next: "), "{}", ran.stderr);
    assert!(
        told.contains("--context c patch pod web --subresource=ephemeralcontainers")
            && told.contains("\"targetContainerName\":\"nginx\""),
        "{told}"
    );
    // It could not look, and says why.
    let failed = cluster(
        pod,
        "{\"terminated\":{\"exitCode\":2}}",
        "lithify learn: --root /proc/1/root: Permission denied\n  fix: so\n",
    );
    with(&failed, "web", "").0.exits(2).says("no profile in this log").says("Permission denied");
}

#[test]
fn pods_that_are_not_clear() {
    let two = cluster("{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "{}", "");
    let (ran, told) = with(&two, "web", "");
    ran.exits(2).says("the containers of this pod are a, b").says("--container");
    assert!(!told.contains("patch"), "{told}");
    let shared = cluster("{\"shareProcessNamespace\":true,\"containers\":[{\"name\":\"a\"}]}", "{}", "");
    with(&shared, "web", "").0.exits(2).says("shareProcessNamespace").says("learn -f FILE");
    let empty = tempfile::tempdir().unwrap();
    let mut without = command(["learn", "--apply", "web"]);
    run(without.env("PATH", empty.path())).exits(2).says("put kubectl into PATH");
}

/// A workload has one of its pods that runs looked at.
#[test]
fn a_pod_of_a_workload() {
    let pod = |name: &str, phase: &str, ready: &str, made: &str| {
        serde_json::json!({
            "metadata": { "name": name, "creationTimestamp": made },
            "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] },
        })
    };
    let with = |pods: &[serde_json::Value], workload: &str, arguments: &str| {
        let list = serde_json::json!({ "items": pods }).to_string();
        let script = "case \"$*\" in *'get pods'*) cat pods;; *) cat workload;; esac";
        let cluster = Kubectl::new(script, &[("pods", &list), ("workload", workload)]);
        let mut command = command(["learn"].into_iter().chain(arguments.split_whitespace()));
        let ran = run(cluster.of(&mut command));
        (ran, cluster.told())
    };
    let workload = "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"web\"}}}}";
    let mut going = pod("web-0", "Running", "True", "2026-11-29T12:00:00Z");
    going["metadata"]["deletionTimestamp"] = serde_json::json!("2026-11-29T12:00:00Z");
    let pods = [
        pod("web-1", "Running", "True", "2026-11-29T10:00:00Z"),
        pod("web-2", "Running", "True", "2026-11-29T11:00:00Z"),
        pod("web-3", "Running", "False", "2026-11-29T12:00:00Z"),
        pod("web-4", "Pending", "False", "2026-11-29T12:00:00Z"),
        going.clone(),
    ];
    for kind in ["deployment", "statefulset", "daemonset", "job"] {
        let (ran, told) = with(&pods, workload, &format!("{kind}/web -n shop -c app"));
        let ran = ran.exits(0);
        let note = format!("note: of {kind}/web the pod web-2 is taken, one of 3 that runs\n");
        assert!(ran.stderr.starts_with(&note), "{}", ran.stderr);
        assert!(ran.stdout.starts_with("kubectl --namespace shop patch pod web-2 "), "{}", ran.stdout);
        assert_eq!(
            told,
            format!("--namespace shop get {kind} web -o json\n--namespace shop get pods --selector app=web -o json\n")
        );
    }
    with(&pods[3..], workload, "deployment/web")
        .0
        .exits(2)
        .says("deployment/web has no pod that runs: web-4 is Pending, web-0 is Terminating")
        .says("fix: see kubectl describe deployment web; or learn from its manifest");
    with(&[], workload, "sts/web").0.exits(2).says("sts/web has no pod that runs: it has none at all");
    with(&pods, "{\"spec\":{\"schedule\":\"0 3 * * *\"}}", "cronjob/web")
        .0
        .exits(2)
        .says("of a CronJob one of its Jobs");
    for odd in ["-- --all", "deployment/", "/web", "a/b/c", "pod/-A"] {
        let (ran, told) = with(&pods, workload, odd);
        ran.exits(2).says("give the name of a pod, or KIND/NAME, such as deployment/web");
        assert_eq!(told, "", "{odd}");
    }
}

#[test]
fn a_workload_by_kubectl() {
    let cluster = cluster("{}", "{}", &format!("up\n{PROFILE}{}\n", DONE.replace("/proc/1/root", "/")));
    let (ran, told) = with(&cluster, "-f - --for 1", &deployment("command: [nginx]"));
    let ran = ran.exits(0);
    assert_eq!(ran.stdout, PROFILE);
    for step in ["apply -f -", "rollout status deployment/web", "logs deployment/web"] {
        assert!(told.contains(step), "{step}: {told}");
    }
    let applied = cluster.read("applied");
    assert!(applied.contains("\"learn\", \"--for\", \"1\", \"--\", nginx]"), "{applied}");
}
