//! Probes that call lithify: the kubelet must give them enough time and tries.

use crate::checks;
use crate::command_line::arguments::parts;
use crate::command_line::calls;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::timing::Timing;
use crate::manifest::workload::Container;
use crate::names::MOST_TRIES;
use lithify::cli::WAIT_TIMEOUT;

pub(crate) fn ours(container: &Container<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut looks = false;
    for name in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let Some(probe) = container.node.get(name) else { continue };
        let Some(call) = calls::handler(Some(probe)) else { continue };
        let what = call.first().copied().unwrap_or_default();
        let place = probe.at(&["exec", "command"]).map_or(probe.range.clone(), |command| command.range.clone());
        let mut add = |message: String, fix: &str| {
            findings.push(Finding::new(
                Severity::Breaks,
                &place,
                format!("{}, {name}: {message}", container.title),
                fix,
            ));
        };
        looks |= matches!(what, "harden" | "verify");
        let timing = Timing::of(probe);
        // Looking at the tree takes longer than asking a port.
        if matches!(what, "harden" | "verify") && probe.number_of("timeoutSeconds").unwrap_or(1) < 10 {
            add(
                format!(
                    "timeoutSeconds is {}, and on a timeout the kubelet shows nothing of what {what} said",
                    probe.number_of("timeoutSeconds").unwrap_or(1)
                ),
                "timeoutSeconds: 10",
            );
        }
        if name == "livenessProbe" && what == "verify" && timing.tries < 2 {
            add(
                "failureThreshold is 1, and a restarted container is looked at before it is hardened again: it would be restarted once more"
                    .to_owned(),
                "failureThreshold: 2",
            );
        }
        if what != "harden" {
            continue;
        }
        if name != "startupProbe" {
            add(
                "harden is for the startupProbe: here it would be tried again and again for ever".to_owned(),
                "let it be the startupProbe, and verify the livenessProbe",
            );
            continue;
        }
        let parts = parts(&call);
        if !parts.iter().any(|part| matches!(part.option, Some("wait-for-app" | "wait-for"))) {
            continue;
        }
        let given = parts.iter().find(|part| part.option == Some("wait-timeout")).map(|part| part.value);
        let mut seconds = given.into_iter().chain([WAIT_TIMEOUT]);
        let Some(wait) = seconds.find_map(|text| text.parse::<u64>().ok()) else { continue };
        let Timing { delay, tries, period } = timing;
        if timing.seconds() <= wait {
            let after = if delay == 0 { String::new() } else { format!(" after {delay} s") };
            add(
                format!(
                    "{tries} tries every {period} s{after} are over before its --wait-timeout of {wait} s: the container would be killed without a word why"
                ),
                "initialDelaySeconds + failureThreshold x periodSeconds must be more than --wait-timeout",
            );
        } else if tries > MOST_TRIES {
            add(
                format!("{tries} tries are more events than the kubelet keeps of a pod"),
                "fewer than 15 tries, with a longer periodSeconds",
            );
        }
    }
    findings.extend(checks::unsearchable(container).filter(|_| looks));
    let hardens =
        calls::handler(container.node.get("startupProbe")).is_some_and(|call| call.first() == Some(&"harden"));
    if hardens && container.node.get("readinessProbe").is_none() {
        let message = format!(
            "{}: without a readinessProbe, a container that its livenessProbe restarts is Ready for up to a period before it is hardened again",
            container.title
        );
        let fix = "readinessProbe: the same `verify` as for a livenessProbe, or the app's own";
        findings.push(Finding::new(Severity::Note, &container.place(), message, fix));
    }
    findings
}
