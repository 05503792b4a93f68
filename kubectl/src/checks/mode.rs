//! The mode that a container was injected in.

use crate::cli::Mode;
use crate::command_line::calls;
use crate::manifest::workload::{Container, Workload};

use super::staged::has_staged;

/// The mode in which an earlier `inject`, or somebody by our examples, hardened a container of the app.
pub(crate) fn mode(workload: &Workload<'_>, container: &Container<'_>) -> Option<Mode> {
    let calls_subcommand = |call: Option<Vec<&str>>, name: &str| call.is_some_and(|call| call.first() == Some(&name));
    if calls_subcommand(calls::call(container.node), "run") {
        Some(Mode::Run)
    } else if calls_subcommand(calls::handler(container.node.get("startupProbe")), "harden") {
        Some(Mode::Probe)
    } else {
        has_staged(workload, container).then_some(Mode::Stage)
    }
}
