//! Reads the commands in a shell's script, as far as the text tells them.

use std::iter::Peekable;
use std::str::Chars;

/// Commands of the shell itself, which need no program.
const BUILT_IN: &str = "exec command builtin exit echo test [ [[ fi for in done esac } set cd pwd export unset readonly local \
                        declare typeset shift return break continue . source : true false trap wait read kill printf ulimit \
                        umask eval type hash alias getopts let function select jobs times";

/// Keywords of the shell that stand before a command.
const BEFORE_COMMANDS: &str = "if then do else elif ! while until { time";

/// Whether this is a command of the shell itself.
pub fn is_built_in(word: &str) -> bool {
    is_one_of(word, BUILT_IN)
}

fn is_one_of(word: &str, words: &str) -> bool {
    step();
    words.split(' ').any(|known| known == word)
}

/// The words behind keywords and assignments.
pub fn command<'a, 'w>(words: &'a [&'w str]) -> &'a [&'w str] {
    let before = |word: &&&str| is_one_of(word, BEFORE_COMMANDS) || is_assignment(word);
    words.get(words.iter().take_while(before).count()..).unwrap_or_default()
}

/// The commands of a script and of the substitutions in it, each as its words, without quotes, redirections and
/// comments. A `$` or a backtick in a word stands for text that only the shell knows.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    Reader::default().read(&mut script.chars().peekable(), &mut found);
    found
}

/// How many substitutions within substitutions are read.
const DEEPEST: usize = 16;

/// Reads one list of commands: a script or a substitution. What a character costs does not grow with the command.
#[derive(Default)]
struct Reader {
    command: Vec<String>,
    /// How many keywords it begins with.
    keywords: usize,
    /// Whether it has a `[[`, and a `]]`.
    test: [bool; 2],
    word: Option<String>,
    /// Whether the next word is the target of a redirection.
    redirected: bool,
    /// How many subshells are open.
    open: usize,
    /// Whether the list of an array is open, whose words are none of the command.
    array: bool,
    /// How many substitutions surround it.
    depth: usize,
    /// How many `case`s are open.
    cases: usize,
    /// Whether a pattern of a `case` comes next.
    pattern: bool,
    /// The last lines of the here-documents that begin on the next line.
    documents: Vec<String>,
}

type Text<'a> = Peekable<Chars<'a>>;

