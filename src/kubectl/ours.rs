//! What an earlier `inject`, or somebody by our examples, has put into a manifest.

use super::PROGRAM;
use super::checks;
use super::cli::Mode;
use super::workload::{Container, Workload};
use super::yaml::Node;

/// The words of a list that calls lithify in an app's container: from the subcommand on.
pub(super) fn call(command: Option<&Node>) -> Option<Vec<&str>> {
    let words = command?.words();
    (words.first() == Some(&PROGRAM)).then(|| words.into_iter().skip(1).collect())
}

/// The same for a handler: a probe, or a hook of the container's lifecycle.
pub(super) fn handler(handler: Option<&Node>) -> Option<Vec<&str>> {
    call(handler?.at(&["exec", "command"]))
}

/// How a container of the app was injected.
pub(super) fn mode(workload: &Workload<'_>, container: &Container<'_>) -> Option<Mode> {
    let begins = |call: Option<Vec<&str>>, word: &str| call.is_some_and(|call| call.first() == Some(&word));
    if begins(call(container.node.get("command")), "run") {
        Some(Mode::Run)
    } else if begins(handler(container.node.get("startupProbe")), "harden") {
        Some(Mode::Probe)
    } else {
        checks::has_staged(workload, container).then_some(Mode::Stage)
    }
}

/// The directories that a call of `stage` copies, and the volume's mount point.
pub(super) fn staging<'a>(call: &[&'a str]) -> Option<(Vec<&'a str>, &'a str)> {
    let (first, mut rest) = call.split_first()?;
    if *first != "stage" {
        return None;
    }
    let (mut sources, mut to) = (Vec::new(), None);
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        if let Some(value) = word.strip_prefix("--to=") {
            to = Some(value);
        } else if word.starts_with('-')
            && !word.contains('=')
            && !matches!(*word, "-v" | "-q" | "--verbose" | "--quiet")
        {
            let (value, after) = rest.split_first()?;
            rest = after;
            if *word == "--to" {
                to = Some(value);
            }
        } else if !word.starts_with('-') {
            sources.push(*word);
        }
    }
    Some((sources, to?))
}

/// A command of ours with these profiles in the place of its own; what follows `--` stays.
pub(super) fn with_profiles(words: &[&str], profiles: &[String]) -> Vec<String> {
    let named = profiles.iter().flat_map(|profile| ["--profile".to_owned(), profile.clone()]);
    let mut out: Vec<String> = Vec::new();
    let mut place = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--profile" | "-p" => {
                place = place.or(Some(out.len()));
                words.next();
            }
            word if word.starts_with("--profile=") => place = place.or(Some(out.len())),
            "--" => {
                out.push("--".to_owned());
                out.extend(words.by_ref().map(|word| (*word).to_owned()));
            }
            word => out.push(word.to_owned()),
        }
    }
    // Behind the program and the subcommand.
    let at = place.unwrap_or(2).min(out.len());
    out.splice(at..at, named);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_replaced_where_they_stand() {
        let profiles = ["a".to_owned(), "b".to_owned()];
        let with = |words: &str| with_profiles(&words.split(' ').collect::<Vec<_>>(), &profiles).join(" ");
        assert_eq!(
            with("/l harden --wait-for-app --profile x -p y"),
            "/l harden --wait-for-app --profile a --profile b"
        );
        assert_eq!(with("/l run --profile=x -- sh -p z"), "/l run --profile a --profile b -- sh -p z");
        assert_eq!(with("/l verify"), "/l verify --profile a --profile b");
    }

    #[test]
    fn what_a_call_of_stage_copies() {
        let call: Vec<&str> = "stage --profile nginx /usr/bin -v /bin --to /staged".split(' ').collect();
        assert_eq!(staging(&call), Some((vec!["/usr/bin", "/bin"], "/staged")));
        assert_eq!(staging(&["stage", "/usr/bin", "--to=/x"]), Some((vec!["/usr/bin"], "/x")));
        assert_eq!(staging(&["stage", "/usr/bin"]), None);
        assert_eq!(staging(&["harden"]), None);
    }
}
