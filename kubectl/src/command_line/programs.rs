//! The programs that a command line starts, also through other programs and in a shell's script.

use lithify::recognise::command_line::script;
use lithify::recognise::command_line::wrappers::{inner, script_of};

/// The command behind all wrappers.
pub(crate) fn unwrapped<'a, 'w>(mut words: &'a [&'w str]) -> &'a [&'w str] {
    while let Some(command) = inner(words) {
        words = command;
    }
    words
}

/// How many scripts within scripts are read.
const DEEPEST: usize = 8;

/// The programs of a command line, in its order.
#[derive(Default)]
struct Programs {
    started: Vec<String>,
    /// Programs that a script looks for, and may do without.
    looked_for: Vec<String>,
}

/// The programs that a command line starts, as far as its words tell.
pub(crate) fn programs(words: &[&str]) -> Vec<String> {
    let mut programs = Programs::default();
    programs.add(words, false, 0);
    let Programs { mut started, looked_for } = programs;
    started.retain(|program| !looked_for.contains(program));
    started
}

impl Programs {
    /// `in_script` means that a shell reads the words.
    fn add(&mut self, mut words: &[&str], in_script: bool, depth: usize) {
        if in_script {
            words = script::command(words);
        }
        let Some((program, rest)) = words.split_first().filter(|_| depth <= DEEPEST) else { return };
        let built_in = in_script && script::is_built_in(program);
        if in_script && matches!(*program, "command" | "type" | "hash" | "which") {
            let looks = *program != "command" || rest.iter().any(|word| matches!(*word, "-v" | "-V"));
            self.looked_for.extend(rest.iter().filter(|_| looks).map(|word| (*word).to_owned()));
        }
        if !built_in {
            self.started.push((*program).to_owned());
        }
        if let Some(command) = inner(words) {
            self.add(command, built_in && *program != "exec", depth + 1);
        } else if let Some(text) = script_of(words) {
            for command in script::commands(text) {
                let words: Vec<&str> = command.iter().map(String::as_str).collect();
                self.add(&words, true, depth + 1);
            }
        }
    }
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
            ("case $1 in curl) ls;; esac", "ls"),
        ] {
            assert_eq!(programs(&["bash", "-ec", script]).join(" "), format!("bash {expected}").trim_end(), "{script}");
        }
    }
}
