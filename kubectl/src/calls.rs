//! Which programs a command line starts: also those that another program starts for it, and those of a shell's script.

use super::paths::file_name;
use super::removed::is_shell;
use super::script;

/// A program that starts the command behind its own options and operands.
struct Wrapper {
    names: &'static [&'static str],
    /// Its options of one letter, as for getopt(3): with `:` one takes a value, with `?` only in the same word.
    short: &'static str,
    /// The others; those that end with `=` take a value.
    long: &'static [&'static str],
    operands: Operands,
}

/// What stands before the command.
enum Operands {
    /// So many words.
    Words(usize),
    /// Variables, each with a value.
    Variables,
}

const fn wrapper(
    names: &'static [&'static str],
    short: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper { names, short, long, operands: Operands::Words(operands) }
}

/// By their manual pages. An option that is not listed starts no command, or cannot be passed over: then nothing is said.
/// Not here: chroot, because its command is looked for elsewhere, and busybox, which has its programs in itself and goes
/// as a whole.
const WRAPPERS: [Wrapper; 17] = [
    wrapper(&["tini", "tini-static", "docker-init"], "sp:vwge:", &[], 0),
    wrapper(&["dumb-init"], "cr:v", &["single-child", "rewrite=", "verbose"], 0),
    wrapper(&["catatonit"], "g", &[], 0),
    wrapper(&["timeout"], "k:s:vfp", &["kill-after=", "signal=", "verbose", "foreground", "preserve-status"], 1),
    wrapper(&["nice"], "n:0123456789", &["adjustment="], 0),
    wrapper(&["ionice"], "c:n:t", &["class=", "classdata=", "ignore"], 0),
    wrapper(&["nohup"], "", &[], 0),
    wrapper(&["setsid"], "cfw", &["ctty", "fork", "wait"], 0),
    wrapper(&["stdbuf"], "i:o:e:", &["input=", "output=", "error="], 0),
    wrapper(
        &["xargs"],
        "0a:d:E:e?I:i?L:l?n:oP:prs:tx",
        &[
            "null",
            "arg-file=",
            "delimiter=",
            "eof",
            "replace",
            "max-lines=",
            "max-args=",
            "open-tty",
            "max-procs=",
            "interactive",
            "process-slot-var=",
            "no-run-if-empty",
            "max-chars=",
            "verbose",
            "exit",
        ],
        0,
    ),
    wrapper(&["gosu", "su-exec", "setuidgid", "s6-setuidgid"], "", &[], 1),
    wrapper(
        &["setpriv"],
        "",
        &[
            "nnp",
            "no-new-privs",
            "ambient-caps=",
            "inh-caps=",
            "bounding-set=",
            "ruid=",
            "euid=",
            "rgid=",
            "egid=",
            "reuid=",
            "regid=",
            "clear-groups",
            "keep-groups",
            "init-groups",
            "groups=",
            "securebits=",
            "pdeathsig=",
            "selinux-label=",
            "apparmor-profile=",
            "reset-env",
        ],
        0,
    ),
    wrapper(&["time"], "apvqf:o:", &["append", "portability", "verbose", "quiet", "format=", "output="], 0),
    Wrapper {
        names: &["env"],
        short: "iu:C:v",
        long: &["ignore-environment", "unset=", "chdir=", "debug", "block-signal", "default-signal", "ignore-signal"],
        operands: Operands::Variables,
    },
    // Of shells.
    wrapper(&["exec"], "a:cl", &[], 0),
    wrapper(&["command"], "p", &[], 0),
    wrapper(&["builtin"], "", &[], 0),
];

