//! Commands that need a program that a profile removes, and calls of lithify that replace them.

use super::programs::{programs, unwrapped};
use super::removed::{Removed, is_script};
use lithify::probe::Target;
use lithify::recognise::command_line::CommandLine;
use lithify::recognise::command_line::wrappers::{file_name, script_of};
use lithify::text::seconds;

/// A command that will not work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The program that the profile removes.
    pub(crate) program: String,
    pub(crate) reason: String,
    /// The words of lithify that do the same.
    pub(crate) replacement: Option<Vec<String>>,
}

/// The first program of a command that the profile removes.
pub(crate) fn broken(words: &[&str], removed: &Removed<'_>) -> Option<Broken> {
    let programs = programs(words);
    if let Some((program, rule)) = programs.iter().find_map(|program| Some((program, removed.rule(program)?))) {
        return Some(Broken {
            program: program.clone(),
            reason: format!("{rule} removes it"),
            replacement: plain(words).and_then(|words| replacement(&strs(&words))),
        });
    }
    let rule = removed.rule("/bin/sh")?;
    let program = programs.into_iter().find(|program| is_script(program))?;
    let reason = format!("it looks like a script of a shell, and {rule} removes that");
    Some(Broken { program, reason, replacement: None })
}

/// The words of a command without its wrappers and its shell, if these only start it.
fn plain(words: &[&str]) -> Option<Vec<String>> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let words = unwrapped(words);
    let Some(script) = script_of(words) else { return Some(owned(words)) };
    let mut script = script.trim().trim_end_matches(';');
    // These turn any failure into exit code 1, or discard output.
    for tail in
        ["|| exit 1", "|| false", "2>&1", "2>/dev/null", "2> /dev/null", ">/dev/null", "> /dev/null", "&>/dev/null"]
            .repeat(2)
    {
        script = script.strip_suffix(tail).unwrap_or(script).trim_end();
    }
    let script = script.strip_prefix("exec ").unwrap_or(script);
    let simple =
        |c: char| !matches!(c, '|' | '&' | ';' | '<' | '>' | '$' | '`' | '(' | ')' | '*' | '{' | '}' | '\\' | '\n');
    if !script.chars().all(simple) {
        return None;
    }
    let words = CommandLine::split(script)?;
    Some(owned(unwrapped(&strs(&words))))
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// The words of `lithify probe` or `sleep` that do the same as a common command.
fn replacement(words: &[&str]) -> Option<Vec<String>> {
    let (program, rest) = words.split_first()?;
    let operands: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-') && *word != "]").collect();
    let ours = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    match file_name(program) {
        "curl" | "wget" => {
            let url = rest.iter().find(|word| word.starts_with("http://"))?;
            Target::http(url).ok()?;
            ours(&["probe", "http", url])
        }
        "nc" | "ncat" | "netcat" => {
            let [.., host, port] = operands.as_slice() else { return None };
            let endpoint = format!("{host}:{port}");
            Target::tcp(&endpoint).ok()?;
            ours(&["probe", "tcp", &endpoint])
        }
        "test" | "[" | "cat" | "ls" | "stat" => {
            let [file] = operands.as_slice() else { return None };
            Target::file(file).ok()?;
            ours(&["probe", "file", file])
        }
        "sleep" => {
            let [time] = operands.as_slice() else { return None };
            let time = time.strip_suffix('s').unwrap_or(time);
            seconds::parse(time).ok()?;
            ours(&["sleep", time])
        }
        _ => None,
    }
}

impl Broken {
    /// What to do, by lithify at this path; `hook` means that the command is not that of a probe.
    pub(crate) fn fix(&self, hook: bool, program: &str) -> String {
        if let Some(words) = &self.replacement {
            let words: Vec<&str> = std::iter::once(program).chain(words.iter().map(String::as_str)).collect();
            let words = serde_json::to_string(&words).unwrap_or_default().replace("\",\"", "\", \"");
            return format!("command: {words}");
        }
        let other = if hook {
            format!("call the app's own program, or `{program} sleep SECONDS`")
        } else {
            format!("use httpGet, tcpSocket or grpc, or `{program} probe tcp|http|file ...`")
        };
        format!("{other}; or save it in a profile of your own: [keep] names = [{:?}]", file_name(&self.program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lithify::profile::load;

    fn replaced(words: &[&str]) -> Option<String> {
        let profile = load(["nginx"]).unwrap();
        let removed = Removed::new(&profile);
        broken(words, &removed)
            .unwrap_or_else(|| panic!("{words:?} is not broken"))
            .replacement
            .map(|words| words.join(" "))
    }

    #[test]
    fn what_everybody_writes_has_an_equivalent() {
        for (words, expected) in [
            (&["sleep", "5"][..], "sleep 5"),
            (&["sh", "-c", "sleep 10s"], "sleep 10"),
            (&["/bin/sh", "-c", "exec sleep 0.5;"], "sleep 0.5"),
            (&["curl", "-fsS", "http://localhost:8080/healthz"], "probe http http://localhost:8080/healthz"),
            (&["bash", "-ec", "curl -f 'http://localhost/' >/dev/null 2>&1 || exit 1"], "probe http http://localhost/"),
            (&["wget", "-q", "--spider", "http://127.0.0.1/x?y"], "probe http http://127.0.0.1/x?y"),
            (&["nc", "-z", "localhost", "6379"], "probe tcp localhost:6379"),
            (&["sh", "-c", "nc -z -w 2 127.0.0.1 80"], "probe tcp 127.0.0.1:80"),
            (&["cat", "/tmp/ready"], "probe file /tmp/ready"),
            (&["sh", "-c", "[ -f /tmp/ready ]"], "probe file /tmp/ready"),
            (&["test", "-e", "/run/up"], "probe file /run/up"),
            (&["sh", "-c", "cat '/tmp/is up'"], "probe file /tmp/is up"),
        ] {
            assert_eq!(replaced(words), Some(expected.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn and_what_has_none() {
        for words in [
            &["sh", "-c", "sleep 5 && nginx -s quit"][..],
            &["sh", "-c", "curl https://x/ | grep up"],
            &["pgrep", "nginx"],
            &["/health.sh"],
            &["sleep", "$(TIME)"],
            &["sh", "-c", "cat $FILE"],
            &["curl", "https://localhost/"],
        ] {
            assert_eq!(replaced(words), None, "{words:?}");
        }
    }

    #[test]
    fn a_kept_shell_may_call_what_is_gone() {
        let profile = load(["network-tools"]).unwrap();
        let removed = Removed::new(&profile);
        let curl = broken(&["sh", "-c", "cd /tmp; X=1 curl http://localhost/ && echo up"], &removed).unwrap();
        assert_eq!(curl.program, "curl");
        for words in [
            &["sh", "-c", "echo curl"][..],
            &["nginx", "-t"],
            &["/lithify/lithify", "sleep", "5"],
            &["/health.sh"],
            &[],
        ] {
            assert_eq!(broken(words, &removed), None, "{words:?}");
        }
    }
}
