//! Every pod of `examples/`, as it is written: it becomes ready, the app answers, and what its header promises holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::attack::assert_withstands;
use super::{example, with};
use crate::harness::cluster::{Namespace, Pod, status};

fn serves_nginx(pod: &Pod, port: u16) {
    assert!(pod.http(port, "/").contains("Welcome to nginx!"));
}

/// The reason that the event of a failed probe, or of its consequence, gives.
fn has_event(namespace: &Namespace, text: &str) -> bool {
    namespace.kubectl(["get", "events", "-o", "json"]).stdout.contains(text)
}

#[test]
fn startup_probe() {
    let namespace = Namespace::new();
    namespace.apply(&example("startup-probe"));
    let pod = namespace.pod("nginx");
    serves_nginx(pod.ready(), 80);
    pod.log_says("lithify", "installed");
    assert_withstands(&pod, "nginx");
    pod.exec("nginx", ["/lithify/lithify", "verify", "--profile", "nginx"]).exits(0);
    // It is no tool for anything else.
    for attempt in [&["scan"][..], &["run", "--profile", "nginx", "--", "nginx", "-v"], &["verify", "--profile=nginx"]]
    {
        pod.exec("nginx", [&["/lithify/lithify"], attempt].concat()).exits(2).says("accepts only these command lines");
    }
    assert_eq!(pod.restarts("nginx"), 0);
}

/// The tries that wait are one event with a count, however many they are, and the container is not restarted.
#[test]
fn startup_probe_of_an_entrypoint_that_takes_half_a_minute() {
    let namespace = Namespace::new();
    let script = "sleep 30; exec nginx -g 'daemon off;'";
    let slow = format!("image: nginx:1.28\n      command: {}", serde_json::json!(["/bin/sh", "-c", script]));
    namespace.apply(&with(&example("startup-probe"), "image: nginx:1.28", &slow));
    let pod = namespace.pod("nginx");
    serves_nginx(pod.ready(), 80);
    assert_withstands(&pod, "nginx");
    assert_eq!(pod.restarts("nginx"), 0);
    let events = namespace.kubectl(["get", "events", "-o", "json"]).exits(0).json();
    let events = events["items"].as_array().unwrap().iter();
    let waits: Vec<_> = events.filter(|event| event["message"].as_str().unwrap().contains("not yet")).collect();
    // However many tries there were, and whatever else a busy node let them see first: each thing is said in one way.
    let texts: BTreeSet<_> = waits.iter().map(|event| event["message"].as_str().unwrap()).collect();
    let about = |what: &str| texts.iter().filter(|text| text.contains(what)).count();
    assert_eq!(about("the container's first process still runs"), 1, "{waits:#?}");
    for what in ["no process of the app runs", "still changing", "a process of the app still runs", "deadline"] {
        assert!(about(what) <= 1, "{waits:#?}");
    }
    assert!(texts.len() <= 5, "{waits:#?}");
    assert!(waits.iter().filter_map(|event| event["count"].as_u64()).sum::<u64>() >= 3, "{waits:#?}");
}

#[test]
fn init_container() {
    let namespace = Namespace::new();
    namespace.apply(&example("init-container"));
    let pod = namespace.pod("shared-volume");
    serves_nginx(pod.ready(), 80);
    pod.log_says("harden-shared", "removed");
    for shell in ["sh", "bash", "dash", "rbash", "nc", "curl", "wget"] {
        let ran = pod.exec("app", [format!("/shared/usr/bin/{shell}").as_str(), "-c", "echo in"]);
        assert!(ran.code != 0 && ran.all().contains("no such file"), "{shell}: {ran:?}");
    }
    // What else is in it runs, and nobody can write there. The app's own root is as the image has it.
    pod.exec("app", ["/shared/usr/bin/touch", "/shared/x"]).says("Read-only file system");
    pod.exec("app", ["/bin/sh", "-c", "echo in"]).exits(0).says("in");
}

