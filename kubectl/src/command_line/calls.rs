//! Calls of lithify in a container: by its command, its probes and its hooks.

use super::arguments;
use crate::names::LITHIFY;
use crate::yaml::Node;

/// The keys that lead to the probes and hooks of a container.
const HANDLERS: [&[&str]; 5] = [
    &["startupProbe"],
    &["livenessProbe"],
    &["readinessProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];

/// The commands of a container's probes and hooks, each with the keys that lead to its handler.
pub(crate) fn handler_commands(container: &Node) -> impl Iterator<Item = (&'static [&'static str], &Node)> {
    HANDLERS.into_iter().filter_map(|keys| Some((keys, container.at(keys)?.at(&["exec", "command"])?)))
}

/// The call of lithify in a container's command and args, from the subcommand on.
pub(crate) fn call(container: &Node) -> Option<Vec<&str>> {
    arguments::call(&words(container))
}

/// The same for an init container, which may leave the program to its image.
pub(crate) fn init_call(container: &Node) -> Option<Vec<&str>> {
    if !container.words_of("command").is_empty() {
        return call(container);
    }
    arguments::call(&[vec![LITHIFY], container.words_of("args")].concat())
}

/// The same for a probe or a hook.
pub(crate) fn handler(handler: Option<&Node>) -> Option<Vec<&str>> {
    arguments::call(&handler?.at(&["exec", "command"])?.words())
}

/// The command and the args of a container.
pub(crate) fn words(container: &Node) -> Vec<&str> {
    ["command", "args"].map(|key| container.words_of(key)).concat()
}
