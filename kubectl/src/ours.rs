//! What an earlier `inject`, or somebody by our examples, has put into a manifest.

use super::NAME;
use super::arguments;
use super::checks;
use super::cli::Mode;
use super::workload::{Container, Workload};
use super::yaml::Node;

/// What a container calls of lithify, from the subcommand on; the command may go on in the args.
pub(super) fn call(container: &Node) -> Option<Vec<&str>> {
    arguments::call(&words(container))
}

/// The same for an init container, whose program may be what its image runs by itself.
pub(super) fn init_call(container: &Node) -> Option<Vec<&str>> {
    if !container.words_of("command").is_empty() {
        return call(container);
    }
    arguments::call(&[vec![NAME], container.words_of("args")].concat())
}

/// The same for a handler: a probe, or a hook of the container's lifecycle.
pub(super) fn handler(handler: Option<&Node>) -> Option<Vec<&str>> {
    arguments::call(&handler?.at(&["exec", "command"])?.words())
}

/// What a container runs, as far as the manifest tells.
pub(super) fn words(container: &Node) -> Vec<&str> {
    ["command", "args"].map(|key| container.words_of(key)).concat()
}

/// How a container of the app was injected.
pub(super) fn mode(workload: &Workload<'_>, container: &Container<'_>) -> Option<Mode> {
    let begins = |call: Option<Vec<&str>>, word: &str| call.is_some_and(|call| call.first() == Some(&word));
    if begins(call(container.node), "run") {
        Some(Mode::Run)
    } else if begins(handler(container.node.get("startupProbe")), "harden") {
        Some(Mode::Probe)
    } else {
        checks::has_staged(workload, container).then_some(Mode::Stage)
    }
}
