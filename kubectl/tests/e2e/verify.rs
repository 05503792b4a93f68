//! `verify`: which containers are asked, how, and what becomes of their answers. A kubectl of the test's own plays the cluster.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::ran::{Ran, run, run_with};
use crate::{command, data, deployment, inject};

const HOLDS: &str = r#"{"schema":1,"command":"verify","version":"0.1.0","checks":[{"id":"process.user","status":"pass","subject":"process 1","detail":"uid 101","hint":null}]}"#;
const FAILS: &str = r#"{"schema":1,"command":"verify","version":"0.1.0","checks":[{"id":"process.user","status":"fail","subject":"process 1","detail":"it runs as root: uid 0","hint":"set runAsUser"},{"id":"remove","status":"unverified","subject":"/root","detail":"Permission denied","hint":null}]}"#;

/// A pod that runs, with this spec.
fn pod(name: &str, spec: &Value) -> Value {
    let mut pod =
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "shop" }, "spec": spec });
    pod["spec"]["nodeName"] = json!("node-1");
    let containers = spec["containers"].as_array().unwrap();
    let statuses: Vec<Value> =
        containers.iter().map(|container| json!({ "name": container["name"], "state": { "running": {} } })).collect();
    pod["status"] = json!({ "phase": "Running", "containerStatuses": statuses });
    pod
}

/// A pod whose container calls lithify by this livenessProbe.
fn probed(name: &str, words: &[&str]) -> Value {
    let probe = json!({ "exec": { "command": words } });
    pod(name, &json!({ "containers": [{ "name": "app", "image": "app:1", "livenessProbe": probe }] }))
}

/// The spec of the pods of a Deployment that `inject` has hardened.
fn hardened(mode: &str) -> Value {
    let manifest =
        inject(&deployment("command: [nginx]\nargs: [-g, daemon off;]"), &format!("--mode {mode} --profile nginx"));
    data(&manifest)[0]["spec"]["template"]["spec"].clone()
}

/// A kubectl that knows these pods, and answers `exec` by what a script with the pod's name says.
fn cluster(pods: &[Value], answers: &[(&str, &str)]) -> Kubectl {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": pods });
    let list = serde_json::to_string_pretty(&list).unwrap();
    let script = "mkdir -p running\ncase \"$*\" in\n*'get pods'*) cat pods.json;;\n*exec*)\n  \
         >running/$$; ls running | wc -l >>most\n  while [ $# -gt 0 ] && [ \"$1\" != exec ]; do shift; done\n  \
         sh ./\"$4\" \"$@\"; code=$?; rm running/$$; exit $code;;\nesac";
    Kubectl::new(script, &[&[("pods.json", list.as_str())], answers].concat())
}

fn verify(cluster: &Kubectl, arguments: &str) -> Ran {
    run(cluster.of(&mut command(["verify"].into_iter().chain(arguments.split_whitespace()))))
}

fn says(report: &str, code: i32) -> String {
    format!("cat <<'END'\n{report}\nEND\nexit {code}\n")
}

#[track_caller]
fn assert_valid(instance: &Value) {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/pods.schema.json");
    compiler.add_resource("file:///s.json", serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).unwrap();
    let index = compiler.compile("file:///s.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(instance, index) {
        panic!("{error:#}\n{instance:#}");
    }
}

