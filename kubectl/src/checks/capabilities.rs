//! A root without the capabilities to search other users' directories cannot verify what is in them.

use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::Container;
use crate::yaml::Node;

/// The finding for `harden`, `verify` and a script's `run` in such a container. The manifest does not tell whether the
/// image has such directories. A user other than root cannot delete in the first place and gets another finding.
pub(crate) fn unsearchable(container: &Container<'_>) -> Option<Finding> {
    let drop = drops_search(container.node).filter(|_| container.non_root().is_none())?;
    let message = format!(
        "{}: root may not look into directories of other users then, such as Debian's /var/cache/apt/archives/partial, \
         and lithify exits 1 for what it could not verify: the container would never be ready",
        container.title
    );
    let fix =
        "add: [DAC_READ_SEARCH], or --mode stage, or --mode run with the app itself, not a script, as the command";
    Some(Finding::new(Severity::Breaks, &drop.range, message, fix))
}

/// The `drop` list of a container that loses `CAP_DAC_OVERRIDE`, which runtimes grant by default, and adds neither it
/// nor `CAP_DAC_READ_SEARCH` (capabilities(7)). As in containerd and CRI-O, names have any case, CRI-O also takes them
/// with `CAP_`, `ALL` comes before single names, and `add` comes before `drop`.
fn drops_search(container: &Node) -> Option<&Node> {
    let context = container.get("securityContext").filter(|context| !context.is_true("privileged"))?;
    let capabilities = context.get("capabilities")?;
    let has = |key, name: &str| {
        capabilities
            .words_of(key)
            .iter()
            .map(|known| known.to_ascii_uppercase())
            .any(|known| known.strip_prefix("CAP_").unwrap_or(&known) == name)
    };
    let holds = |name, granted| {
        let at_first = !has("drop", "ALL") && (granted || has("add", "ALL"));
        (at_first || has("add", name)) && !has("drop", name)
    };
    capabilities.get("drop").filter(|_| !holds("DAC_OVERRIDE", true) && !holds("DAC_READ_SEARCH", false))
}
