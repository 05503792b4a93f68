//! What admission does with a policy in CEL: which requests it is for, its variables, its result.

use serde_json::{Value, json};

use crate::expression::evaluate;
use crate::{documents, patch, strings};

/// What is done to a pod in a namespace.
pub struct Request {
    pub pod: Value,
    pub namespace: Value,
    /// As it was; null where it is created.
    old: Value,
    operation: &'static str,
    resource: &'static str,
}

impl Request {
    /// The creation of a pod.
    pub fn new(pod: &Value, namespace: &str, labels: &[(&str, &str)]) -> Self {
        let mut metadata = json!({ "name": namespace, "labels": { "kubernetes.io/metadata.name": namespace } });
        for (key, value) in labels {
            metadata["labels"][*key] = (*value).into();
        }
        let namespace = json!({ "metadata": metadata });
        Self { pod: pod.clone(), namespace, old: Value::Null, operation: "CREATE", resource: "pods" }
    }

    /// An update of this pod, or of a subresource.
    pub fn update(self, old: &Value, resource: &'static str) -> Self {
        Self { old: old.clone(), operation: "UPDATE", resource, ..self }
    }

    fn variables(&self) -> Vec<(&'static str, Value)> {
        vec![("object", self.pod.clone()), ("oldObject", self.old.clone()), ("namespaceObject", self.namespace.clone())]
    }
}

/// Whether labels are what a LabelSelector asks for.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten().all(|expression| {
        let value = &labels[expression["key"].as_str().unwrap()];
        let listed = value.as_str().is_some_and(|value| strings(&expression["values"]).contains(&value.to_owned()));
        match expression["operator"].as_str().unwrap() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => !value.is_null(),
            "DoesNotExist" => value.is_null(),
            other => panic!("{other}"),
        }
    });
    equal && expressions
}

/// Whether a policy's matchConstraints or a binding's matchResources let a request through.
fn resources_match(resources: &Value, request: &Request) -> bool {
    let rules = resources["resourceRules"].as_array();
    let has = |rule: &Value, key: &str, word: &str| strings(&rule[key]).contains(&word.to_owned());
    rules.is_none_or(|rules| {
        rules.iter().any(|rule| has(rule, "resources", request.resource) && has(rule, "operations", request.operation))
    }) && selects(&resources["namespaceSelector"], &request.namespace["metadata"]["labels"])
        && selects(&resources["objectSelector"], &request.pod["metadata"]["labels"])
}

#[track_caller]
fn evaluated(expression: &Value, variables: &[(&str, Value)]) -> Value {
    let text = expression.as_str().unwrap();
    evaluate(text, variables).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Those of its bindings that apply, and whether the policy does.
fn bindings(policy: &Value, all: &[Value], request: &Request) -> Vec<Value> {
    let variables = request.variables();
    let conditions = policy["spec"]["matchConditions"].as_array().into_iter().flatten();
    let applies = resources_match(&policy["spec"]["matchConstraints"], request)
        && conditions.map(|condition| evaluated(&condition["expression"], &variables)).all(|holds| holds == true);
    let of = all.iter().filter(|other| other["spec"]["policyName"] == policy["metadata"]["name"]);
    of.filter(|binding| applies && resources_match(&binding["spec"]["matchResources"], request)).cloned().collect()
}

/// The names that expressions may use, with the policy's own variables. All are evaluated, used or not.
fn variables(policy: &Value, request: &Request) -> Vec<(&'static str, Value)> {
    let mut names = request.variables();
    names.push(("variables", json!({})));
    for variable in policy["spec"]["variables"].as_array().into_iter().flatten() {
        let value = evaluated(&variable["expression"], &names);
        names.last_mut().unwrap().1[variable["name"].as_str().unwrap()] = value;
    }
    names
}

/// The pod as the mutating policies of a file leave it.
#[track_caller]
pub fn mutate(path: &str, request: Request) -> Value {
    mutate_by(&documents(path), request)
}

/// The pod as the mutating policies among documents leave it.
#[track_caller]
pub fn mutate_by(documents: &[Value], mut request: Request) -> Value {
    for policy in documents.iter().filter(|document| document["kind"] == "MutatingAdmissionPolicy") {
        for _ in bindings(policy, documents, &request) {
            for mutation in policy["spec"]["mutations"].as_array().unwrap() {
                assert_eq!(mutation["patchType"], "JSONPatch");
                let operations = evaluated(&mutation["jsonPatch"]["expression"], &variables(policy, &request));
                request.pod = patch::json(&request.pod, &operations);
            }
        }
    }
    request.pod
}

/// What the validating policies of a file say against a request, each message with the actions of its binding.
#[track_caller]
pub fn validate(path: &str, request: &Request) -> Vec<(String, Vec<String>)> {
    let documents = documents(path);
    let mut failures = Vec::new();
    for policy in documents.iter().filter(|document| document["kind"] == "ValidatingAdmissionPolicy") {
        for binding in bindings(policy, &documents, request) {
            let names = variables(policy, request);
            for validation in policy["spec"]["validations"].as_array().unwrap() {
                // Also where it is not needed, so that no expression of a message is left untried.
                let message = match &validation["messageExpression"] {
                    Value::Null => validation["message"].clone(),
                    expression => evaluated(expression, &names),
                };
                match evaluated(&validation["expression"], &names) {
                    Value::Bool(true) => {}
                    Value::Bool(false) => failures
                        .push((message.as_str().unwrap().to_owned(), strings(&binding["spec"]["validationActions"]))),
                    other => panic!("{other}"),
                }
            }
        }
    }
    failures
}
