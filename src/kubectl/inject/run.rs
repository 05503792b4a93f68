//! `--mode run`: lithify is the container's command, and becomes the app.

use super::super::finding::{Finding, Weight};
use super::super::ours;
use super::super::workload::Container;
use super::super::yaml::{Node, Value};
use super::pod::Pod;

impl Pod<'_> {
    pub(super) fn run(&mut self, container: &Container<'_>) {
        let command = container.node.get("command").filter(|command| !command.items().is_empty());
        let Some(command) = command else {
            let Some(words) = self.command(container) else { return };
            let after: Vec<&str> = std::iter::once("--").chain(words.iter().map(String::as_str)).collect();
            let call = self.call(&["run"], &after);
            self.set(container.node, &container.path, "command", call);
            return;
        };
        if ours::call(container.node).is_some_and(|call| call.first() == Some(&"run")) {
            self.update(container.node, &container.path);
            return;
        }
        if self.options.command.is_some() {
            let message = format!("{} has a command already, which --command would replace", container.title);
            self.refuse_at(&command.range, message, "leave out --command, or name another container with --container");
            return;
        }
        if let Value::List(words, _) = self.call(&["run"], &["--"]) {
            self.changes.prepend(&container.path.key("command"), words);
        }
    }

    /// The words of `--command`, for a container whose own is in its image.
    pub(super) fn command(&mut self, container: &Container<'_>) -> Option<Vec<String>> {
        let image = container.node.text_of("image").unwrap_or_default().to_owned();
        let Some(text) = &self.options.command else {
            let message = format!(
                "{} has no command: what it runs is written in its image {image}, not in the manifest",
                container.title
            );
            self.refuse(
                container,
                message,
                "name it with --command, as `skopeo inspect --config docker://IMAGE` shows it (Entrypoint and Cmd), or put it into the manifest",
            );
            return None;
        };
        match super::command(text) {
            Ok(words) => {
                if let Some(rule) = words.first().and_then(|program| self.removed.rule(program)) {
                    let message = format!("{}: --command {text}: {rule} removes it", container.title);
                    let place = container.place();
                    self.findings.push(Finding::new(
                        Weight::Breaks,
                        &place,
                        message,
                        "give the app itself, or save it in a profile of your own: [keep] names",
                    ));
                }
                Some(words)
            }
            Err(reason) => {
                self.refuse(
                    container,
                    format!("{}: --command {text}: {reason}", container.title),
                    "such as --command '[\"nginx\", \"-g\", \"daemon off;\"]'",
                );
                None
            }
        }
    }

    /// Whether the command is left to the image.
    pub(super) fn leaves_command(container: &Container<'_>) -> bool {
        container.node.get("command").is_none_or(|command| Node::items(command).is_empty())
    }
}
