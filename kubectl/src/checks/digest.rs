//! The digests by which a pod says what the files of its containers are, and of which profile each was made.

use std::ops::Range;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::command_line::arguments::{call, parts};
use crate::command_line::calls;
use crate::manifest::finding::{Finding, Severity};
use crate::manifest::workload::{Container, Workload};
use crate::names::PROFILE_DIGEST;
use crate::yaml::Node;
use lithify::profile::{Profile, to_json};
use lithify::seal::Digest;
use lithify::text::escape::escape;

/// The variable that stands in for `--digest`.
pub(crate) const DIGEST: &str = "LITHIFY_DIGEST";

/// What a path of the downward API begins with.
const ANNOTATIONS: &str = "metadata.annotations['";

/// How many hex digits stand for a profile. Nobody attacks this: it tells a profile from its earlier self.
const DIGITS: usize = 16;

/// A profile in a few characters: a hash of what it says about the files that stay, in its effective form. Names and
/// descriptions of profiles, and checks that look at no file, do not count.
pub(crate) fn of_profile(profile: &Profile) -> String {
    let mut said: Value = serde_json::from_str(&to_json(profile, &|_| String::new())).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in ["/remove", "/keep", "/strip", "/seal", "/verify/mounts"] {
        if let Some(said) = said.pointer_mut(part) {
            leave_out_origins(said);
            hash.update(format!("{part} {said}\n"));
        }
    }
    let mut hex = hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    hex.truncate(DIGITS);
    hex
}

/// Takes away which profile an entry came from.
fn leave_out_origins(said: &mut Value) {
    match said {
        Value::Array(items) => items.iter_mut().for_each(leave_out_origins),
        Value::Object(entries) => {
            if entries.contains_key("value") {
                entries.remove("profile");
            }
            entries.values_mut().for_each(leave_out_origins);
        }
        _ => {}
    }
}

/// A digest that a container is to have.
struct Said<'a> {
    /// The option or variable.
    by: &'static str,
    /// The text, and where it is.
    text: &'a str,
    place: &'a Range<usize>,
}

/// Digests of a container that lithify would not take, and one that was made of another profile than `profile`, which is
/// that of [`of_profile`].
pub(crate) fn digests(workload: &Workload<'_>, container: &Container<'_>, profile: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut said = in_calls(container);
    if let Some(variable) = variable(container).filter(|_| compares(container)) {
        match by_variable(workload, container, variable) {
            Ok(known) => said.extend(known),
            Err(finding) => findings.push(finding),
        }
    }
    for Said { by, text, place } in &said {
        if let Err(error) = Digest::parse(text) {
            let message = format!("{}, {by}: {error}: lithify would exit 2", container.title);
            findings.push(Finding::new(Severity::Breaks, place, message, "copy it whole, as `lithify seal` prints it"));
        }
    }
    let made_of = workload.annotation(PROFILE_DIGEST);
    let before = made_of.and_then(|node| made_of_profile(node.text()?, container.name));
    if let (Some(node), Some(before)) = (made_of, before.filter(|before| !said.is_empty() && *before != profile)) {
        let message = format!(
            "{}: its digest was made with another profile ({} is {profile} now): the files that harden leaves are others",
            container.title,
            escape(before.as_bytes())
        );
        let fix = "kubectl lithify seal --image FILE --after with this profile, and inject with --digest";
        findings.push(Finding::new(Severity::Breaks, &node.range, message, fix));
    }
    findings
}

/// The value of the annotation, with this container's entry.
pub(crate) fn annotation(before: Option<&str>, container: &str, profile: &str) -> String {
    let entries = before.unwrap_or_default().split(',').map(str::trim);
    let others = entries.filter(|entry| !entry.is_empty() && entry.split('=').next() != Some(container));
    let mut entries: Vec<String> = others.map(str::to_owned).collect();
    entries.push(format!("{container}={profile}"));
    entries.sort();
    entries.join(",")
}

fn made_of_profile<'a>(annotation: &'a str, container: &str) -> Option<&'a str> {
    let mut entries = annotation.split(',').filter_map(|entry| entry.trim().split_once('='));
    entries.find(|(name, _)| *name == container).map(|(_, profile)| profile)
}

/// The commands by which a container calls lithify, each with the lists that hold its words.
fn commands<'a>(container: &Container<'a>) -> impl Iterator<Item = (Vec<&'a str>, Vec<&'a Node>)> {
    let own = ["command", "args"].iter().filter_map(|key| container.node.get(key)).collect();
    let own = (calls::words(container.node), own);
    let handlers = calls::handler_commands(container.node).map(|(_, command)| (command.words(), vec![command]));
    std::iter::once(own).chain(handlers).filter_map(|(words, lists)| Some((call(&words)?, lists)))
}