impl Wrapper {
    /// Whether the value of an option is the next word; `None` for an option that is not known.
    fn takes_next(&self, option: &str) -> Option<bool> {
        if let Some(long) = option.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let known = self.long.iter().find(|known| known.trim_end_matches('=') == name)?;
            return Some(known.ends_with('=') && value.is_none());
        }
        let mut letters = option.strip_prefix('-')?.chars();
        while let Some(letter) = letters.next() {
            let (_, after) = self.short.split_once(letter).filter(|_| !matches!(letter, ':' | '?'))?;
            match after.bytes().next() {
                Some(b':') => return Some(letters.as_str().is_empty()),
                Some(b'?') => return Some(false),
                _ => {}
            }
        }
        Some(false)
    }
}

/// The command that a wrapper starts; `None` where the command is no wrapper, or cannot be told.
fn inner<'a, 'w>(words: &'a [&'w str]) -> Option<&'a [&'w str]> {
    let (program, mut rest) = words.split_first()?;
    let wrapper = WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&file_name(program)))?;
    while let Some((option, after)) = rest.split_first().filter(|(word, _)| word.len() > 1 && word.starts_with('-')) {
        rest = after;
        if *option == "--" {
            break;
        }
        if wrapper.takes_next(option)? {
            rest = rest.split_first()?.1;
        }
    }
    let operands = match wrapper.operands {
        Operands::Words(count) => count,
        // `env -` is `env -i`.
        Operands::Variables => rest.iter().take_while(|word| **word == "-" || word.contains('=')).count(),
    };
    rest.get(operands..).filter(|command| !command.is_empty())
}

/// The command behind all wrappers.
pub(super) fn unwrapped<'a, 'w>(mut words: &'a [&'w str]) -> &'a [&'w str] {
    while let Some(command) = inner(words) {
        words = command;
    }
    words
}

/// The script of `sh -c SCRIPT`.
pub(super) fn script<'a>(words: &[&'a str]) -> Option<&'a str> {
    let (program, rest) = words.split_first()?;
    let mut rest = rest.iter().filter(|_| is_shell(program));
    let mut is_text = false;
    while let Some(word) = rest.next() {
        match *word {
            "--" => return rest.next().copied().filter(|_| is_text),
            "--rcfile" | "--init-file" => {
                rest.next();
            }
            long if long.starts_with("--") => {}
            option if option.starts_with(['-', '+']) => {
                is_text |= option.starts_with('-') && option.contains('c');
                if option.ends_with(['o', 'O']) {
                    rest.next();
                }
            }
            operand => return Some(operand).filter(|_| is_text),
        }
    }
    None
}

/// Words of a shell itself, which need no program.
const BUILT_IN: [&str; 49] = [
    "exec", "command", "builtin", "exit", "echo", "test", "[", "[[", "fi", "for", "in", "done", "esac", "}", "set",
    "cd", "pwd", "export", "unset", "readonly", "local", "declare", "typeset", "shift", "return", "break", "continue",
    ".", "source", ":", "true", "false", "trap", "wait", "read", "kill", "printf", "ulimit", "umask", "eval", "type",
    "hash", "alias", "getopts", "let", "function", "select", "jobs", "times",
];

/// Words of a shell with a command behind them.
const BEFORE_COMMANDS: [&str; 10] = ["if", "then", "do", "else", "elif", "!", "while", "until", "{", "time"];

/// A script within a script within ...
const DEEPEST: usize = 8;

/// The programs of a command line, in its order.
#[derive(Default)]
struct Programs {
    started: Vec<String>,
    /// Those that a script looks for: it may do without.
    looked_for: Vec<String>,
}

/// Every program that a command line starts, as far as it can be told.
pub(super) fn programs(words: &[&str]) -> Vec<String> {
    let mut programs = Programs::default();
    programs.add(words, false, 0);
    let Programs { mut started, looked_for } = programs;
    started.retain(|program| !looked_for.contains(program));
    started
}