/// Each mode of `inject` leads to a question that the copy in the pod takes.
#[test]
fn every_hardened_container_is_asked_as_its_copy_accepts_it() {
    let specs = [hardened("probe"), hardened("run")];
    let pods = [pod("probe-0", &specs[0]), pod("run-0", &specs[1]), pod("stage-0", &hardened("stage"))];
    let cluster = cluster(&pods, &[("probe-0", &says(HOLDS, 0)), ("run-0", &says(HOLDS, 0))]);
    let ran = verify(&cluster, "-n shop --format json").exits(0);
    let document = ran.json();
    assert_valid(&document);
    for (pod, spec) in document["pods"].as_array().unwrap().iter().zip(&specs) {
        let container = &pod["containers"][0];
        assert_eq!(
            (&container["state"], &container["report"]["command"]),
            (&json!("verified"), &json!("verify")),
            "{pod}"
        );
        let words: Vec<&str> =
            container["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words, ["/lithify/lithify", "verify", "--profile", "nginx", "--format", "json"]);
        let call: Vec<OsString> = words.iter().map(OsString::from).collect();
        let only = spec["initContainers"][0]["args"].as_array().unwrap().iter().filter_map(Value::as_str);
        let lines = only.filter_map(|arg| lithify::recognise::only::Line::new(arg.strip_prefix("--only=")?).ok());
        assert!(lines.into_iter().any(|line| line.accepts(&call)), "{spec:#}");
    }
    assert_eq!(document["pods"][2]["containers"][0]["state"], "staged");
    let told = cluster.told();
    assert!(told.contains("--namespace shop get pods --output json"), "{told}");
    let exec = "exec --namespace shop probe-0 --container app -- /lithify/lithify verify --profile nginx --format json";
    assert!(told.contains(exec), "{told}");
    assert_eq!(told.matches("exec").count(), 2, "{told}");
}

#[test]
fn what_does_not_hold_is_named_with_its_pod() {
    let verifies = ["/lithify/lithify", "verify", "-p", "nginx", "--digest=D"];
    let plain = json!({ "containers": [{ "name": "db", "image": "db:1" }] });
    let pods = [probed("b", &verifies), probed("a", &verifies), pod("c", &plain)];
    let cluster = cluster(&pods, &[("a", &says(HOLDS, 0)), ("b", &says(FAILS, 1))]);
    let ran = verify(&cluster, "-A -l app=web --context c").exits(1);
    assert_eq!(
        ran.stdout,
        "shop/b app\n  FAIL process.user process 1: it runs as root: uid 0\n    fix: set runAsUser\n  \
         UNVERIFIED remove /root: Permission denied\nnote: shop/c db: without lithify\n\
         workload  fail  unverified  pass  staged  without\nshop/b       1           0     0       0        0\n\
         shop/a       0           0     1       0        0\nshop/c       0           0     0       0        1\n\
         control       fail  unverified  pass\nprocess.user     1           0     1\nremove           0           1     0\n\
         kubectl-lithify verify: 2 findings; 2 of 3 containers verified\n"
    );
    let told = cluster.told();
    assert!(told.contains("--context c get pods --output json --all-namespaces --selector app=web"), "{told}");
    assert!(told.contains("--context c exec --namespace shop a --container app -- /lithify/lithify verify -p nginx --digest=D --format json"), "{told}");
    // The page is of the same.
    let document = verify(&cluster, "-A --format json").exits(1);
    assert_valid(&document.json());
    let page = run_with(&mut command(["report", "-"]), &document.stdout).exits(0).stdout;
    assert!(page.contains("1 of 3 containers fails") && page.contains("shop/b"), "{page}");
}

/// What is wrong in all pods of a workload is said once, with the pods.
#[test]
fn what_is_wrong_is_said_by_workload() {
    let verifies = ["/lithify/lithify", "verify", "-p", "nginx"];
    let owned = |name: &str, kind: &str, owner: &str, hash: &str| {
        let mut pod = probed(name, &verifies);
        pod["metadata"]["labels"] = json!({ "pod-template-hash": hash });
        // The one that controls it counts.
        pod["metadata"]["ownerReferences"] = json!([
            { "apiVersion": "v1", "kind": "Other", "name": "other" },
            { "apiVersion": "apps/v1", "kind": kind, "name": owner, "controller": true },
        ]);
        pod
    };
    let names = ["web-1", "web-2", "web-3", "web-4"];
    let mut pods: Vec<Value> = names.iter().map(|name| owned(name, "ReplicaSet", "web-5d4f", "5d4f")).collect();
    pods.push(owned("db-0", "StatefulSet", "db", "none"));
    pods.push(owned("bare-x", "ReplicaSet", "bare", "5d4f"));
    pods.push(probed("alone", &verifies));
    let failing: Vec<(&str, String)> = names.iter().chain(&["alone"]).map(|name| (*name, says(FAILS, 1))).collect();
    let mut answers: Vec<(&str, &str)> = failing.iter().map(|(name, script)| (*name, script.as_str())).collect();
    let holds = says(HOLDS, 0);
    answers.extend([("db-0", holds.as_str()), ("bare-x", holds.as_str())]);
    answers.push(("web-3", "exit 1"));
    let cluster = cluster(&pods, &answers);
    let ran = verify(&cluster, "").exits(1);
    for text in [
        "shop/deployment/web app in pod web-3\n  UNVERIFIED lithify said nothing",
        "shop/deployment/web app in 3 pods: web-1, web-2, web-4\n  FAIL process.user",
        "shop/alone app\n  FAIL process.user",
        "\nshop/deployment/web      3           1     0       0        0\n",
        "\nshop/statefulset/db      0           0     1       0        0\n",
        "\nshop/replicaset/bare     0           0     1       0        0\n",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is not in {}", ran.stdout);
    }
    assert_eq!(ran.stdout.matches("FAIL process.user").count(), 2, "{}", ran.stdout);
    let document = verify(&cluster, "--format json").exits(1).json();
    assert_valid(&document);
    let workload = |place: usize| document["pods"][place]["workload"].clone();
    assert_eq!(workload(0), Value::Null);
    assert_eq!(workload(2), json!({ "kind": "StatefulSet", "name": "db" }));
    let page = run_with(&mut command(["report", "-"]), &document.to_string()).exits(0).stdout;
    assert!(page.contains("deployment/web"), "{page}");
}

/// Whoever may write an annotation of one pod must not keep the others from being verified.
#[test]
fn any_annotation_is_read() {
    let mut pod = probed("a", &["/lithify/lithify", "verify", "-p", "nginx"]);
    pod["metadata"]["annotations"] =
        json!({ "x": "\u{7f}\u{80}\u{9f}\u{feff}\u{fffe}\u{ffff}\u{2028}\0\u{1b}\u{1f600}" });
    let cluster = cluster(&[pod], &[("a", &says(HOLDS, 0))]);
    verify(&cluster, "").exits(0).says("1 of 1 containers verified");
}

/// An attempt that was stopped counts for its control as a check that holds.
#[test]
fn attempts_that_must_fail_are_made_when_asked_for() {
    let report = r#"{"schema":1,"command":"verify","version":"0.1.0","checks":[],
        "findings":[{"id":"prove.memfd","status":"fail","subject":"memory","detail":"to execute it SUCCEEDED","hint":"x"}],
        "attempts":[
            {"id":"prove.memfd","subject":"memory","outcome":"succeeded","errno":null,"counts":true,"detail":"to execute it SUCCEEDED"},
            {"id":"prove.mount","subject":"this process","outcome":"refused","errno":"EPERM","counts":true,"detail":"EPERM"},
            {"id":"prove.gain","subject":"/bin/su","outcome":"powerless","errno":null,"counts":true,"detail":"gained nothing"},
            {"id":"prove.write","subject":"/x","outcome":"not tried","errno":"ENOSPC","counts":false,"detail":"ENOSPC"},
            {"id":"prove.start","subject":"/bin/sh","outcome":"refused","errno":"ENOENT","counts":false,"detail":"ENOENT"}]}"#;
    let cluster = cluster(&[probed("a", &["/lithify/lithify", "verify", "-p", "nginx"])], &[("a", &says(report, 1))]);
    let ran = verify(&cluster, "--prove").exits(1);
    let told = cluster.told();
    assert!(told.contains("-- /lithify/lithify verify -p nginx --format json --prove\n"), "{told}");
    assert!(
        ran.stdout.ends_with(
            "control      fail  unverified  pass\nprove.memfd     1           0     0\nprove.gain      0           0     1\n\
             prove.mount     0           0     1\nkubectl-lithify verify: 1 finding; 1 of 1 containers verified\n"
        ),
        "{}",
        ran.stdout
    );
}

