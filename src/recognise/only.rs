//! The command lines that an installed copy accepts (`install --only`). Each is one text: variables of lithify, then
//! words, quoted as for a shell. Such a copy ignores all other variables and refuses all other arguments, but for the
//! question whether what a line is about holds.

use std::ffi::OsString;
use std::mem;

/// The most bytes of a table.
pub const MAX_TABLE: usize = 64 * 1024;

/// The first part of the names of lithify's variables.
pub const VARIABLES: &str = "LITHIFY_";

/// One accepted command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text of `--only`.
    pub text: String,
    /// `LITHIFY_...=VALUE` in front of the words: all variables of lithify that the copy sees.
    pub variables: Vec<(String, String)>,
    /// The words after the program.
    pub words: Vec<String>,
}

impl Line {
    /// Reads a text, or says why it is no command line.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let mut words = split(text)?;
        let assignment = |word: &String| {
            let (name, value) = word.split_once('=')?;
            name.starts_with(VARIABLES).then(|| (name.to_owned(), value.to_owned()))
        };
        let variables: Vec<_> = words.iter().map_while(assignment).collect();
        words.drain(..variables.len());
        if words.is_empty() {
            Err("there is no command in it")
        } else {
            Ok(Self { text: text.to_owned(), variables, words })
        }
    }

    /// Whether the arguments after the program are exactly these words, or those of its [`audit`](Self::audit), at whose end
    /// may be `--prove`.
    pub fn accepts(&self, arguments: &[OsString]) -> bool {
        let given = arguments.get(1..).unwrap_or_default();
        let are = |words: &[&str], given: &[OsString]| {
            words.len() == given.len() && words.iter().zip(given).all(|(word, given)| given == word)
        };
        let audit = self.audit();
        let question = match given.split_last() {
            Some((last, question)) if last == "--prove" => question,
            _ => given,
        };
        are(&self.words.iter().map(String::as_str).collect::<Vec<_>>(), given)
            || !audit.is_empty() && are(&audit, question)
    }

    /// The words by which whoever audits a pod asks whether what this line is about holds: `verify` with its profiles and
    /// digests, as they are written here, as JSON. They change nothing and read nothing that this line does not name.
    /// Nothing for a line that looks after no container.
    pub fn audit(&self) -> Vec<&str> {
        let mut words = Vec::new();
        let mut is_value = false;
        for (place, word) in self.words.iter().map(String::as_str).enumerate() {
            if place == 0 {
                if !matches!(word, "harden" | "run" | "verify") {
                    return Vec::new();
                }
                words.push("verify");
            } else if is_value {
                is_value = false;
                words.push(word);
            } else if word == "--" {
                break;
            } else {
                is_value = matches!(word, "-p" | "--profile" | "--digest");
                if is_value || word.starts_with("--profile=") || word.starts_with("--digest=") {
                    words.push(word);
                }
            }
        }
        words.push("--format");
        words.push("json");
        words
    }
}

/// The table to inscribe: each text with a NUL, which no argument holds.
pub fn table(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.text.bytes().chain([0])).collect()
}

/// The lines of a table.
pub fn parse(table: &[u8]) -> Vec<Line> {
    let texts = table.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok());
    texts.filter_map(|text| Line::new(text).ok()).collect()
}