#[test]
fn stage() {
    let namespace = Namespace::new();
    let manifest = example("stage");
    namespace.apply(&manifest);
    let pod = namespace.pod("nginx-staged");
    serves_nginx(pod.ready(), 8080);
    assert_withstands(&pod, "nginx");
    // The spec mounts what stage prints.
    let log = pod.log("stage");
    let printed: Vec<_> = log.lines().filter(|line| line.starts_with("  - { name: staged, ")).collect();
    assert!(printed.len() == 2 && printed.iter().all(|line| manifest.contains(line.trim())), "{log}");
    let verify = ["/lithify/lithify", "verify", "--profile", "/site/staged.toml"];
    pod.exec("nginx", verify).exits(0);
}

/// The kubelet and the runtime mount files into `/etc` of each container, also over a copy that is read-only.
#[test]
fn stage_of_etc() {
    let namespace = Namespace::new();
    let staging = "      securityContext: *restricted\n      volumeMounts:\n        - { name: lithify, mountPath: /lithify, readOnly: true }\n        # Writable";
    let changes = [
        ("\"/bin\", \"/sbin\"", "\"/bin\", \"/sbin\", \"/etc\""),
        (" /bin /sbin --to", " /bin /sbin /etc --to"),
        ("root /usr/share/nginx/html;", "root /etc;"),
        (
            "        - { name: site, mountPath: /site,",
            "        - { name: staged, mountPath: /etc, subPath: root/etc, readOnly: true }\n        - { name: site, mountPath: /site,",
        ),
        // Some of its files only root may read.
        (
            staging,
            &staging.replace("*restricted", "{ runAsUser: 0, runAsNonRoot: false, readOnlyRootFilesystem: true }"),
        ),
    ];
    let manifest = changes.iter().fold(example("stage"), |manifest, (that, this)| with(&manifest, that, this));
    namespace.apply(&manifest);
    let pod = namespace.pod("nginx-staged");
    pod.ready();
    let log = pod.log("stage");
    let note = log.lines().find(|line| line.ends_with("the runtime mounts its own there")).unwrap();
    for (path, says) in
        [("/hosts", "# Kubernetes-managed hosts file."), ("/hostname", "nginx-staged"), ("/resolv.conf", "")]
    {
        assert!(note.contains(&format!("/etc{path}")), "{log}");
        assert!(pod.http(8080, path).contains(says), "{path}");
    }
    assert!(pod.http(8080, "/passwd").contains("root:x:0:0"));
    let gone = pod.try_http(8080, "/cron.daily/dpkg");
    assert!(gone.code != 0 && gone.stderr.contains("NotFound"), "{}{}", gone.stdout, gone.stderr);
    pod.exec("nginx", ["/lithify/lithify", "verify", "--profile", "/site/staged.toml"]).exits(0);
}

/// What the kubelet makes of a `subPath` with a mistake in it, and of one that is writable.
#[test]
fn stage_with_a_mistake_is_found_by_its_liveness_probe() {
    let manifest = with(&example("stage"), "periodSeconds: 60", "periodSeconds: 1");
    let plain = manifest.lines().filter(|line| !line.contains("subPath: root/")).collect::<Vec<_>>().join("\n");
    for (manifest, says) in [
        (plain, "/usr/bin/.lithify-staged: is not there"),
        (with(&manifest, "subPath: root/usr/bin,", "subPath: root/usr/bim,"), "/usr/bin/.lithify-staged: is not there"),
        (
            with(&manifest, "subPath: root/usr/bin, readOnly: true", "subPath: root/usr/bin"),
            "/usr/bin: the staged directory is mounted writable",
        ),
    ] {
        let namespace = Namespace::new();
        namespace.apply(&manifest);
        let pod = namespace.pod("nginx-staged");
        pod.until("was restarted", |pod| status(pod, "nginx")["restartCount"].as_u64() > Some(0));
        pod.describe_says(says);
    }
}

