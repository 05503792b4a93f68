//! `--mode run`: lithify is the container's command, and becomes the app.

use super::super::checks;
use super::super::ours;
use super::super::workload::Container;
use super::super::yaml::{Node, Value};
use super::pod::Pod;

impl Pod<'_> {
    pub(super) fn run(&mut self, container: &Container<'_>) {
        if Self::leaves_command(container) {
            let Some(words) = self.command(container) else { return };
            let after: Vec<&str> = std::iter::once("--").chain(words.iter().map(String::as_str)).collect();
            let call = self.call(&["run"], &after);
            self.set(container.node, &container.path, "command", call);
        } else if runs(container.node).is_some() {
            self.update(container.node, &container.path);
        } else if let Value::List(words, _) = self.call(&["run"], &["--"]) {
            self.changes.prepend(&container.path.key("command"), words);
        }
    }

    /// Refuses a `--command` for a container that has another one.
    pub(super) fn keep_commands(&mut self, chosen: &[Container<'_>]) {
        let Some(asked) = &self.options.command else { return };
        let asked = super::command(asked).unwrap_or_default();
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        for container in chosen.iter().filter(|container| !Self::leaves_command(container)) {
            let Some(command) = container.node.get("command") else { continue };
            let args = container.node.words_of("args");
            let words = runs(container.node).unwrap_or_else(|| command.words());
            // What `run` becomes may go on in the args, which --command does not name.
            if words != asked && words.strip_suffix(args.as_slice()) != Some(asked.as_slice()) {
                let message = format!("{} has a command already, which --command would replace", container.title);
                let fix = "leave out --command, or name another container with --container";
                self.refuse_at(&command.range, message, fix);
            }
        }
    }

    /// The words of `--command`, for a container whose own is in its image.
    pub(super) fn command(&mut self, container: &Container<'_>) -> Option<Vec<String>> {
        let image = container.node.text_of("image").unwrap_or_default().to_owned();
        let args = container.node.words_of("args");
        let Some(text) = &self.options.command else {
            let message = format!(
                "{} has no command: what it runs is written in its image {image}, not in the manifest",
                container.title
            );
            let what =
                if args.is_empty() { "Entrypoint and Cmd" } else { "only Entrypoint: args stand in the place of Cmd" };
            self.refuse(
                container,
                message,
                format!("name it with --command, as `skopeo inspect --config docker://IMAGE` shows it ({what}), or put it into the manifest"),
            );
            return None;
        };
        match super::command(text) {
            Ok(words) => {
                let all: Vec<&str> = words.iter().map(String::as_str).chain(args).collect();
                let finding = checks::calls(container, &container.place(), &all, Some(self.options.mode), self.removed);
                self.findings.extend(finding);
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

/// What a call of `run` becomes.
fn runs(container: &Node) -> Option<Vec<&str>> {
    let call = ours::call(container).filter(|call| call.first() == Some(&"run"))?;
    Some(call.into_iter().skip_while(|word| *word != "--").skip(1).collect())
}
