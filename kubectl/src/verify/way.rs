//! How lithify is reached in a container: as the container's own command, probes and hooks call it.

use crate::checks;
use crate::cli::Mode;
use crate::command_line::{arguments, calls};
use crate::manifest::workload::{Container, Workload};
use crate::yaml::Node;
use lithify::recognise::only::Line;

/// The way into a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// This command, which also a copy accepts that accepts certain command lines.
    Call(Vec<String>),
    /// Hardened copies are mounted over its directories, and it does not call lithify.
    Staged,
    /// It does not call lithify.
    Without,
    /// It calls lithify or is staged, and does not run, for this reason.
    NotRunning(String),
}

/// The way into this container of a pod.
pub(super) fn way(pod: &Workload<'_>, container: &Container<'_>) -> Way {
    let words = calls::words(container.node);
    let handlers = calls::handler_commands(container.node).map(|(_, command)| command.words());
    let asked: Vec<Vec<&str>> = handlers.chain([words]).collect();
    // What verifies says best what must hold; its command line may ask for more than the one that hardens.
    let call = ["verify", "harden", "run"].iter().find_map(|name| asked.iter().find_map(|words| question(words, name)));
    let way = match call {
        Some(call) => Way::Call(call),
        None if checks::mode(pod, container) == Some(Mode::Stage) => Way::Staged,
        None => return Way::Without,
    };
    match not_running(pod, container.name) {
        Some(reason) => Way::NotRunning(reason),
        None => way,
    }
}

/// The words that ask whether what a call of this subcommand is about holds.
fn question(words: &[&str], subcommand: &str) -> Option<Vec<String>> {
    let call = arguments::call(words)?;
    if call.first() != Some(&subcommand) {
        return None;
    }
    let words_after = call.iter().map(|word| (*word).to_owned()).collect();
    let line = Line { text: String::new(), variables: Vec::new(), words: words_after };
    let program = words.first()?;
    Some(std::iter::once(*program).chain(line.audit()?).map(str::to_owned).collect())
}

/// Why a container does not run, by the pod's status.
fn not_running(pod: &Workload<'_>, name: &str) -> Option<String> {
    let lists = ["containerStatuses", "initContainerStatuses"].map(|key| pod.template.at(&["status", key]));
    let all = lists.into_iter().flatten().flat_map(Node::items);
    let state =
        all.into_iter().find(|status| status.text_of("name") == Some(name)).and_then(|status| status.get("state"));
    let Some(state) = state else { return Some("it was not started yet".to_owned()) };
    if state.get("running").is_some() {
        return None;
    }
    let reason = ["waiting", "terminated"].iter().find_map(|key| state.get(key)?.text_of("reason"));
    Some(reason.unwrap_or("unknown").to_owned())
}
