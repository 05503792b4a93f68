//! `kubectl lithify verify`: every pod of a namespace is asked through the API server, and the page shows what they said.

use serde_json::Value;

use super::{example, with};
use crate::command::output::assert_valid;
use crate::harness::cluster::{self, Namespace};
use crate::harness::plugin::{report, verify};

const PLAIN: &str = "apiVersion: v1
kind: Pod
metadata: { name: plain, labels: { asks: restricted } }
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: redis
      image: redis:7
";

/// The variables of the downward API, as docs/report.md has them.
const VARIABLES: &str = "env:
        - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        - { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
        - { name: NODE_NAME, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
      startupProbe:";

/// The only container of the pod of this name.
fn container<'a>(document: &'a Value, pod: &str) -> &'a Value {
    let pods = document["pods"].as_array().unwrap();
    let pod = pods.iter().find(|known| known["name"] == pod).unwrap_or_else(|| panic!("no pod {pod}: {document:#}"));
    &pod["containers"][0]
}

fn status<'a>(container: &'a Value, id: &str) -> &'a str {
    let checks = container["report"]["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}: {container:#}"))["status"]
        .as_str()
        .unwrap()
}

#[test]
fn every_pod_of_a_namespace() {
    let namespace = Namespace::new();
    // Hardened by a probe, with a copy that accepts two lines; and by `run`, with a copy that accepts no `verify` at all.
    let probed = with(&example("startup-probe"), "startupProbe:", VARIABLES);
    namespace.apply(&with(&probed, "name: nginx\nspec", "name: nginx\n  labels: { asks: nginx }\nspec"));
    namespace.apply(&example("entrypoint"));
    // What its livenessProbe asks for does not hold; the kubelet does not ask yet.
    let asks = with(&example("startup-probe"), "verify --profile nginx", "verify --profile restricted");
    let asks = with(&asks, "\"verify\", \"--profile\", \"nginx\"]", "\"verify\", \"--profile\", \"restricted\"]");
    let asks = with(&asks, "periodSeconds: 60", "periodSeconds: 60\n        initialDelaySeconds: 3600");
    namespace.apply(&with(&asks, "name: nginx\nspec", "name: strict\n  labels: { asks: restricted }\nspec"));
    namespace.apply(PLAIN);
    for pod in ["nginx", "httpd", "plain"] {
        namespace.pod(pod).ready();
    }
    // Its readinessProbe asks for the same, so it is never ready.
    namespace.pod("strict").until("is hardened", |pod| cluster::status(pod, "nginx")["started"] == true);

    let ran = verify(&namespace, "--format json").exits(1);
    let document = ran.json();
    assert_valid("pods.schema.json", &document);
    for pod in ["nginx", "httpd", "strict"] {
        let container = container(&document, pod);
        assert_eq!(container["state"], "verified", "{container:#}");
        assert_valid("report.schema.json", &container["report"]);
        assert_eq!(container["report"]["record"]["host"], pod);
    }
    let nginx = container(&document, "nginx");
    let record = &nginx["report"]["record"];
    let pod = namespace.pod("nginx").get();
    assert_eq!(record["pod"], "nginx");
    assert_eq!(record["namespace"], pod["metadata"]["namespace"]);
    assert_eq!(record["node"], pod["spec"]["nodeName"]);
    assert_eq!(status(nginx, "remove"), "pass");
    let strict = container(&document, "strict");
    assert_eq!((status(strict, "process.user"), status(strict, "mounts.read_only")), ("fail", "fail"));
    // Nothing was deleted there: what Landlock denies to the app is there for others.
    assert_eq!(status(container(&document, "httpd"), "remove"), "fail");
    assert_eq!(container(&document, "plain")["state"], "without");

    // One that holds, and a summary.
    let ran = verify(&namespace, "-l asks=nginx").exits(0);
    assert!(ran.stdout.ends_with("no findings; 1 of 1 containers verified\n"), "{}", ran.all());
    let ran = verify(&namespace, "-l asks=restricted").exits(1);
    assert!(
        ran.stdout.contains("FAIL process.user") && ran.stdout.contains("plain redis: without lithify"),
        "{}",
        ran.all()
    );
    verify(&namespace, "-l asks=nobody").exits(1).says("nothing was verified");

    let page = report(&document.to_string(), "").exits(0).stdout;
    assert!(
        page.contains("2 of 4 containers fail") && page.contains("securityContext.readOnlyRootFilesystem: true"),
        "{page}"
    );
    let log = report(&document.to_string(), "--format sarif").exits(0).json();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["ruleId"] == "process.user"), "{log:#}");
}
