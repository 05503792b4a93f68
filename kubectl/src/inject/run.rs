//! `--mode run`: lithify is the container's command, and becomes the app.

use super::command;
use super::pod::Pod;
use crate::manifest::workload::Container;
use crate::yaml::Value;

pub(crate) fn run(pod: &mut Pod<'_>, container: &Container<'_>) {
    let seconds = pod.options.learns_for.map(lithify::text::seconds::format);
    let call = seconds.as_deref().map_or(vec!["run"], |seconds| vec!["learn", "--for", seconds]);
    if command::is_of_image(container) {
        let Some(words) = command::named(pod, container) else { return };
        let after: Vec<&str> = pod.digest().chain(["--"]).chain(words.iter().map(String::as_str)).collect();
        let call = pod.call(&call, &after);
        pod.set(container.node, &container.path, "command", call);
    } else if command::run_by_lithify(container.node).is_some() {
        pod.update_sealed(container.node, &container.path);
    } else if let Value::List(words, _) = pod.call(&call, &pod.digest().chain(["--"]).collect::<Vec<_>>()) {
        pod.changes.prepend(&container.path.key("command"), words);
    }
}