#[cfg(test)]
thread_local! {
    /// How often a character or a word was looked at.
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts in tests.
fn step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

impl Reader {
    fn read(mut self, text: &mut Text<'_>, found: &mut Vec<Vec<String>>) {
        while let Some(c) = text.next() {
            step();
            match c {
                '\'' => self.push(&text.by_ref().take_while(|c| *c != '\'').collect::<String>()),
                '"' => self.quoted(text, found),
                '\\' => {
                    if let Some(c) = text.next().filter(|c| *c != '\n') {
                        self.push(c.encode_utf8(&mut [0; 4]));
                    }
                }
                '$' | '`' => self.substitution(c, text, found),
                '#' if self.word.is_none() => while text.next_if(|c| *c != '\n').is_some() {},
                // Within `[[ ]]` these characters are operators.
                '&' | '|' | '(' | ')' | '<' | '>' if self.test == [true, false] => self.end_word(),
                '<' | '>' => self.redirection(c, text, found),
                '&' if text.peek() == Some(&'>') => {}
                ';' if self.cases > 0 && text.next_if(|c| matches!(c, ';' | '&')).is_some() => {
                    text.next_if_eq(&'&');
                    self.end_command(found);
                    self.pattern = true;
                }
                '\n' | ';' | '|' | '&' if self.array => self.end_word(),
                ')' if self.array => {
                    self.end_word();
                    self.array = false;
                }
                '\n' | ';' | '|' | '&' => {
                    self.end_command(found);
                    if c == '\n' {
                        self.documents.drain(..).for_each(|end| skip_document(text, &end));
                    }
                }
                '(' => self.parenthesis(text, found),
                ')' if self.open == 0 && self.depth > 0 => break,
                ')' => {
                    self.open = self.open.saturating_sub(1);
                    self.end_command(found);
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.push(c.encode_utf8(&mut [0; 4])),
            }
            if std::mem::take(&mut self.pattern) {
                self.skip_pattern(text);
            }
        }
        self.end_command(found);
    }

    fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take() {
            if !std::mem::take(&mut self.redirected) && !self.array {
                self.add(word);
            }
        }
    }

    /// Adds a word to the command. `case WORD in` begins a `case`.
    fn add(&mut self, word: String) {
        let is_first = self.command.len() == self.keywords;
        self.keywords += usize::from(is_first && is_one_of(&word, BEFORE_COMMANDS));
        self.test = [self.test[0] || word == "[[", self.test[1] || word == "]]"];
        self.command.push(word);
        let words = self.command.get(self.keywords..).unwrap_or_default();
        if matches!(words, [case, _, is_in] if case == "case" && is_in == "in") {
            self.take_command();
            self.cases += 1;
            self.pattern = true;
        }
    }

    fn take_command(&mut self) -> Vec<String> {
        (self.keywords, self.test) = Default::default();
        std::mem::take(&mut self.command)
    }

    fn end_command(&mut self, found: &mut Vec<Vec<String>>) {
        self.end_word();
        self.redirected = false;
        if self.command.first().is_some_and(|word| word == "esac") {
            self.cases = self.cases.saturating_sub(1);
        }
        if !self.command.is_empty() {
            found.push(self.take_command());
        }
    }

    /// Skips the pattern of a branch, or the end of the branches.
    fn skip_pattern(&mut self, text: &mut Text<'_>) {
        let mut pattern = String::new();
        while let Some(c) = text.next() {
            step();
            match c {
                ')' => return,
                '(' if pattern.is_empty() => {}
                '#' if pattern.is_empty() => while text.next_if(|c| *c != '\n').is_some() {},
                c if c.is_whitespace() && pattern.is_empty() => {}
                c => pattern.push(c),
            }
            if pattern == "esac" && text.peek().is_none_or(|c| !c.is_alphanumeric()) {
                self.cases = self.cases.saturating_sub(1);
                return;
            }
        }
    }

    /// Reads on behind a double quote.
    fn quoted(&mut self, text: &mut Text<'_>, found: &mut Vec<Vec<String>>) {
        self.push("");
        while let Some(c) = text.next() {
            step();
            match c {
                '"' => return,
                '$' | '`' => self.substitution(c, text, found),
                '\\' => match text.next_if(|c| "\"\\$`\n".contains(*c)) {
                    Some('\n') => {}
                    escaped => self.push(escaped.unwrap_or('\\').encode_utf8(&mut [0; 4])),
                },
                c => self.push(c.encode_utf8(&mut [0; 4])),
            }
        }
    }

    /// Reads on behind `$` or a backtick.
    fn substitution(&mut self, c: char, text: &mut Text<'_>, found: &mut Vec<Vec<String>>) {
        self.push(c.encode_utf8(&mut [0; 4]));
        if c == '`' {
            let mut inner = String::new();
            while let Some(c) = text.next().filter(|c| *c != '`') {
                let escaped = text.next_if(|next| c == '\\' && "\\$`".contains(*next));
                inner.push(escaped.unwrap_or(c));
            }
            self.inner(&mut inner.chars().peekable(), found);
        } else if text.next_if_eq(&'(').is_some() {
            if text.next_if_eq(&'(').is_some() {
                skip(text, ('(', ')'), 2);
            } else {
                self.inner(text, found);
            }
        } else if text.next_if_eq(&'{').is_some() {
            skip(text, ('{', '}'), 1);
        }
    }

    /// Reads the commands of a substitution.
    fn inner(&self, text: &mut Text<'_>, found: &mut Vec<Vec<String>>) {
        if self.depth < DEEPEST {
            Self { depth: self.depth + 1, ..Self::default() }.read(text, found);
        } else {
            text.for_each(drop);
        }
    }

    /// Reads on behind `<` or `>`.
    fn redirection(&mut self, c: char, text: &mut Text<'_>, found: &mut Vec<Vec<String>>) {
        // The number of a descriptor, as in `2>`.
        self.word.take_if(|word| word.bytes().all(|c| c.is_ascii_digit()));
        self.end_word();
        if text.next_if_eq(&'(').is_some() {
            // The substitution may be the target of a redirection: `< <(COMMAND)`.
            self.redirected = false;
            return self.inner(text, found);
        }
        let mut same = 1;
        while text.next_if_eq(&c).is_some() {
            same += 1;
        }
        if (c, same) == ('<', 2) {
            while text.next_if(|c| matches!(c, '-' | ' ' | '\t')).is_some() {}
            let ends = |c: &char| c.is_whitespace() || ";|&<>()".contains(*c);
            let word: String = std::iter::from_fn(|| text.next_if(|c| !ends(c))).collect();
            self.documents.push(word.replace(['\'', '"', '\\'], ""));
            return;
        }
        text.next_if(|c| matches!(c, '&' | '|' | '>'));
        self.redirected = true;
    }

    fn parenthesis(&mut self, text: &mut Text<'_>, found: &mut Vec<Vec<String>>) {
        if self.word.as_ref().is_some_and(|word| word.ends_with('=')) {
            self.end_word();
            self.array = true;
            return;
        }
        // `name()` or `name ()` defines a function.
        self.word = None;
        if text.peek() == Some(&')') {
            self.take_command();
        }
        self.open += 1;
        self.end_command(found);
    }
}

/// Skips a here-document with its last line.
fn skip_document(text: &mut Text<'_>, end: &str) {
    while text.peek().is_some() {
        let line: String = text.by_ref().take_while(|c| *c != '\n').collect();
        if line.trim_start_matches('\t') == end {
            return;
        }
    }
}

/// Skips to behind the closing character of the outermost of `open` pairs.
fn skip(text: &mut Text<'_>, (opens, closes): (char, char), mut open: usize) {
    while open > 0 {
        match text.next() {
            Some(c) if c == opens => open += 1,
            Some(c) if c == closes => open -= 1,
            Some(_) => {}
            None => return,
        }
    }
}

/// Whether a word before a command is `NAME=VALUE`.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'+'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics(script in "[a(){}\\[\\]$`'\"\\\\<>|&;# =\n]{0,40}") {
            commands(&script);
        }
    }

    #[test]
    fn as_deep_as_it_can_be() {
        let nested = |depth: usize| format!("{}curl{}", "a $(".repeat(depth), ")".repeat(depth));
        assert!(commands(&nested(DEEPEST)).contains(&vec!["curl".to_owned()]));
        assert!(!commands(&nested(1_000_000)).contains(&vec!["curl".to_owned()]));
    }

    /// Whatever is repeated: what is not closed, what is long, what is escaped.
    #[test]
    fn twice_as_long_takes_twice_as_many_steps() {
        let steps = |text: &str| {
            STEPS.set(0);
            commands(text);
            STEPS.get()
        };
        for unit in [
            "`",
            "a ",
            "if ",
            "a ` ",
            "\\`",
            "`\\`",
            "case a in ",
            "case a in \n",
            "case a in b) ",
            "<<a ",
            "$(",
            "$(`",
            "\"`",
            "<(`",
            "`\"",
            "x=(",
            "x=(`",
            "`\\\\",
            "[[ ",
            "[[ a & ",
            "( ",
            "a ;; ",
            "'",
            "\"",
            "#",
            "${",
            "$((",
            "\n",
            "> ",
        ] {
            let (short, long) = (steps(&unit.repeat(500)), steps(&unit.repeat(1000)));
            assert!(long <= 2 * short + 100, "{unit:?}: {short}, then {long}");
            // A substitution within a substitution is read once more for each of them.
            assert!(long <= DEEPEST * 4 * 1000 * unit.len(), "{unit:?}: {long}");
        }
    }

    #[test]
    fn commands_and_their_words() {
        for (script, expected) in [
            ("a b; c && d|e\nf &", "a b/c/d/e/f"),
            ("a 'b; c' \"d | e\" f\\;g", "a b; c d | e f;g"),
            ("x=`a b` y=\"$(c \"d\" | e)\" z", "a b/c d/e/x=` y=$ z"),
            ("(a; (b)) && { c; }", "a/b/{ c/}"),
            ("a >/dev/null 2>&1 <in &>out b >>x 3<y c", "a b c"),
            ("a # b; c\nd #e", "a/d"),
            ("a $((1 + (2))) ${b:-{c;}} d", "a $ $ d"),
            ("[[ a && b > c ]] && d", "[[ a b c ]]/d"),
            ("f() { a; }; x=(b c) d", "{ a/}/x= d"),
            ("f () { a; }; (b)", "{ a/}/b"),
            ("a <(b) >(c) d", "b/c/a d"),
            ("a < <(b)\nc > >(d) e", "b/a/d/c e"),
            ("x=($(b) \")\" # )\n c) d; y+=(e) f", "b/x= d/y+= f"),
            ("a \"\\n\\\"\\$\\\n\" `b \\( \\`c\\``", "c/b ( `/a \\n\"$ `"),
            ("a; case $x in b) c;; esac; d", "a/c/d"),
            ("case a in\n# b)\n(b|c) d x; e;; *)\n case f in g) h;; esac\nesac\ni", "d x/e/h/esac/i"),
            ("if case a in b) c; esac; then d; fi", "c/esac/then d/fi"),
            ("x=$(case a in b) c;; esac) d", "c/x=$ d"),
            ("a <<END | d\nb; c\nEND\ne", "a/d/e"),
            ("a <<-'E' <<G >x\nb\n\tE\nc\nG\nd", "a/d"),
            ("a <<END\nb; c", "a"),
            ("a <<<b; c", "a/c"),
            ("a 'b", "a b"),
            ("a) b", "a/b"),
            ("$(`\"", "/`/$"),
            ("", ""),
        ] {
            let read: Vec<String> = commands(script).iter().map(|words| words.join(" ")).collect();
            assert_eq!(read.join("/"), expected, "{script}");
        }
    }
}
