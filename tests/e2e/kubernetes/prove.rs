//! `--prove` in the pods of `examples/`: what must fail is tried in each, and what succeeds there is what that way leaves.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{example, with};
use crate::command::output::assert_valid;
use crate::harness::cluster::{Namespace, status};
use crate::harness::plugin::verify;

/// The example with `run --prove` in place of `run`.
fn proving(name: &str) -> String {
    let manifest = with(&example(name), "\"run\", \"--profile\"", "\"run\", \"--prove\", \"--profile\"");
    with(&manifest, "--only=run --profile", "--only=run --prove --profile")
}

/// The only container of a pod, by the pod's workload, else by its own name.
fn container<'a>(document: &'a Value, name: &str) -> &'a Value {
    let called = |pod: &Value| match pod["workload"]["kind"].as_str() {
        Some(kind) => format!("{kind}/{}", pod["workload"]["name"].as_str().unwrap()),
        None => pod["name"].as_str().unwrap().to_owned(),
    };
    let pods = document["pods"].as_array().unwrap();
    let pod = pods.iter().find(|pod| called(pod) == name).unwrap_or_else(|| panic!("no {name}: {document:#}"));
    &pod["containers"][0]
}

/// What `verify --prove` said in it.
fn record<'a>(document: &'a Value, name: &str) -> &'a Value {
    let record = &container(document, name)["report"];
    assert_valid("report.schema.json", record);
    record
}

/// What was tried and ended so.
fn attempts(record: &Value, is: impl Fn(&Value) -> bool) -> BTreeSet<&str> {
    let attempts = record["attempts"].as_array().unwrap_or_else(|| panic!("nothing was tried: {record:#}"));
    attempts.iter().filter(|attempt| is(attempt)).map(|attempt| attempt["id"].as_str().unwrap()).collect()
}

/// What must not succeed and did not.
fn stopped(record: &Value) -> BTreeSet<&str> {
    let came_to_nothing = |attempt: &Value| ["refused", "powerless"].contains(&attempt["outcome"].as_str().unwrap());
    attempts(record, |attempt| attempt["counts"] == true && came_to_nothing(attempt))
}

#[track_caller]
fn assert_nothing_succeeds_but(record: &Value, left: &[&str]) {
    assert_eq!(record["exit_code"], 0, "{record:#}");
    let succeeded = attempts(record, |attempt| attempt["outcome"] == "succeeded");
    assert!(succeeded.iter().all(|id| left.contains(id)), "{succeeded:?}: {record:#}");
}

/// What the restricted pods must stop: of kernel, mounts and namespaces.
const RESTRICTED: [&str; 4] = ["prove.module", "prove.mount", "prove.user_namespace", "prove.write"];

#[test]
fn what_must_fail_is_tried_in_each_example() {
    let namespace = Namespace::new();
    for name in ["startup-probe", "daemon-set", "pre-stop", "stage", "init-container"] {
        namespace.apply(&example(name));
    }
    // Two examples have one name.
    namespace.apply(&with(&example("ephemeral-container"), "name: nginx\nspec", "name: later\nspec"));
    for name in ["entrypoint", "run", "liveness-probe", "cron-job"] {
        namespace.apply(&proving(name));
    }
    namespace.run_now("nightly", "tonight");
    // Without a profile every attempt must fail, and nothing has taken the shells away.
    let refused = with(&proving("entrypoint"), "name: httpd\nspec", "name: refused\nspec");
    let refused = with(&refused, "\"--prove\", \"--profile\", \"httpd\"", "\"--prove\"");
    namespace.apply(&with(&refused, "--prove --profile httpd", "--prove"));
    for pod in ["nginx", "nginx-staged", "httpd", "redis", "httpd-watched", "shared-volume", "later"] {
        namespace.pod(pod).ready();
    }
    namespace.only_pod("app=node-zones").ready();
    namespace.only_pod("app=nginx").ready();
    namespace.job_ends("tonight", "Complete");

    let document = verify(&namespace, "--prove --format json").exits(1).json();
    assert_valid("pods.schema.json", &document);
    // What was deleted cannot be started by any name. A writable root leaves the rest, and these profiles do not ask for it.
    for name in ["nginx", "Deployment/nginx", "DaemonSet/node-zones", "httpd-watched"] {
        let record = record(&document, name);
        let left = ["prove.ptrace", "prove.user_namespace", "prove.execute", "prove.memfd", "prove.write"];
        assert_nothing_succeeds_but(record, &left);
        assert!(attempts(record, |attempt| attempt["outcome"] == "refused").contains("prove.mount"), "{record:#}");
    }
    assert!(stopped(record(&document, "DaemonSet/node-zones")).contains("prove.write"), "{document:#}");
    // Staged copies on a read-only root, in a restricted pod: its memory and its writable volumes are left.
    let staged = record(&document, "nginx-staged");
    assert_nothing_succeeds_but(staged, &["prove.ptrace", "prove.execute", "prove.memfd"]);
    assert!(stopped(staged).is_superset(&RESTRICTED.into()), "{staged:#}");
    // On a read-only root `run` denies to the app what it cannot delete. The app was started, so it can start none of it.
    // Who comes by `kubectl exec` is not bound, and can: `verify` is such a one.
    for (pod, container) in [("httpd", "httpd"), ("redis", "redis"), ("httpd-watched", "httpd")] {
        namespace.pod(pod).log_says(container, "attempts stopped");
    }
    for name in ["httpd", "redis"] {
        let record = record(&document, name);
        assert_eq!(record["exit_code"], 1, "{record:#}");
        let succeeded = attempts(record, |attempt| attempt["counts"] == true && attempt["outcome"] == "succeeded");
        assert_eq!(succeeded, ["prove.start"].into(), "{record:#}");
    }
    assert!(stopped(record(&document, "redis")).is_superset(&RESTRICTED.into()), "{document:#}");
    let job = namespace.only_pod("job-name=tonight");
    job.log_says("job", "attempts stopped");
    job.log_says("job", "done at ");
    // Where an attempt succeeds, the app is not started.
    let ended = |pod: &Value| status(pod, "httpd")["lastState"]["terminated"].clone();
    let ended = ended(&namespace.pod("refused").until("was refused", |pod| !ended(pod).is_null()));
    assert_eq!(ended["exitCode"], 125, "{ended:#}");
    assert!(ended["message"].as_str().unwrap().contains("SUCCEEDED"), "{ended:#}");
    assert_eq!(container(&document, "refused")["state"], "unverified");
    // Nothing of lithify is in these: an init container hardens a volume, and an ephemeral container comes later.
    for name in ["shared-volume", "later"] {
        assert_eq!(container(&document, name)["state"], "without");
    }
    let ran = verify(&namespace, "--prove").exits(1);
    for text in
        ["/httpd httpd\n  FAIL remove", "  FAIL prove.start /usr/bin/", "/daemonset/node-zones ", "/deployment/nginx "]
    {
        assert!(ran.stdout.contains(text), "{text:?}: {}", ran.all());
    }
    // A copy accepts the question as `kubectl lithify` puts it, and in no other way.
    let asked = namespace.pod("nginx").exec("nginx", ["/lithify/lithify", "verify", "--prove"]);
    asked.exits(2).says("accepts only these command lines");
}