/// The words of a text, split as a shell does (POSIX, Shell Command Language, 2.2): by blanks, quotes and backslashes.
/// All other characters stand for themselves. [`super::command_line::CommandLine::split`] also knows operators.
pub fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, ' ' | '\t' | '\n') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), close) if open == close => quote = None,
            (None | Some('"'), '\\') => {
                let next = characters.next().ok_or("a backslash stands at its end")?;
                if next == '\n' {
                    continue;
                }
                let word = word.get_or_insert_default();
                if quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(next);
            }
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(mem::take(&mut word));
    if quote.is_some() { Err("a quote is not closed") } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn words(text: &str) -> Vec<String> {
        split(text).unwrap()
    }

    #[test]
    fn words_as_a_shell_splits_them() {
        assert_eq!(words("  harden\t--profile  nginx\n"), ["harden", "--profile", "nginx"]);
        assert_eq!(words("run -- nginx -g 'daemon off;'"), ["run", "--", "nginx", "-g", "daemon off;"]);
        assert_eq!(words(r#"a"b "'c d'\ e "\$\"\\\x" '\'"#), [r"ab c d e", r#"$"\\x"#, r"\"]);
        assert_eq!(words("'' \"\" a\\\nb"), ["", "", "ab"]);
        assert_eq!(words("$HOME * ~ #x `a` ; | & ( )"), ["$HOME", "*", "~", "#x", "`a`", ";", "|", "&", "(", ")"]);
        assert_eq!(words(" "), [""; 0]);
        for unfinished in ["a 'b", "a \"b", "a\\", "\"\\\"", "'"] {
            assert!(split(unfinished).is_err(), "{unfinished}");
        }
    }

    #[test]
    fn variables_stand_in_front() {
        let line = Line::new("LITHIFY_PROFILE='a b' LITHIFY_Q= verify LITHIFY_ROOT=/x").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(line.variables, [pair("LITHIFY_PROFILE", "a b"), pair("LITHIFY_Q", "")]);
        assert_eq!(line.words, ["verify", "LITHIFY_ROOT=/x"]);
        // Other variables are words.
        assert_eq!(Line::new("PATH=/x verify").unwrap().words, ["PATH=/x", "verify"]);
        assert!(Line::new("").is_err() && Line::new("LITHIFY_PROFILE=a").is_err());
    }

    #[test]
    fn every_word_counts() {
        let line = Line::new("verify --profile nginx").unwrap();
        let accepts = |words: &[&str]| line.accepts(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(accepts(&["lithify", "verify", "--profile", "nginx"]));
        assert!(accepts(&["", "verify", "--profile", "nginx"]));
        for other in [
            &[][..],
            &["verify --profile nginx"],
            &["verify", "--profile", "nginx"],
            &["lithify"],
            &["lithify", "verify", "--profile"],
            &["lithify", "verify", "--profile", "nginx", ""],
            &["lithify", "verify", "--profile=nginx"],
            &["lithify", "verify", "-p", "nginx"],
            &["lithify", "--profile", "nginx", "verify"],
        ] {
            assert!(!accepts(other), "{other:?}");
        }
    }

    #[test]
    fn an_audit_asks_for_what_the_line_is_about() {
        let audit = |line: &str| Line::new(line).unwrap().audit().join(" ");
        for (line, words) in [
            ("verify --profile nginx", "--profile nginx "),
            ("run -p a --init --profile=b --digest D -- app -p c", "-p a --profile=b --digest D "),
            ("harden --wait-for-app --wait-timeout 60 --root / -p nginx --digest=D", "-p nginx --digest=D "),
            ("LITHIFY_PROFILE=nginx harden", ""),
            ("run -p", "-p "),
        ] {
            assert_eq!(audit(line), format!("verify {words}--format json"), "{line}");
        }
        for other in ["stage -p a /bin --to /x", "install /x", "probe tcp :80", "learn -p a -- app", "-v verify -p a"] {
            assert_eq!(audit(other), "", "{other}");
        }
        // What has no question has no empty one.
        for none in [vec![], vec![OsString::from("lithify")]] {
            assert!(!Line::new("sleep 5").unwrap().accepts(&none));
        }
        let line = Line::new("harden --wait-for-app --profile nginx").unwrap();
        let accepts = |words: &str| line.accepts(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(accepts("lithify verify --profile nginx --format json"));
        assert!(accepts("lithify verify --profile nginx --format json --prove"));
        for other in [
            "lithify",
            "lithify verify --profile nginx",
            "lithify verify --profile nginx --prove",
            "lithify verify --prove --profile nginx --format json",
            "lithify verify --profile nginx --format json --prove --prove",
            "lithify harden --wait-for-app --profile nginx --prove",
            "lithify verify --profile other --format json",
            "lithify verify --profile nginx --profile other --format json",
            "lithify verify --format json",
            "lithify verify --profile nginx --format json --root /x",
            "lithify verify --profile nginx --format json --log /x",
            "lithify verify --profile nginx --format text",
            "lithify harden --profile nginx --format json",
            "verify --profile nginx --format json",
        ] {
            assert!(!accepts(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_what_is_inscribed_is_read(texts in prop::collection::vec("[^\0]*", 0..4)) {
            let lines: Vec<Line> = texts.iter().filter_map(|text| Line::new(text).ok()).collect();
            prop_assert_eq!(parse(&table(&lines)), lines);
        }

        /// The shell itself is the judge. Characters that it expands, or that end a command, are left out.
        #[test]
        fn as_the_shell_does(text in "([a-z=/.:, \t\n\"'\\\\]|--)*") {
            let script = format!("printf '%s\\0' x {text}");
            // A line end ends a command there, where no quote is open: words of one line only.
            let Ok(ours) = split(&text) else { return Ok(()) };
            prop_assume!(!text.contains('\n'));
            let shell = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
            let theirs = String::from_utf8(shell.stdout).unwrap();
            let theirs: Vec<&str> = theirs.split_terminator('\0').skip(1).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
