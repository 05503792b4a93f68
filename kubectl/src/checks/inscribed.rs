//! The command lines that an installed copy must accept: those by which the containers of its pod call it.

use std::ops::Range;
use std::sync::LazyLock;

use super::delivered::{installs, mount_over};
use super::digest::DIGEST;
use crate::command_line::arguments::{Part, parts};
use crate::command_line::calls;
use crate::manifest::workload::{Container, Workload};
use crate::yaml::Node;
use lithify::recognise::only::{Line, VARIABLES};

/// The option that inscribes a command line.
pub(crate) const ONLY: &str = "--only=";

/// A call of the copy in a volume.
pub(crate) struct Call {
    /// The container's title.
    pub(crate) title: String,
    /// The place of the command line.
    pub(crate) place: Range<usize>,
    /// The words after the program, as the kubelet starts them. `None` if they hold `$(NAME)`, which only the kubelet
    /// knows.
    words: Option<Vec<String>>,
    /// A profile file that the container may be able to write. The copy does not hold the content of profiles.
    pub(crate) open_profile: Option<String>,
    /// The container's variables that lithify reads, with their values; `None` for a value that only the kubelet knows.
    variables: Vec<(String, Option<String>)>,
}

/// The names of the variables that stand in for options.
static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let command = lithify::cli::command();
    let all = std::iter::once(&command).chain(command.get_subcommands());
    let options = all.flat_map(clap::Command::get_arguments).filter_map(clap::Arg::get_long);
    options.map(|option| format!("{VARIABLES}{}", option.replace('-', "_").to_uppercase())).collect()
});

impl Call {
    /// The value for `--only`; `None` if only the kubelet knows it.
    pub(crate) fn line(&self) -> Option<String> {
        let variable = |(name, value): &(String, Option<String>)| Some(format!("{name}={}", quoted(value.as_ref()?)));
        let variables = self.variables.iter().map(variable);
        let words = self.words.as_ref()?.iter().map(|word| Some(quoted(word)));
        Some(variables.chain(words).collect::<Option<Vec<_>>>()?.join(" "))
    }

    /// Whether a copy that accepts these lines refuses this call.
    pub(crate) fn is_refused(&self, lines: &[Line]) -> bool {
        self.words.as_ref().is_some_and(|words| lines.iter().all(|line| line.words != *words))
    }

    /// A variable of the container that the line for this call does not set. Such a copy does not read it.
    pub(crate) fn unread<'a>(&'a self, lines: &[Line]) -> Option<&'a str> {
        let line = lines.iter().find(|line| self.words.as_ref() == Some(&line.words))?;
        let set = |name: &str| line.variables.iter().any(|(known, _)| known == name);
        self.variables.iter().map(|(name, _)| name.as_str()).find(|name| !set(name))
    }
}

/// The calls of the copy in this volume by the pod's containers.
pub(crate) fn calls(workload: &Workload<'_>, volume: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let inits = workload.init_containers().into_iter().filter(|container| installs(container) != Some(volume));
    for container in inits.chain(workload.containers()) {
        let is_copy = |words: &[&str]| words.first().is_some_and(|program| mounts(&container, program, volume));
        let mut add = |place: &Node, words: Option<Vec<String>>| {
            let (title, place) = (container.title.clone(), place.range.clone());
            let open_profile = words.as_deref().and_then(|words| open_profile(&container, words));
            calls.push(Call { title, place, words, open_profile, variables: variables(container.node) });
        };
        let words = calls::words(container.node);
        if let Some(command) = container.node.get("command").filter(|_| is_copy(&words)) {
            let words = words.iter().skip(1).map(|word| expanded(word)).collect();
            add(command, words);
        }
        for command in calls::handler_commands(container.node).map(|(_, command)| command) {
            let words = command.words();
            if is_copy(&words) {
                add(command, Some(words.iter().skip(1).map(|word| (*word).to_owned()).collect()));
            }
        }
    }
    calls
}

/// The values of an installer's `--only` options, as they are written.
pub(crate) fn only(installer: &Container<'_>) -> Vec<String> {
    let call = calls::init_call(installer.node).unwrap_or_default();
    let parts = parts(&call);
    parts.iter().filter(|part| part.option == Some("only")).map(|part| part.value.to_owned()).collect()
}

/// The command lines of these values, after the kubelet has expanded them.
pub(crate) fn lines(only: &[String]) -> Vec<Line> {
    only.iter().filter_map(|text| Line::new(&text.replace("$$", "$")).ok()).collect()
}

