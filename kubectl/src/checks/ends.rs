//! Containers that end by themselves, which a startupProbe cannot harden.

use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::{Container, Workload};

/// The finding for a container that is hardened by its startupProbe and is not to run for ever. The container's own
/// `restartPolicy` comes before the pod's (Kubernetes 1.36, "Container restart rules").
pub(crate) fn ends(workload: &Workload<'_>, container: &Container<'_>) -> Option<Finding> {
    let policy = container.node.get("restartPolicy").or_else(|| workload.spec.get("restartPolicy"));
    let (place, why) = match policy.and_then(|policy| Some((policy, policy.text()?))) {
        Some((_, "Always")) => return None,
        Some((policy, text)) => (policy.range.clone(), format!("restartPolicy: {text}")),
        None if matches!(workload.kind, "Job" | "CronJob") => (container.place(), workload.kind.to_owned()),
        None => return None,
    };
    let message = format!(
        "{}: it ends by itself ({why}): it may be over before its first probe, and is not hardened then, and a script that \
         takes longer than --wait-timeout is killed by its probe",
        container.title
    );
    Some(Finding::new(Severity::Breaks, &place, message, "--mode run hardens before it starts"))
}