/// No container passes because it could not be asked.
#[test]
fn a_container_that_says_nothing_is_a_finding() {
    let verifies = ["/lithify/lithify", "verify", "-p", "nginx"];
    for (script, reason) in [
        ("exec sleep 600", "no answer within 1 s"),
        (
            "echo 'lithify accepts only these command lines here' >&2; echo '  fix: add it' >&2; exit 2",
            "accepts only these command lines",
        ),
        (
            "echo '{\"error\":\"there is no built-in profile nginx\",\"hint\":\"x\"}'; exit 2",
            "there is no built-in profile",
        ),
        ("echo 'OCI runtime exec failed: exec failed: no such file' >&2; exit 126", "OCI runtime exec failed"),
        (
            "echo 'E1129 14:46:19.840439   21749 memcache.go:265] x' >&2; echo 'Error from server (Forbidden): pods \"a\" is forbidden' >&2; exit 1",
            "UNVERIFIED Error from server (Forbidden): pods \"a\" is forbidden",
        ),
        ("exit 0", "lithify said nothing"),
        ("yes | head -c 100000", "lithify said nothing"),
        ("printf '{\"checks\":'", "lithify said nothing"),
        ("kill -9 $PPID", "lithify said nothing"),
    ] {
        let cluster = cluster(&[probed("a", &verifies)], &[("a", script)]);
        let start = Instant::now();
        verify(&cluster, "--timeout 1")
            .exits(1)
            .says("UNVERIFIED")
            .says(reason)
            .says("1 finding; 0 of 1 containers verified");
        assert!(start.elapsed() < Duration::from_secs(60), "{script}");
    }
    // It does not run.
    for (state, reason) in [
        (json!({ "waiting": { "reason": "CrashLoopBackOff" } }), "it does not run: CrashLoopBackOff"),
        (json!({ "terminated": { "reason": "Completed" } }), "it does not run: Completed"),
        (Value::Null, "it does not run: it was not started yet"),
    ] {
        let mut crashing = probed("a", &verifies);
        crashing["status"]["containerStatuses"][0]["state"] = state;
        let cluster = cluster(&[crashing], &[]);
        verify(&cluster, "").exits(1).says(reason);
        assert!(!cluster.told().contains("exec"), "{}", cluster.told());
    }
}

