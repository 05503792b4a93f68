//! Kyverno's policies in CEL are our admission policies under other names: one text, which `LITHIFY_BLESS=1` writes anew.
//!
//! Not run: Kyverno itself. Its `MutatingPolicy` and `ValidatingPolicy` have the fields of the admission policies, and no
//! bindings: what these choose by is in the expressions, or in `matchConstraints`.

use std::fs;

use serde_json::{Value, json};

use crate::cases;
use crate::policy::{Request, mutate, mutate_by};
use crate::{documents, documents_of, project, schema, strings};

const MUTATING: &str = "examples/fleet/mutating-admission-policy.yaml";
const VALIDATING: &str = "examples/fleet/validating-admission-policy.yaml";

const HEAD: &str = "# Kyverno hardens pods by their label, or by that of their namespace: mutating-admission-policy.yaml, for clusters that are
# older than that.
#
# For:      Kyverno 1.17 or newer, on any version of Kubernetes that it runs on; for older ones
#           kyverno-clusterpolicy-deprecated.yaml, for one release more. Labels as in mutating-admission-policy.yaml.
# Protects: as mutating-admission-policy.yaml.
# Costs:    Kyverno in the way of each pod that is made. While Kyverno is down, pods come unhardened (failurePolicy: Ignore),
#           and lithify.dev/demand=enforce on their namespace refuses them. With Fail no pod at all would be made, labelled or
#           not: Kyverno's webhook is asked about all of them.
# Made from mutating-admission-policy.yaml by the tests: change that.
apiVersion: policies.kyverno.io/v1
kind: MutatingPolicy
metadata:
  name: lithify-inject
spec:
  failurePolicy: Ignore
  # Containers that other webhooks add later are hardened, too; a second time changes nothing.
  reinvocationPolicy: IfNeeded
  # Pods as they are made, so that what stands in the templates of workloads stays what was applied.
  autogen: { podControllers: { controllers: [] } }
";

const DEMAND_HEAD: &str = "# Kyverno refuses pods that are not hardened, and says what to do: validating-admission-policy.yaml, for clusters older
# than 1.30. Newer ones need no Kyverno for it.
#
# For:      Kyverno 1.17 or newer. Labels as in validating-admission-policy.yaml.
# Protects: as validating-admission-policy.yaml. While Kyverno is down, no pod is made in a namespace that demands
#           (failurePolicy: Fail).
# Costs:    an expression per pod, for each of the two demands.
# Made from validating-admission-policy.yaml by the tests: change that.
";

/// The text of a policy's document from this line on.
fn from<'a>(document: &'a str, line: &str) -> &'a str {
    &document[document.find(&format!("\n{line}")).unwrap_or_else(|| panic!("{line} is not in {document}")) + 1..]
}

fn texts(path: &str) -> Vec<String> {
    fs::read_to_string(project(path)).unwrap().split("\n---\n").map(str::to_owned).collect()
}

fn mutating() -> String {
    format!("{HEAD}{}\n", from(&texts(MUTATING)[0], "  matchConstraints:"))
}

/// Each validating policy, once for each of its bindings, with what the binding chooses by.
fn validating() -> String {
    let all = texts(VALIDATING);
    let values: Vec<Value> = all.iter().map(|text| documents_of(text).remove(0)).collect();
    let mut made = Vec::new();
    for (policy, text) in values.iter().zip(&all).filter(|(value, _)| value["kind"] == "ValidatingAdmissionPolicy") {
        for binding in values.iter().filter(|other| other["spec"]["policyName"] == policy["metadata"]["name"]) {
            let demand = binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"]["lithify.dev/demand"]
                .as_str()
                .unwrap();
            let labels = format!("      matchLabels: {{ lithify.dev/demand: {demand} }}\n");
            let spec = from(text, "  matchConstraints:").trim_end();
            let spec = if policy["spec"]["matchConstraints"]["namespaceSelector"].is_null() {
                spec.replacen(
                    "  matchConstraints:\n",
                    &format!("  matchConstraints:\n    namespaceSelector:\n{labels}"),
                    1,
                )
            } else {
                spec.replacen("    namespaceSelector:\n", &format!("    namespaceSelector:\n{labels}"), 1)
            };
            made.push(format!(
                "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata:\n  name: {}\nspec:\n  failurePolicy: Fail\n  validationActions: [{}]\n  autogen: {{ podControllers: {{ controllers: [] }} }}\n{spec}\n",
                binding["metadata"]["name"].as_str().unwrap(),
                strings(&binding["spec"]["validationActions"]).join(", "),
            ));
        }
    }
    format!("{DEMAND_HEAD}{}", made.join("---\n"))
}

#[test]
fn they_are_made_of_the_admission_policies() {
    for (path, text) in
        [("examples/fleet/kyverno.yaml", mutating()), ("examples/fleet/kyverno-demand.yaml", validating())]
    {
        if std::env::var_os("LITHIFY_BLESS").is_some() {
            fs::write(project(path), &text).unwrap();
        }
        assert_eq!(fs::read_to_string(project(path)).unwrap(), text, "LITHIFY_BLESS=1 writes {path} anew");
    }
}

/// By the schemas of Kyverno's own resources.
#[test]
fn they_are_valid() {
    let inject = documents("examples/fleet/kyverno.yaml").remove(0);
    schema::kyverno_cel("MutatingPolicy", &inject).unwrap();
    let demand = documents("examples/fleet/kyverno-demand.yaml");
    assert_eq!(demand.len(), 6);
    for policy in &demand {
        schema::kyverno_cel("ValidatingPolicy", policy).unwrap();
    }
    // The schemas find mistakes.
    let mut wrong = inject.clone();
    wrong["spec"]["mutation"] = wrong["spec"]["mutations"].take();
    assert!(schema::kyverno_cel("MutatingPolicy", &wrong).unwrap_err().contains("mutation"));
    let mut wrong = demand[0].clone();
    wrong["spec"]["validationActions"] = json!(["Refuse"]);
    schema::kyverno_cel("ValidatingPolicy", &wrong).unwrap_err();
}

/// Without bindings, the expressions choose.
#[test]
fn the_mutating_policy_needs_no_bindings() {
    let mut policy = documents("examples/fleet/kyverno.yaml").remove(0);
    policy["kind"] = "MutatingAdmissionPolicy".into();
    let everything = json!({ "kind": "MutatingAdmissionPolicyBinding", "spec": { "policyName": "lithify-inject" } });
    let documents = [policy, everything];
    let namespace = [("lithify.dev/profile", "shells")];
    for case in cases::all() {
        let mut plain = case.pod.clone();
        plain["metadata"].as_object_mut().unwrap().remove("labels");
        for (pod, labels) in [(&case.pod, &[][..]), (&plain, &namespace[..]), (&plain, &[])] {
            let request = || Request::new(pod, "shop", labels);
            assert_eq!(mutate_by(&documents, request()), mutate(MUTATING, request()));
        }
    }
}