#[test]
fn entrypoint() {
    let namespace = Namespace::new();
    namespace.apply(&example("entrypoint"));
    let pod = namespace.pod("httpd");
    assert!(pod.ready().http(80, "/").contains("It works!"));
    // An exec is not bound, which the example does not promise; the root cannot be written by it either.
    pod.exec("httpd", ["/usr/bin/touch", "/usr/local/apache2/x"]).says("Read-only file system");
    pod.exec("httpd", ["/bin/cat", "/proc/1/comm"]).exits(0).says("httpd");
    pod.log_says("httpd", "are denied to the app");
}

#[test]
fn run() {
    let namespace = Namespace::new();
    namespace.apply(&example("run"));
    let pod = namespace.pod("redis");
    pod.ready().log_says("redis", "fully enforced");
    pod.exec("redis", ["redis-cli", "SET", "key", "value"]).exits(0).says("OK");
    pod.exec("redis", ["redis-cli", "SAVE"]).exits(0).says("OK");
    // redis may write nowhere else, also where its user could.
    pod.exec("redis", ["redis-cli", "BGREWRITEAOF"]).exits(0);
    pod.exec("redis", ["/bin/cat", "/proc/1/comm"]).exits(0).says("redis-server");
}

#[test]
fn liveness_probe() {
    let namespace = Namespace::new();
    // Somebody in the pod brings the shell back.
    let manifest = with(&example("liveness-probe"), "periodSeconds: 60", "periodSeconds: 2");
    let manifest = with(
        &manifest,
        "  containers:\n",
        "  shareProcessNamespace: true\n  containers:\n    - name: intruder\n      image: nginx:1.28\n      \
         command: [sleep, \"1000\"]\n      securityContext: { capabilities: { add: [SYS_PTRACE] } }\n",
    );
    namespace.apply(&manifest);
    let pod = namespace.pod("httpd-watched");
    assert!(pod.ready().http(80, "/").contains("It works!"));
    assert_withstands(&pod, "httpd");
    assert_eq!(pod.restarts("httpd"), 0);

    let bring = "for exe in /proc/[0-9]*/exe; do case $(readlink $exe) in */httpd) cp /bin/dash ${exe%exe}root/usr/bin/dash; exit;; esac; done; exit 1";
    pod.exec("intruder", ["sh", "-c", bring]).exits(0);
    pod.until("was restarted", |pod| {
        let status = status(pod, "httpd");
        status["restartCount"].as_u64() == Some(1) && status["ready"] == true
    });
    pod.describe_says("/usr/bin/dash: still there");
    assert!(pod.http(80, "/").contains("It works!"));
    assert_withstands(&pod, "httpd");
    assert_eq!(pod.restarts("httpd"), 1);
}

#[test]
fn state() {
    assert!(example("state").contains("lithify.dev/digest"));
    super::state::the_example_becomes_ready();
}

