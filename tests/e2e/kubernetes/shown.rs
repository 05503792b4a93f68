//! What kubectl shows of a pod, as docs/troubleshooting.md prints it: the lines that matter, without what differs from
//! one time to the next.

use crate::harness::cluster::Pod;

/// A part of what is shown, after the line of `kubectl get pod`.
#[derive(Clone, Copy)]
pub enum Part {
    /// How the container ended, in `kubectl describe pod`.
    LastState,
    /// What it waits for.
    State,
    /// The newest event whose message contains this.
    Event(&'static str),
    /// The end of its log, from the line that contains this.
    Log(&'static str),
}

/// A text of more lines is cut.
const LINES: usize = 4;

/// All parts, or `None` as long as one of them is not there.
pub fn block(pod: &Pod, container: &str, parts: &[Part]) -> Option<String> {
    let describe = pod.describe();
    let line: Vec<_> = pod.line().split_whitespace().take(3).map(str::to_owned).collect();
    let mut out = format!("$ kubectl get pod\n{}\n", line.join("  "));
    let mut command = "";
    for part in parts {
        let (of, text) = match *part {
            Part::LastState => ("describe pod", state(&describe, container, "Last State")?),
            Part::State => ("describe pod", state(&describe, container, "State")?),
            Part::Event(with) => ("describe pod", event(&describe, with)?),
            Part::Log(from) => ("logs", end_of(&pod.log(container), from)?),
        };
        if of != command {
            out += &format!("$ kubectl {of}\n");
            command = of;
        }
        out += &text;
    }
    Some(out)
}

/// `State:` or `Last State:` of a container, with what belongs to it but its times.
fn state(describe: &str, container: &str, key: &str) -> Option<String> {
    let section = describe.split_once(&format!("\n  {container}:\n"))?.1;
    let (_, rest) = section.split_once(&format!("\n    {key}:"))?;
    let mut lines = vec![format!("{key}:  {}", rest.lines().next()?.trim())];
    let mut message = Vec::new();
    let ends = |line: &&str| !line.starts_with("    Ready:") && !line.starts_with("    Last State:");
    for line in rest.lines().skip(1).take_while(ends) {
        // A message of several lines is not indented.
        match line.strip_prefix("      ").and_then(|line| line.split_once(':')) {
            Some(("Started" | "Finished", _)) => {}
            Some((name @ ("Reason" | "Exit Code" | "Signal"), value)) => {
                lines.append(&mut cut(std::mem::take(&mut message)));
                lines.push(format!("  {name}:  {}", value.trim()));
            }
            Some(("Message", value)) => message.push(format!("  Message:  {}", value.trim())),
            _ => message.push(line.to_owned()),
        }
    }
    lines.append(&mut cut(message));
    Some(normal(lines))
}

/// The newest event whose message contains this: its type, reason and message. kubectl sorts them by when they were seen
/// last. An older one may have come while the node was busy, and does not change any more.
fn event(describe: &str, with: &str) -> Option<String> {
    let mut events: Vec<Vec<String>> = Vec::new();
    for line in describe.split_once("\nEvents:\n")?.1.lines() {
        let fields: Vec<_> = line.trim().split("  ").map(str::trim).filter(|field| !field.is_empty()).collect();
        match fields[..] {
            [kind @ ("Normal" | "Warning"), reason, _, _, ref message @ ..] => {
                let message = message.join("  ").replace("(combined from similar events): ", "");
                let message = without_container(&message);
                events.push(vec![format!("{kind}  {reason}  {message}")]);
            }
            _ => events.last_mut().into_iter().for_each(|event| event.push(line.to_owned())),
        }
    }
    let event = events.into_iter().rfind(|event| event.iter().any(|line| line.contains(with)))?;
    Some(normal(cut(event)))
}

/// Newer versions of kubectl write the container in front of the message: `spec.containers{web}: `.
fn without_container(message: &str) -> &str {
    let rest = message.strip_prefix("spec.").and_then(|rest| rest.split_once("}: "));
    rest.filter(|(container, _)| container.contains("ontainers{")).map_or(message, |(_, rest)| rest)
}

#[test]
fn events_of_newer_versions_are_read_as_those_of_older_ones() {
    let events = |message: &str| {
        format!(
            "Name: x\nEvents:\n  Type     Reason     Age  From     Message\n  Warning  Unhealthy  5s   kubelet  {message}\n"
        )
    };
    for message in ["Startup probe failed: FAIL remove", "spec.containers{web}: Startup probe failed: FAIL remove"] {
        let seen = event(&events(message), "Startup probe failed: FAIL").unwrap();
        assert_eq!(seen, "Warning  Unhealthy  Startup probe failed: FAIL remove\n");
    }
    let errored = "spec.initContainers{a}: Startup probe errored and resulted in unknown state: rpc error";
    assert!(event(&events(errored), "Startup probe errored").unwrap().contains("  Startup probe errored and resulted"));
}

#[test]
fn the_newest_event_counts() {
    let described = "Name: x\nEvents:\n  Type     Reason     Age  From     Message\n  \
        Warning  Unhealthy  20m  kubelet  Startup probe failed: FAIL a\nlithify harden /: not yet\n  \
        Warning  Unhealthy  19m (x8 over 20m)  kubelet  Startup probe failed: FAIL a\nlithify harden /: 1 finding\n  \
        Normal   Killing    19m  kubelet  Container a failed startup probe, will be restarted\n";
    let seen = event(described, "Startup probe failed: FAIL").unwrap();
    assert_eq!(seen, "Warning  Unhealthy  Startup probe failed: FAIL a\nlithify harden /: 1 finding\n");
}

fn end_of(log: &str, from: &str) -> Option<String> {
    let lines: Vec<_> = log.lines().map(str::to_owned).collect();
    let first = lines.iter().position(|line| line.contains(from))?;
    Some(normal(cut(lines[first..].to_vec())))
}

fn cut(lines: Vec<String>) -> Vec<String> {
    let mut lines: Vec<_> =
        lines.into_iter().filter(|line| !line.trim().is_empty() && !line.starts_with("note: ")).collect();
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push("...".to_owned());
    }
    lines
}

/// Without ids, filesystems of this node, numbers of names, and what a resolver says.
fn normal(lines: Vec<String>) -> String {
    let mut out = String::new();
    for line in lines {
        let line = match line.split_once(": failed to do request: ") {
            Some((start, _)) => format!("{start}: ..."),
            None => line,
        };
        let words: Vec<&str> = line.split(' ').collect();
        let mut normal: Vec<&str> = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let next = words.get(index + 1).map_or("", |next| next.trim_end_matches([':', ',']));
            let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            let is_id = word.len() > 60 && word.bytes().filter(u8::is_ascii_hexdigit).count() >= 60;
            normal.push(match *word {
                _ if is_number && ["names", "more"].contains(&next) => "N",
                _ if is_id => "\"...\":",
                word => word,
            });
        }
        let line = normal.join(" ");
        let line = match (line.find(" ("), line.find(", rw")) {
            (Some(start), Some(options)) if start < options && line.ends_with(')') => line[..start].to_owned(),
            _ => line,
        };
        out += line.trim_end();
        out.push('\n');
    }
    out
}
