//! The CPU and memory of the init containers that `inject` adds.

use crate::manifest::workload::{Container, Workload};
use crate::yaml::{Style, Value};

/// The CPU of the installer, in thousandths. From then on the pod asks for at least as much, so no other init container
/// needs less.
const MILLI_CPU: u64 = 100;

/// The resources of the installer, as in `examples/fleet`. Requests equal limits, so that a pod of class Guaranteed
/// stays one; both are set, because a quota may ask for both. None where the pod itself has resources.
pub(crate) fn of_installer(workload: &Workload<'_>) -> Option<Value> {
    if is_of_pod(workload) {
        return None;
    }
    let amounts = || Value::braces([("cpu", Value::text(format!("{MILLI_CPU}m"))), ("memory", Value::text("16Mi"))]);
    Some(Value::map([("requests", amounts()), ("limits", amounts())]))
}

/// Whether the pod has resources for all its containers (Kubernetes 1.34, "Pod-level resources"). These decide on its
/// class and on quotas, and the API server refuses a container that asks for more than the pod has.
fn is_of_pod(workload: &Workload<'_>) -> bool {
    let amounts = |key| workload.spec.at(&["resources", key]).is_some_and(|amounts| !amounts.entries().is_empty());
    amounts("requests") || amounts("limits")
}

/// The resources of a staging container: the app's own CPU and memory, and no devices. An init container that asks for
/// no more than the app adds nothing to the pod, keeps its class, and passes any quota that the app passes.
pub(crate) fn of_stager(workload: &Workload<'_>, app: &Container<'_>) -> Option<Value> {
    if is_of_pod(workload) {
        return None;
    }
    let of = |key: &str| -> Option<(String, Value)> {
        let app = app.node.at(&["resources", key])?;
        let amount = |name: &str| {
            let amount = app.get(name)?;
            let slow = name == "cpu" && amount.text().and_then(milli).is_some_and(|cpu| cpu < MILLI_CPU);
            Some((name.to_owned(), if slow { Value::text(format!("{MILLI_CPU}m")) } else { amount.value() }))
        };
        let amounts: Vec<(String, Value)> = ["cpu", "memory"].into_iter().filter_map(amount).collect();
        (!amounts.is_empty()).then(|| (key.to_owned(), Value::Map(amounts, Style::Flow)))
    };
    let entries: Vec<(String, Value)> = ["requests", "limits"].into_iter().filter_map(of).collect();
    (!entries.is_empty()).then_some(Value::Map(entries, Style::Block))
}

/// Thousandths of a CPU (Kubernetes, "Quantity"). Rare forms such as `1e2m` are not read.
fn milli(quantity: &str) -> Option<u64> {
    if let Some(milli) = quantity.strip_suffix('m') {
        return milli.parse().ok();
    }
    let (whole, part) = quantity.split_once('.').unwrap_or((quantity, ""));
    let part = format!("{part:0<3}");
    Some(whole.parse::<u64>().ok()?.saturating_mul(1000).saturating_add(part.get(..3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_cpu() {
        for (quantity, expected) in [
            ("50m", Some(50)),
            ("0.05", Some(50)),
            ("1", Some(1000)),
            ("1.5", Some(1500)),
            ("0.0999", Some(99)),
            ("0", Some(0)),
            ("1e2m", None),
            ("1k", None),
            ("", None),
        ] {
            assert_eq!(milli(quantity), expected, "{quantity}");
        }
    }
}
