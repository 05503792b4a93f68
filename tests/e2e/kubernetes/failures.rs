//! What a person sees when hardening fails: the pods of failures.yaml, each with one mistake. docs/troubleshooting.md
//! shows what kubectl said of them on the cluster of tests/cluster.sh; with `LITHIFY_BLESS=1` this writes it there.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::shown::Part::{self, Event, LastState, Log, State};
use super::shown::block;
use crate::harness::cluster::{Namespace, minor_version};

/// A pod, and what is to be seen of it.
struct Case {
    pod: &'static str,
    /// The container that the mistake is in.
    container: &'static str,
    /// As `kubectl get pod` has it.
    status: &'static str,
    parts: &'static [Part],
    /// What tells a person what to do.
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        pod: "profile-name",
        container: "harden",
        status: "Init:CrashLoopBackOff",
        parts: &[LastState, Log("lithify harden: ")],
        says: &["Exit Code:  2", "did you mean `shells`?"],
    },
    Case {
        pod: "profile-file",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["Exit Code:  125", "/site/httpd.toml:5:1: unknown key `path`", "did you mean `paths`?"],
    },
    Case {
        pod: "flag",
        container: "harden",
        status: "Init:CrashLoopBackOff",
        parts: &[LastState],
        says: &["Exit Code:  2", "unexpected argument '--profiles'"],
    },
    Case {
        pod: "read-only-root",
        container: "nginx",
        status: "CrashLoopBackOff",
        parts: &[LastState, Event("Startup probe failed: FAIL remove ")],
        says: &["(EROFS)", "fix: keep it read-only, and bake the removal into the image", "stage a hardened copy"],
    },
    Case {
        pod: "not-the-owner",
        container: "redis",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["uid 999", "(EACCES)", "fix: run it as the owner (runAsUser: 0)"],
    },
    Case {
        pod: "not-accepted",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &[
            "accepts only these command lines here",
            "run --profile httpd -- httpd",
            "Exit Code:  2",
            "`install --only`",
        ],
    },
    Case {
        pod: "missing-volume",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState, Log("FAIL ")],
        says: &["Exit Code:  125", "/usr/local/apache2/logs", "emptyDir: {}", "mountPath: /usr/local/apache2/logs"],
    },
    Case {
        pod: "missing-volume-user",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["(EACCES) for uid 65532", "no volume is mounted there", "mountPath: /usr/local/apache2/logs"],
    },
    Case {
        pod: "volume-of-root",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["(EACCES) for uid 65532", "fix: set fsGroup: 65532"],
    },
    Case {
        pod: "no-volume",
        container: "lithify",
        status: "Init:CrashLoopBackOff",
        parts: &[LastState],
        says: &["/lithify: No such file or directory", "add an emptyDir and mount it there in this init container"],
    },
    Case {
        pod: "not-mounted",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["Exit Code:  128", "StartError", "stat /lithify/lithify: no such file or directory"],
    },
    Case {
        pod: "probe-not-mounted",
        container: "httpd",
        status: "Running",
        parts: &[Event("Startup probe errored"), Event("Liveness probe errored")],
        says: &["1/2", "stat /lithify/lithify: no such file or directory"],
    },
    Case {
        pod: "script",
        container: "app",
        status: "CrashLoopBackOff",
        parts: &[LastState, Event("not yet"), Event("nothing was deleted")],
        says: &["still runs /usr/bin/dash", "10 s after its start", "fix: let the entrypoint script end with exec"],
    },
    Case {
        pod: "script-refused",
        container: "app",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["REFUSED /usr/bin/dash", "process 1 (sh)", "fix: in a startupProbe add --wait-for-app"],
    },
    Case {
        pod: "drift",
        container: "app",
        status: "CrashLoopBackOff",
        parts: &[LastState, Event("Liveness probe failed: FAIL remove /usr/bin/sh")],
        says: &["FAIL remove /usr/bin/sh: still there", "something has put it there since"],
    },
    Case {
        pod: "writable-mount",
        container: "redis",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["/data: mounted below read-only /: writable", "fix: set readOnly: true on its volumeMount"],
    },
    Case {
        pod: "sub-path",
        container: "redis",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["Exit Code:  127", "cannot start redis-server: not found", "look at the subPath"],
    },
    Case {
        pod: "probe-timeout",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState, Event("Startup probe failed:")],
        says: &["killed before it was done", "raise the probe's timeoutSeconds or the container's CPU limit"],
    },
    Case {
        pod: "deadline",
        container: "httpd",
        status: "CrashLoopBackOff",
        parts: &[LastState],
        says: &["not yet: the deadline of 2 s came", "raise --deadline and the probe's timeoutSeconds"],
    },
    Case {
        pod: "memory",
        container: "stage",
        status: "Init:CrashLoopBackOff",
        parts: &[LastState],
        says: &["OOMKilled", "Exit Code:  137", "after OOMKilled, its memory limit"],
    },
    Case {
        pod: "image",
        container: "lithify",
        status: "Init:ImagePullBackOff",
        parts: &[State, Event("Failed to pull image")],
        // containerd 1 resolves a "reference", and 2 an "image".
        says: &["failed to resolve ", "\"registry.example/lithify:1.0.0\""],
    },
    Case {
        pod: "image-never",
        container: "lithify",
        status: "Init:ErrImageNeverPull",
        parts: &[State, Event("pull policy of Never")],
        says: &["\"registry.example/lithify:1.0.0\" is not present with pull policy of Never"],
    },
];