#[test]
fn pods_that_are_over_are_not_asked_and_nothing_is_no_success() {
    let verifies = ["/lithify/lithify", "verify", "-p", "nginx"];
    let (mut over, mut going) = (probed("over", &verifies), probed("going", &verifies));
    over["status"]["phase"] = json!("Succeeded");
    going["metadata"]["deletionTimestamp"] = json!("2026-11-29T10:47:38Z");
    let cluster = cluster(&[over, going], &[]);
    verify(&cluster, "").exits(1).says("nothing was verified: there is no such pod");
    assert_eq!(verify(&cluster, "--format json").exits(1).json()["pods"], json!([]));
    // What kubectl says is said without what it logs, with the command to try.
    let refused =
        "echo 'E1129 14:46:19.840439   21749 memcache.go:265] x' >&2; echo 'The connection was refused' >&2; exit 1";
    let ran = verify(&Kubectl::new(refused, &[]), "-n shop").exits(2);
    assert_eq!(
        ran.stderr,
        "kubectl-lithify verify: kubectl get pods: The connection was refused\n  \
         fix: what kubectl says; by itself it must work: kubectl --namespace shop get pods --output json\n"
    );
    let empty = tempfile::tempdir().unwrap();
    run(command(["verify"]).env("PATH", empty.path())).exits(2).says("put kubectl into PATH");
    run(&mut command(["verify", "-A", "-n", "x"])).exits(2);
    run(&mut command(["verify", "--parallel", "0"])).exits(2);
}

#[test]
fn no_more_are_asked_at_a_time() {
    let pods: Vec<Value> =
        (0..12).map(|number| probed(&format!("p{number}"), &["/lithify/lithify", "verify", "-p", "nginx"])).collect();
    let slow = format!("sleep 0.1\n{}", says(HOLDS, 0));
    let names: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    let answers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), slow.as_str())).collect();
    for (arguments, most) in [("", 4), ("--parallel 1", 1), ("--parallel 100", 12)] {
        let cluster = cluster(&pods, &answers);
        verify(&cluster, arguments).exits(0).says("12 of 12 containers verified");
        let seen = cluster.read("most");
        let seen: Vec<usize> = seen.split_whitespace().map(|count| count.parse().unwrap()).collect();
        assert!(seen.len() == 12 && seen.iter().all(|count| *count <= most), "{arguments}: {seen:?}");
    }
}

/// A signal for the plugin alone, as of a CI runner whose time is over.
#[test]
fn no_kubectl_outlives_it() {
    for signal in ["-TERM", "-INT"] {
        let verifies = ["/lithify/lithify", "verify", "-p", "nginx"];
        let cluster = cluster(&[probed("a", &verifies), probed("b", &verifies)], &[]);
        let hangs = "case \"$*\" in\n*'get pods'*) cat pods.json;;\n*exec*) echo $$ >>pids; exec sleep 1000;;\nesac";
        let cluster = Kubectl::new(hangs, &[("pods.json", &cluster.read("pods.json"))]);
        let mut plugin = cluster.of(&mut command(["verify", "--timeout", "900"])).spawn().unwrap();
        let pids = loop {
            let pids: Vec<String> = cluster.read("pids").lines().map(str::to_owned).collect();
            if pids.len() == 2 {
                break pids;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let id = plugin.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert!(!plugin.wait().unwrap().success());
        let runs =
            |pid: &String| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        let begun = Instant::now();
        while pids.iter().any(runs) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{signal}: {pids:?} run on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// As under `nohup`.
#[test]
fn a_signal_that_is_ignored_ends_nothing() {
    let verifies = ["/lithify/lithify", "verify", "-p", "nginx"];
    let pods = cluster(&[probed("a", &verifies)], &[]).read("pods.json");
    let script =
        format!("case \"$*\" in\n*'get pods'*) cat pods.json;;\n*exec*) kill -HUP $PPID\n{};;\nesac", says(HOLDS, 0));
    let cluster = Kubectl::new(&script, &[("pods.json", &pods)]);
    let plugin = command(["verify"]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(plugin.get_program()).args(plugin.get_args());
    run(cluster.of(&mut shell)).exits(0).says("1 of 1 containers verified");
}