#[test]
fn pre_stop() {
    let namespace = Namespace::new();
    // A longer hook than the example's, so that there is time to ask.
    let manifest = with(&example("pre-stop"), "\"sleep\", \"5\"", "\"sleep\", \"20\"");
    namespace.apply(&with(&manifest, "--only=sleep 5", "--only=sleep 20"));
    let pod = namespace.only_pod("app=nginx");
    serves_nginx(pod.ready(), 80);
    assert_withstands(&pod, "nginx");
    // It serves on for as long as the hook sleeps.
    let start = std::time::Instant::now();
    namespace.kubectl(["delete", "pod", &pod.name, "--wait=false"]).exits(0);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(pod.try_http(80, "/").stdout.contains("Welcome to nginx!"));
    namespace.wait("lose the pod", || {
        let left = namespace.kubectl(["get", "pod", &pod.name, "--ignore-not-found", "-o", "name"]);
        left.code == 0 && left.stdout.is_empty()
    });
    assert!(start.elapsed() >= std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(!has_event(&namespace, "FailedPreStopHook"), "{}", namespace.kubectl(["get", "events"]).all());
    // Its successor is hardened, too.
    let successor = namespace.only_pod("app=nginx");
    assert_ne!(successor.name, pod.name);
    assert_withstands(successor.ready(), "nginx");
}

#[test]
fn cron_job() {
    let namespace = Namespace::new();
    namespace.apply(&example("cron-job"));
    namespace.run_now("nightly", "tonight");
    namespace.job_ends("tonight", "Complete");
    let pod = namespace.only_pod("job-name=tonight");
    pod.log_says("job", "done at ");
    pod.log_says("job", "removed");

    // A job that tries to start something finds nothing to start; its own exit code is the job's.
    let attack = "    import os, sys\n    sys.exit(os.system('echo in') != 0 and 42)\n";
    let manifest = example("cron-job");
    let at = manifest.find("    import datetime").unwrap();
    let manifest = with(&manifest[..at], "backoffLimit: 1", "backoffLimit: 0") + attack;
    namespace.apply(&manifest);
    namespace.run_now("nightly", "attack");
    namespace.job_ends("attack", "Failed");
    let pod = namespace.only_pod("job-name=attack");
    assert_eq!(status(&pod.get(), "job")["state"]["terminated"]["exitCode"], 42);
}

#[test]
fn daemon_set() {
    let namespace = Namespace::new();
    namespace.apply(&example("daemon-set"));
    namespace.rolled_out("daemonset/node-zones");
    let pod = namespace.only_pod("app=node-zones");
    serves_nginx(&pod, 80);
    assert_withstands(&pod, "nginx");
    pod.exec("nginx", ["/lithify/lithify", "verify", "--profile", "/site/agent.toml"]).exits(0);
    // The node's directory mounted writable is what the probes are for: the new pod is never ready, and the roll-out
    // stops at this node.
    namespace.apply(&with(&example("daemon-set"), "html/zones, readOnly: true }", "html/zones }"));
    let mut new = Vec::new();
    namespace.wait("have a new pod", || {
        new = namespace.pods("app=node-zones");
        new.retain(|other| other.name != pod.name);
        new.len() == 1
    });
    let pod = new.remove(0);
    pod.until("is hardened", |pod| status(pod, "nginx")["started"] == true);
    pod.describe_says("Readiness probe failed: FAIL mounts.read_only /usr/share/nginx/html/zones");
    assert_eq!(status(&pod.get(), "nginx")["ready"], false);
    let ran = pod.exec("nginx", ["/lithify/lithify", "verify", "--profile", "/site/agent.toml"]);
    ran.exits(1).says("/usr/share/nginx/html/zones");
}

#[test]
fn every_manifest_is_run() {
    let names = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut manifests: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned())).collect();
    manifests.sort();
    let run = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file!())).unwrap();
    for name in manifests {
        // The one that this cluster is too old for says so itself; the other is for Docker Compose: image/compose.rs.
        let runs = run.contains(&format!("example(\"{name}\")"));
        assert!(runs != ["image-volume", "compose"].contains(&name.as_str()), "{name}");
    }
}

#[test]
fn ephemeral_container() {
    let namespace = Namespace::new();
    let manifest = example("ephemeral-container");
    namespace.apply(&manifest);
    let pod = namespace.pod("nginx");
    serves_nginx(pod.ready(), 80);
    pod.exec("nginx", ["/bin/sh", "-c", "echo in"]).exits(0).says("in");
    // The command that its header shows.
    let command = manifest.lines().find_map(|line| line.strip_prefix("#     /bin/lithify ")).unwrap();
    let command: Vec<_> = ["/bin/lithify"].into_iter().chain(command.split(' ')).collect();
    pod.add_ephemeral_container("nginx", &command);
    let ended = |pod: &Value| status(pod, "lithify")["state"]["terminated"]["exitCode"].clone();
    let pod_after = pod.until("has been hardened", |pod| !ended(pod).is_null());
    assert_eq!(ended(&pod_after), 0, "{}", pod.log("lithify"));
    assert_withstands(&pod, "nginx");
    serves_nginx(&pod, 80);
    assert_eq!(pod.restarts("nginx"), 0);
}
