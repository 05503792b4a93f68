//! Programs that start another program: the command behind their options, and the script of a shell.

use std::sync::OnceLock;

pub use crate::root::path::file_name;

use crate::recognise::catalogue::{Catalogue, Class};

/// A program that starts the command behind its own options and operands.
struct Wrapper {
    names: &'static str,
    /// Whether it keeps running beside the command; others become the command.
    stays: bool,
    /// The options of one letter, as in getopt(3): one with `:` takes a value, one with `?` only in the same word.
    short: &'static str,
    /// The long options; those with `=` take a value.
    long: &'static str,
    operands: Operands,
}

/// The words between the options and the command.
enum Operands {
    /// This many words.
    Words(usize),
    /// Variables with their values.
    Variables,
}

const fn wrapper(names: &'static str, short: &'static str, long: &'static str, operands: usize) -> Wrapper {
    Wrapper { names, stays: false, short, long, operands: Operands::Words(operands) }
}

const fn staying(wrapper: Wrapper) -> Wrapper {
    Wrapper { stays: true, ..wrapper }
}

/// The wrappers, by their manual pages. After an option that is not listed, the command cannot be told. The list leaves
/// out chroot, which looks for its command elsewhere, and busybox, which has its programs in itself and is removed as a
/// whole.
static WRAPPERS: [Wrapper; 17] = [
    staying(wrapper("tini tini-static docker-init", "sp:vwge:", "", 0)),
    staying(wrapper("dumb-init", "cr:v", "single-child rewrite= verbose", 0)),
    staying(wrapper("catatonit", "g", "", 0)),
    staying(wrapper("timeout", "k:s:vfp", "kill-after= signal= verbose foreground preserve-status", 1)),
    wrapper("nice", "n:0123456789", "adjustment=", 0),
    wrapper("ionice", "c:n:t", "class= classdata= ignore", 0),
    wrapper("nohup", "", "", 0),
    wrapper("setsid", "cfw", "ctty fork wait", 0),
    wrapper("stdbuf", "i:o:e:", "input= output= error=", 0),
    wrapper(
        "xargs",
        "0a:d:E:e?I:i?L:l?n:oP:prs:tx",
        "null arg-file= delimiter= eof replace max-lines= max-args= open-tty max-procs= interactive process-slot-var= no-run-if-empty max-chars= verbose exit",
        0,
    ),
    wrapper("gosu su-exec setuidgid s6-setuidgid", "", "", 1),
    wrapper(
        "setpriv",
        "",
        "nnp no-new-privs ambient-caps= inh-caps= bounding-set= ruid= euid= rgid= egid= reuid= regid= clear-groups keep-groups init-groups groups= securebits= pdeathsig= selinux-label= apparmor-profile= reset-env",
        0,
    ),
    staying(wrapper("time", "apvqf:o:", "append portability verbose quiet format= output=", 0)),
    Wrapper {
        names: "env",
        stays: false,
        short: "iu:C:v",
        long: "ignore-environment unset= chdir= debug block-signal default-signal ignore-signal",
        operands: Operands::Variables,
    },
    // Of shells.
    wrapper("exec", "a:cl", "", 0),
    wrapper("command", "p", "", 0),
    wrapper("builtin", "", "", 0),
];

impl Wrapper {
    /// Whether the value of an option is the next word; `None` for an option that is not known.
    fn takes_next(&self, option: &str) -> Option<bool> {
        if let Some(long) = option.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let known = self.long.split(' ').find(|known| known.trim_end_matches('=') == name)?;
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

/// Whether a program of this name keeps running beside the command that it starts.
pub fn stays(program: &str) -> bool {
    wrapper_called(program).is_some_and(|wrapper| wrapper.stays)
}

/// Whether a program of this name starts the command behind it.
pub fn is_wrapper(program: &str) -> bool {
    wrapper_called(program).is_some()
}

fn wrapper_called(program: &str) -> Option<&'static Wrapper> {
    WRAPPERS.iter().find(|wrapper| wrapper.names.split(' ').any(|name| name == file_name(program)))
}

/// The command that a wrapper starts. `None` if the first word is no wrapper, or the command cannot be told.
pub fn inner<'a, 'w>(words: &'a [&'w str]) -> Option<&'a [&'w str]> {
    let (program, mut rest) = words.split_first()?;
    let wrapper = wrapper_called(program)?;
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

/// The script of `sh -c SCRIPT`.
pub fn script_of<'a>(words: &[&'a str]) -> Option<&'a str> {
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

/// The class of a program, by its name or the last part of its path.
pub fn class(program: &str) -> Option<Class> {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    let catalogue = CATALOGUE.get_or_init(Catalogue::default);
    catalogue.by_name(file_name(program).as_bytes()).map(|known| known.class)
}

/// Whether it is a shell by its name.
pub fn is_shell(program: &str) -> bool {
    class(program) == Some(Class::Shell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_script() {
        for words in
            [&["sh", "-c", "x"][..], &["/bin/bash", "--norc", "-o", "pipefail", "-ec", "x"], &["sh", "-c", "--", "x"]]
        {
            assert_eq!(script_of(words), Some("x"), "{words:?}");
        }
        for words in [&["sh", "/x.sh", "-c", "x"][..], &["sh", "-e"], &["app", "-c", "x"], &["sh", "-c"], &[]] {
            assert_eq!(script_of(words), None, "{words:?}");
        }
    }

    #[test]
    fn what_stays_beside_its_command() {
        assert!(stays("/usr/bin/tini") && stays("timeout"));
        assert!(!stays("env") && !stays("/usr/sbin/gosu") && !stays("nginx"));
    }
}
