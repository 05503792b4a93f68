//! The command of a container: in the manifest, or by `--command` where the manifest leaves it to the image.

use super::pod::Pod;
use crate::checks;
use crate::command_line::calls;
use crate::manifest::workload::Container;
use crate::yaml::Node;

/// Refuses `--command` for a container that has another command.
pub(crate) fn keep(pod: &mut Pod<'_>, chosen: &[Container<'_>]) {
    let Some(named) = &pod.options.command else { return };
    let named = parse(named).unwrap_or_default();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    for container in chosen.iter().filter(|container| !is_of_image(container)) {
        let Some(command) = container.node.get("command") else { continue };
        let args = container.node.words_of("args");
        let words = run_by_lithify(container.node).unwrap_or_else(|| command.words());
        // The command may go on in the args, which --command does not name.
        if words != named && words.strip_suffix(args.as_slice()) != Some(named.as_slice()) {
            let message = format!("{} has a command already, which --command would replace", container.title);
            let fix = "leave out --command, or name another container with --container";
            pod.refuse_at(&command.range, message, fix);
        }
    }
}

/// The words of `--command` for a container that leaves its command to the image. `None` after a refusal.
pub(crate) fn named(pod: &mut Pod<'_>, container: &Container<'_>) -> Option<Vec<String>> {
    let image = container.node.text_of("image").unwrap_or_default();
    let args = container.node.words_of("args");
    let Some(text) = &pod.options.command else {
        let message = format!(
            "{} has no command: what it runs is written in its image {image}, not in the manifest",
            container.title
        );
        let what =
            if args.is_empty() { "Entrypoint and Cmd" } else { "only Entrypoint: args stand in the place of Cmd" };
        pod.refuse(
            container,
            message,
            format!("name it with --command, as `skopeo inspect --config docker://IMAGE` shows it ({what}), or put it into the manifest"),
        );
        return None;
    };
    match parse(text) {
        Ok(words) => {
            let all: Vec<&str> = words.iter().map(String::as_str).chain(args).collect();
            let finding = checks::command(container, &container.place(), &all, Some(pod.mode), pod.removed);
            pod.findings.extend(finding);
            Some(words)
        }
        Err(reason) => {
            pod.refuse(
                container,
                format!("{}: --command {text}: {reason}", container.title),
                "such as --command '[\"nginx\", \"-g\", \"daemon off;\"]'",
            );
            None
        }
    }
}

/// Whether a container leaves its command to the image.
pub(crate) fn is_of_image(container: &Container<'_>) -> bool {
    container.node.get("command").is_none_or(|command| command.items().is_empty())
}

/// The command that a container's call of `lithify run` becomes.
pub(crate) fn run_by_lithify(container: &Node) -> Option<Vec<&str>> {
    let call = calls::call(container).filter(|call| call.first() == Some(&"run"))?;
    Some(call.into_iter().skip_while(|word| *word != "--").skip(1).collect())
}

/// The words of `--command`: a JSON list, or words without quotes.
fn parse(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    let words = if text.starts_with('[') {
        serde_json::from_str(text).map_err(|error| format!("it is no JSON list of words: {error}"))?
    } else if text.contains(['"', '\'', '\\']) {
        return Err("quotes are read by a shell, and there is none: write it as a JSON list".to_owned());
    } else {
        text.split_whitespace().map(str::to_owned).collect::<Vec<String>>()
    };
    if words.first().is_none_or(String::is_empty) { Err("it is empty".to_owned()) } else { Ok(words) }
}