/// Whether a container calls what compares its files with a digest.
fn compares(container: &Container<'_>) -> bool {
    commands(container).any(|(call, _)| matches!(call.first(), Some(&("harden" | "verify" | "run"))))
}

/// The values of `--digest`. One that only the kubelet knows is not among them.
fn in_calls<'a>(container: &Container<'a>) -> Vec<Said<'a>> {
    let mut said = Vec::new();
    for (call, lists) in commands(container) {
        let given = parts(&call).into_iter().filter(|part| part.option == Some("digest")).map(|part| part.value);
        for text in given.filter(|text| !text.contains("$(")) {
            let ends = |word: &&Node| word.text().is_some_and(|word| word.ends_with(text));
            let words = lists.iter().flat_map(|list| list.items());
            let Some(word) = words.clone().rfind(ends).or_else(|| words.clone().next()) else { continue };
            said.push(Said { by: "--digest", text, place: &word.range });
        }
    }
    said
}

fn variable<'a>(container: &Container<'a>) -> Option<&'a Node> {
    let variables = container.node.get("env").map(Node::items).unwrap_or_default();
    variables.iter().rfind(|variable| variable.text_of("name") == Some(DIGEST))
}

/// The digest that the variable says, if the manifest tells. Fails if it will be empty.
fn by_variable<'a>(
    workload: &Workload<'a>,
    container: &Container<'_>,
    variable: &'a Node,
) -> Result<Option<Said<'a>>, Finding> {
    let Some(from) = variable.get("valueFrom") else {
        let (text, place) = match variable.get("value") {
            Some(value) => (value.text().unwrap_or_default(), &value.range),
            None => ("", &variable.range),
        };
        return Ok(Some(Said { by: DIGEST, text, place }).filter(|said| !said.text.contains("$(")));
    };
    // A ConfigMap's value is not in the manifest.
    let path = from.at(&["fieldRef", "fieldPath"]).and_then(Node::text).unwrap_or_default();
    let Some(name) = path.strip_prefix(ANNOTATIONS).and_then(|rest| rest.strip_suffix("']")) else { return Ok(None) };
    let Some(annotation) = workload.annotation(name) else {
        let message = format!(
            "{}: {DIGEST} is that of the annotation {}, which the pod does not have: lithify would exit 2",
            container.title,
            escape(name.as_bytes())
        );
        let fix = "write the annotation into the metadata of the pod or of its template";
        return Err(Finding::new(Severity::Breaks, &from.range, message, fix));
    };
    Ok(Some(Said { by: DIGEST, text: annotation.text().unwrap_or_default(), place: &annotation.range }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lithify::profile::load_text;

    #[test]
    fn a_profile_is_known_by_what_it_says_of_files() {
        let of = |text: &str| of_profile(&load_text("x.toml", &format!("schema = 1\n{text}")).unwrap());
        let plain = of("name = \"a\"\n[remove]\nnames = [\"sh\", \"curl\"]\n");
        assert_eq!(
            (plain.len(), &plain),
            (16, &of("name = \"b\"\ndescription = \"x\"\n[remove]\nnames = [\"sh\", \"curl\"]\n"))
        );
        assert_eq!(plain, of("[remove]\nnames = [\"sh\", \"curl\"]\n[verify.process]\nuser = \"non-root\"\n"));
        for other in [
            "[remove]\nnames = [\"sh\"]\n",
            "[remove]\nnames = [\"sh\", \"curl\"]\nmethod = \"disable\"\n",
            "[remove]\nnames = [\"sh\", \"curl\"]\n[keep]\nnames = [\"sh\"]\n",
            "[remove]\nnames = [\"sh\", \"curl\"]\n[strip]\nsetid = true\n",
            "[remove]\nnames = [\"sh\", \"curl\"]\n[seal]\nexclude = [\"/x\"]\n",
            "[remove]\nnames = [\"sh\", \"curl\"]\n[verify.mounts]\nwritable = [\"/x\"]\n",
        ] {
            assert_ne!(plain, of(other), "{other}");
        }
    }

    #[test]
    fn the_annotation_has_an_entry_for_each_container() {
        assert_eq!(annotation(None, "app", "1"), "app=1");
        assert_eq!(annotation(Some("web=2, app=0"), "app", "1"), "app=1,web=2");
        assert_eq!(annotation(Some("app=1,web=2"), "app", "1"), "app=1,web=2");
        assert_eq!(made_of_profile("app=1, web=2", "web"), Some("2"));
        assert_eq!(made_of_profile("app=1", "ap"), None);
    }
}