/// When to give up on all of them: on a busy node some have to crash several times more, and the kubelet waits up to five
/// minutes before each.
const TIME: Duration = Duration::from_secs(1500);

#[test]
fn each_is_explained_by_kubectl_and_in_the_docs() {
    let namespace = Namespace::new();
    namespace.apply(include_str!("failures.yaml"));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    let mut docs = fs::read_to_string(&path).unwrap();
    let bless = std::env::var_os("LITHIFY_BLESS").is_some();
    // Other versions of Kubernetes word some of it differently.
    let compared = !bless && minor_version() == 20;
    let documented: Vec<_> = docs.lines().filter_map(|line| line.strip_prefix(MARK)?.strip_suffix(" -->")).collect();
    let mut cases: Vec<_> = CASES.iter().map(|case| case.pod).collect();
    cases.sort_unstable();
    let mut sorted = documented.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, cases, "the pods of docs/troubleshooting.md, and those of the test");

    let (start, mut left) = (Instant::now(), CASES.iter().collect::<Vec<_>>());
    let mut differing = String::new();
    while !left.is_empty() {
        let statuses = namespace.kubectl(["get", "pods", "--no-headers"]).exits(0).stdout;
        let is_so = |case: &Case| {
            let line = statuses.lines().find(|line| line.split_whitespace().next() == Some(case.pod));
            line.is_some_and(|line| line.split_whitespace().nth(2) == Some(case.status))
        };
        differing.clear();
        left.retain(|case| {
            if !is_so(case) {
                differing += &format!("{}: not {}\n", case.pod, case.status);
                return true;
            }
            let seen = block(&namespace.pod(case.pod), case.container, case.parts).unwrap_or_default();
            let says = case.says.iter().all(|text| seen.contains(text)) && seen.contains(case.status);
            let (from, to) = place(&docs, case.pod);
            if says && bless {
                docs.replace_range(from..to, &seen);
            }
            let as_documented = !compared || docs[from..to] == seen;
            if !says || !as_documented {
                differing += &format!("{}, to say {:?}:\n{seen}the docs:\n{}", case.pod, case.says, &docs[from..to]);
            }
            !says || !as_documented
        });
        assert!(
            left.is_empty() || start.elapsed() < TIME,
            "LITHIFY_BLESS=1 writes the docs anew:\n{differing}\n{}",
            namespace.kubectl(["get", "pods"]).all()
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    if bless {
        fs::write(&path, docs).unwrap();
    }

    // A probe that cannot be run is never taken for a failed one.
    let pod = namespace.pod("probe-not-mounted");
    assert_eq!(["httpd", "redis"].map(|container| pod.restarts(container)), [0, 0]);

    // What the app itself has written is not replaced.
    let pod = namespace.pod("own-message");
    let pod = pod.until("was killed by its probe", |pod| !last_message(pod).is_null());
    assert_eq!(last_message(&pod), "what the app said");
}

fn last_message(pod: &serde_json::Value) -> serde_json::Value {
    pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"].clone()
}

const MARK: &str = "<!-- the pod ";

/// Where the docs have the block of this pod.
fn place(docs: &str, pod: &str) -> (usize, usize) {
    let mark = format!("{MARK}{pod} -->\n```text\n");
    let from = docs.find(&mark).unwrap_or_else(|| panic!("{mark} is not in docs/troubleshooting.md")) + mark.len();
    (from, from + docs[from..].find("```\n").unwrap())
}