impl Programs {
    /// `in_script` is where a shell reads the words.
    fn add(&mut self, mut words: &[&str], in_script: bool, depth: usize) {
        if in_script {
            let before = |word: &&&str| BEFORE_COMMANDS.contains(word) || is_assignment(word);
            words = words.get(words.iter().take_while(before).count()..).unwrap_or_default();
        }
        let Some((program, rest)) = words.split_first().filter(|_| depth <= DEEPEST) else { return };
        let built_in = in_script && BUILT_IN.contains(program);
        if in_script && matches!(*program, "command" | "type" | "hash" | "which") {
            let looks = *program != "command" || rest.iter().any(|word| matches!(*word, "-v" | "-V"));
            self.looked_for.extend(rest.iter().filter(|_| looks).map(|word| (*word).to_owned()));
        }
        if !built_in {
            self.started.push((*program).to_owned());
        }
        if let Some(command) = inner(words) {
            self.add(command, built_in && *program != "exec", depth + 1);
        } else if let Some(text) = script(words) {
            for command in script::commands(text) {
                let words: Vec<&str> = command.iter().map(String::as_str).collect();
                self.add(&words, true, depth + 1);
            }
        }
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'+'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_wrappers() {
        for (line, expected) in [
            ("app sh -c x", "app"),
            ("tini -- sh", "tini sh"),
            ("/sbin/tini -vvg -p SIGTERM -e143 app -- x", "/sbin/tini app"),
            ("tini -x app", "tini"),
            ("dumb-init --rewrite 15:2 -c --rewrite=1:2 bash -l", "dumb-init bash"),
            ("timeout -k 5 --signal KILL -s9 3 nice -n 5 curl -f x", "timeout nice curl"),
            ("timeout -t 5 app", "timeout"),
            ("nice -5 ionice -c2 -n 7 nohup setsid -w stdbuf -oL app", "nice ionice nohup setsid stdbuf app"),
            ("/usr/bin/env -i -u HOME - A=b C=d bash", "/usr/bin/env bash"),
            ("env -S bash", "env"),
            ("xargs -0 -I {} -n1 -i --replace=x wget {}", "xargs wget"),
            ("gosu redis:redis su-exec 1:1 setpriv --reuid 1 --clear-groups app", "gosu su-exec setpriv app"),
            ("tini --", "tini"),
            ("timeout 5", "timeout"),
            ("tini", "tini"),
            ("", ""),
        ] {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(programs(&words).join(" "), expected, "{line}");
        }
        assert_eq!(unwrapped(&["tini", "--", "env", "A=b", "app", "-x"]), ["app", "-x"]);
        assert_eq!(unwrapped(&["tini"]), ["tini"]);
    }

    #[test]
    fn of_scripts() {
        for (script, expected) in [
            ("timeout 3 curl -f localhost", "timeout curl"),
            ("status=`curl x`; [ \"$(wget -qO- y)\" = ok ] || exit 1", "curl wget"),
            ("X=1 exec -a app echo; if ! curl x; then echo; else nc y; fi", "echo curl nc"),
            ("echo 'a; curl b' # curl", ""),
            ("command curl x", "curl"),
            ("command -v curl && curl x || wget y", "wget"),
            ("which curl >/dev/null && curl x", "which"),
            ("time sh -c 'nc x'; for x in curl wget; do ping $x; done", "sh nc ping"),
            ("case $1 in curl) ls;; esac", ""),
        ] {
            assert_eq!(programs(&["bash", "-ec", script]).join(" "), format!("bash {expected}").trim_end(), "{script}");
        }
    }

    #[test]
    fn what_is_a_script() {
        for words in
            [&["sh", "-c", "x"][..], &["/bin/bash", "--norc", "-o", "pipefail", "-ec", "x"], &["sh", "-c", "--", "x"]]
        {
            assert_eq!(script(words), Some("x"), "{words:?}");
        }
        for words in [&["sh", "/x.sh", "-c", "x"][..], &["sh", "-e"], &["app", "-c", "x"], &["sh", "-c"], &[]] {
            assert_eq!(script(words), None, "{words:?}");
        }
    }
}
