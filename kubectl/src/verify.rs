//! `kubectl lithify verify` runs `lithify verify` in every container of the cluster that has lithify, by `kubectl exec`, and
//! gathers what it says: for [`crate::report`], or as text with a summary by control.

mod exec;
mod pods;
mod summary;
mod way;

use std::io::IsTerminal;

use serde_json::{Value, json};

use crate::cli::Verify;
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::output::{print, say};
use crate::report;
use exec::Answer;
use lithify::linux::time::Time;
use lithify::report::Exit;
use pods::Pod;
use way::Way;

/// Runs the subcommand.
pub(crate) fn run(options: &Verify) -> Result<Exit, Failure> {
    let cluster = Cluster::new(options.context.as_ref(), options.namespace.as_ref());
    let mut get = vec!["get", "pods", "--output", "json"];
    get.extend(options.all_namespaces.then_some("--all-namespaces"));
    get.extend(options.selector.iter().flat_map(|selector| ["--selector", selector]));
    let manifest = Manifest::of_kubectl("kubectl get pods", &cluster.run(&get)?)?;
    let mut pods = pods::pods(&manifest);
    for container in pods.iter_mut().flat_map(|pod| &mut pod.containers) {
        if let (Way::Call(words), true) = (&mut container.way, options.prove) {
            words.push("--prove".to_owned());
        }
    }
    let time = Time::now().utc();
    let answers = ask(options, &pods);
    let document = document(&time, &pods, answers);
    let audited = report::read::pods(&document);
    if options.json {
        print(&format!("{document}\n"))?;
    } else {
        print(&summary::text(&audited))?;
    }
    // What nobody looked at holds for nobody.
    let looked = audited.iter().any(|audited| !audited.is_without());
    if !looked {
        let why = if audited.is_empty() { "there is no such pod" } else { "lithify is in no container of these pods" };
        say(&format!(
            "kubectl-lithify verify: nothing was verified: {why}\n  fix: see kubectl lithify inject, or name other pods with --namespace, --all-namespaces or --selector\n"
        ));
    }
    let findings: usize = audited.iter().map(report::audited::Audited::findings).sum();
    Ok(if findings == 0 && looked { Exit::Ok } else { Exit::Finding })
}

/// The answers of the containers that can be asked, in the order of the pods.
fn ask(options: &Verify, pods: &[Pod]) -> Vec<Answer> {
    let context: Vec<String> = options.context.iter().flat_map(|name| ["--context".to_owned(), name.clone()]).collect();
    let mut calls = Vec::new();
    for pod in pods {
        for container in &pod.containers {
            if let Way::Call(words) = &container.way {
                let to = ["exec", "--namespace", &pod.namespace, &pod.name, "--container", &container.name, "--"];
                calls.push(context.iter().cloned().chain(to.map(str::to_owned)).chain(words.iter().cloned()).collect());
            }
        }
    }
    let shows = std::io::stderr().is_terminal();
    let answers = exec::all(&calls, options.parallel, options.time, &mut |done| {
        if shows {
            say(&format!("\r{done} of {} containers", calls.len()));
        }
    });
    if shows {
        say("\r\x1b[K");
    }
    answers
}

/// All that was found out, as `schema/pods.schema.json` describes it.
fn document(time: &str, pods: &[Pod], answers: Vec<Answer>) -> Value {
    let mut answers = answers.into_iter();
    let mut of = |container: &pods::Container| {
        let unverified =
            |error: String, hint: Option<String>| json!({ "state": "unverified", "error": error, "hint": hint });
        let mut all = vec![json!({ "name": container.name, "image": container.image })];
        match &container.way {
            Way::Without => all.push(json!({ "state": "without" })),
            Way::Staged => all.push(json!({ "state": "staged" })),
            Way::NotRunning(reason) => {
                all.push(unverified(format!("it does not run: {reason}"), Some("see kubectl describe pod".to_owned())));
            }
            Way::Call(words) => {
                all.push(json!({ "command": words }));
                all.push(match answers.next().unwrap_or_default() {
                    Answer::Report(report) => json!({ "state": "verified", "report": report }),
                    Answer::Failed { error, hint } => unverified(error, hint),
                });
            }
        }
        join(all)
    };
    let pods: Vec<Value> = pods
        .iter()
        .map(|pod| {
            let containers: Vec<Value> = pod.containers.iter().map(&mut of).collect();
            let workload = pod.workload.as_ref().map(|[kind, name]| json!({ "kind": kind, "name": name }));
            json!({
                "namespace": pod.namespace,
                "name": pod.name,
                "workload": workload,
                "node": pod.node,
                "containers": containers,
            })
        })
        .collect();
    json!({ "schema": 1, "command": "verify", "version": env!("CARGO_PKG_VERSION"), "time": time, "pods": pods })
}

/// One object with the entries of several.
fn join(objects: Vec<Value>) -> Value {
    let entries = |object| if let Value::Object(entries) = object { Some(entries) } else { None };
    Value::Object(objects.into_iter().filter_map(entries).flatten().collect())
}