/// The command and the args of an installer, with these lines in place of its own.
pub(crate) fn with_lines(lists: &[Vec<&str>; 2], only: &[String]) -> [Vec<String>; 2] {
    let border = lists[0].len();
    let words = lists.concat();
    // The program is the first word, or the image's entrypoint.
    let skip = usize::from(border > 0);
    let parts = parts(words.get(skip..).unwrap_or_default());
    let of_only: Vec<Range<usize>> =
        parts.iter().filter(|part| part.option == Some("only")).map(|part: &Part<'_>| part.range.clone()).collect();
    let (mut command, mut args) = (Vec::new(), Vec::new());
    for (at, word) in words.iter().enumerate() {
        if !of_only.iter().any(|range| at.checked_sub(skip).is_some_and(|at| range.contains(&at))) {
            let list = if at < border { &mut command } else { &mut args };
            list.push((*word).to_owned());
        }
    }
    let last = if lists[1].is_empty() { &mut command } else { &mut args };
    last.extend(only.iter().map(|line| format!("{ONLY}{line}")));
    [command, args]
}

/// A line as an argument. The kubelet expands `$$` to `$`.
pub(crate) fn escaped(line: &str) -> String {
    line.replace('$', "$$")
}

/// Whether a program of a container is the copy in this volume.
fn mounts(container: &Container<'_>, program: &str, volume: &str) -> bool {
    container.mounts().iter().any(|mount| {
        let at = mount.text_of("mountPath").unwrap_or_default().trim_end_matches('/');
        mount.text_of("name") == Some(volume) && program.strip_prefix(at) == Some("/lithify")
    })
}

/// The first profile file of a command line that is neither on a read-only volume nor on a read-only root.
fn open_profile(container: &Container<'_>, words: &[String]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let parts = parts(&words);
    let mut files = parts.iter().filter(|part| part.option == Some("profile") && part.value.starts_with('/'));
    let is_open = |file: &str| {
        let mount = mount_over(container, file);
        mount.map_or(container.read_only_root().is_none(), |mount| !mount.is_true("readOnly"))
    };
    files.find(|part| is_open(part.value)).map(|part| part.value.to_owned())
}

/// A word of a command or args after the kubelet's expansion (Kubernetes, "Define Dependent Environment Variables").
fn expanded(word: &str) -> Option<String> {
    let text = word.replace("$$", "\0");
    (!text.contains("$(")).then(|| text.replace('\0', "$"))
}

/// The container's variables that lithify reads.
fn variables(container: &Node) -> Vec<(String, Option<String>)> {
    let known = |variable: &&Node| variable.text_of("name").is_some_and(|name| KNOWN.iter().any(|known| known == name));
    let list = container.get("env").map(Node::items).unwrap_or_default().iter().filter(known);
    let pair = |variable: &Node| {
        let name = variable.text_of("name")?.to_owned();
        if variable.get("valueFrom").is_some() {
            // A copy takes the pod's digest, whatever its lines say.
            return (name != DIGEST).then_some((name, None));
        }
        let value = variable.text_of("value").filter(|value| !value.is_empty())?;
        Some((name, Some(value.to_owned())))
    };
    list.filter_map(pair).collect()
}

/// A word, quoted for `--only`.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_+=:,./-$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_of_options_are_known() {
        for name in ["PROFILE", "REMOVE", "LOG", "FORMAT", "WAIT_FOR", "DRY_RUN", "ROOT", "FALLBACK"] {
            assert!(KNOWN.contains(&format!("LITHIFY_{name}")), "{name}");
        }
        assert!(!KNOWN.contains(&"LITHIFY_PORT".to_owned()));
    }

    #[test]
    fn words_that_the_kubelet_changes() {
        assert_eq!(expanded("a$$b$c"), Some("a$b$c".to_owned()));
        assert_eq!(expanded("$$(A)"), Some("$(A)".to_owned()));
        assert_eq!(expanded("x$(A)"), None);
        assert_eq!(lines(&[escaped("verify $(A) $$")])[0].words, ["verify", "$(A)", "$$"]);
    }

    #[test]
    fn lines_are_replaced_where_they_stand() {
        let with = |command: &str, args: &str| {
            let lists = [command, args].map(|list| list.split_whitespace().collect());
            with_lines(&lists, &["a b".to_owned(), "c".to_owned()]).map(|list| list.join("|"))
        };
        assert_eq!(with("", "install /x"), ["", "install|/x|--only=a b|--only=c"]);
        assert_eq!(with("", "install --only=x /x --only y -v"), ["", "install|/x|-v|--only=a b|--only=c"]);
        assert_eq!(with("/bin/lithify install", "/x"), ["/bin/lithify|install", "/x|--only=a b|--only=c"]);
        assert_eq!(with("/bin/lithify install --only=x /x", ""), ["/bin/lithify|install|/x|--only=a b|--only=c", ""]);
    }

    proptest! {
        #[test]
        fn quoted_words_are_read_as_they_were(words in prop::collection::vec("[^\0]*|[ '\"\\\\$a]*", 1..5)) {
            let text = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(lithify::recognise::only::split(&text).unwrap(), words);
        }
    }
}
