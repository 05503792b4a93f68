//! The core's reader of shell scripts against a whole shell's parser, brush-parser: both find the same commands with the same
//! words. The core keeps its own reader because that is small. The last test shows what that reader leaves out.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use brush_parser::ast::{
    AndOr, AssignmentValue, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundList, IoFileRedirectTarget,
    IoRedirect, RedirectList, Word,
};
use brush_parser::word::{WordPiece, WordPieceWithSource};
use brush_parser::{Parser, ParserOptions};
use lithify::recognise::command_line::script;
use proptest::prelude::*;

/// The commands of a script, each as its words, sorted. A word is `$` where only the shell knows it.
type Commands = Vec<Vec<String>>;

/// Words of a shell that end or begin something and are no command.
const NO_COMMANDS: [&str; 7] = ["fi", "done", "esac", "}", "for", "[[", "select"];

/// As the core reads them.
fn ours(text: &str) -> Commands {
    let mut found = Commands::new();
    for command in script::commands(text) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let words = script::command(&words);
        if words.first().is_some_and(|name| !NO_COMMANDS.contains(name)) {
            let word = |word: &&str| if word.contains(['$', '`']) { "$" } else { *word }.to_owned();
            found.push(words.iter().map(word).collect());
        }
    }
    found.sort();
    found
}

/// As brush-parser reads them; `None` if it does not read the script.
fn theirs(text: &str) -> Option<Commands> {
    let mut reader = Reader { found: Commands::new(), is_whole: true };
    reader.script(text)?;
    reader.found.sort();
    Some(reader.found).filter(|_| reader.is_whole)
}

struct Reader {
    found: Commands,
    /// Whether all substitutions were read.
    is_whole: bool,
}

impl Reader {
    fn script(&mut self, text: &str) -> Option<()> {
        let program = Parser::new(text.as_bytes(), &ParserOptions::default()).parse_program().ok()?;
        program.complete_commands.iter().for_each(|list| self.list(list));
        Some(())
    }

    fn list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            let others = item.0.additional.iter().map(|other| match other {
                AndOr::And(pipeline) | AndOr::Or(pipeline) => pipeline,
            });
            for pipeline in std::iter::once(&item.0.first).chain(others) {
                pipeline.seq.iter().for_each(|command| self.command(command));
            }
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => {
                let mut words = Vec::new();
                let (prefix, suffix) = (&simple.prefix, &simple.suffix);
                prefix.iter().flat_map(|prefix| &prefix.0).for_each(|item| self.item(item, &mut Vec::new()));
                words.extend(simple.word_or_name.as_ref().map(|word| self.word(word)));
                suffix.iter().flat_map(|suffix| &suffix.0).for_each(|item| self.item(item, &mut words));
                if !words.is_empty() {
                    self.found.push(words);
                }
            }
            Command::Compound(compound, redirects) => {
                self.compound(compound);
                self.redirects(redirects.as_ref());
            }
            Command::Function(function) => {
                self.compound(&function.body.0);
                self.redirects(function.body.1.as_ref());
            }
            Command::ExtendedTest(..) => {}
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(group) => self.list(&group.list),
            CompoundCommand::ForClause(clause) => {
                clause.values.iter().flatten().for_each(|word| drop(self.word(word)));
                self.list(&clause.body.list);
            }
            CompoundCommand::CaseClause(clause) => {
                self.word(&clause.value);
                clause.cases.iter().filter_map(|case| case.cmd.as_ref()).for_each(|list| self.list(list));
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition);
                self.list(&clause.then);
                for other in clause.elses.iter().flatten() {
                    other.condition.iter().for_each(|list| self.list(list));
                    self.list(&other.body);
                }
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0);
                self.list(&clause.1.list);
            }
            other => panic!("{other}"),
        }
    }

    /// An item before or behind the name of a command; what is a word of it goes to `words`.
    fn item(&mut self, item: &CommandPrefixOrSuffixItem, words: &mut Vec<String>) {
        match item {
            CommandPrefixOrSuffixItem::IoRedirect(redirect) => self.redirect(redirect),
            CommandPrefixOrSuffixItem::Word(word) => words.push(self.word(word)),
            CommandPrefixOrSuffixItem::AssignmentWord(assignment, word) => match &assignment.value {
                AssignmentValue::Scalar(_) => words.push(self.word(word)),
                AssignmentValue::Array(values) => {
                    words.push(word.value.split('(').next().unwrap().to_owned());
                    for (_, value) in values {
                        self.word(value);
                    }
                }
            },
            CommandPrefixOrSuffixItem::ProcessSubstitution(_, group) => self.list(&group.list),
        }
    }

    fn redirects(&mut self, redirects: Option<&RedirectList>) {
        redirects.into_iter().flat_map(|redirects| &redirects.0).for_each(|redirect| self.redirect(redirect));
    }

    fn redirect(&mut self, redirect: &IoRedirect) {
        match redirect {
            IoRedirect::File(_, _, IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word))
            | IoRedirect::HereString(_, word)
            | IoRedirect::OutputAndError(word, _) => drop(self.word(word)),
            IoRedirect::File(_, _, IoFileRedirectTarget::ProcessSubstitution(_, group)) => self.list(&group.list),
            IoRedirect::File(_, _, IoFileRedirectTarget::Fd(_)) | IoRedirect::HereDocument(..) => {}
        }
    }

    fn word(&mut self, word: &Word) -> String {
        let pieces = brush_parser::word::parse(&word.value, &ParserOptions::default()).unwrap();
        let text = self.pieces(&pieces);
        if text.contains(['$', '`']) { "$".to_owned() } else { text }
    }

    fn pieces(&mut self, pieces: &[WordPieceWithSource]) -> String {
        let piece = |piece: &WordPieceWithSource| match &piece.piece {
            WordPiece::Text(text) | WordPiece::SingleQuotedText(text) | WordPiece::AnsiCQuotedText(text) => {
                text.clone()
            }
            WordPiece::DoubleQuotedSequence(inner) | WordPiece::GettextDoubleQuotedSequence(inner) => {
                self.pieces(inner)
            }
            WordPiece::EscapeSequence(text) => text.trim_start_matches('\\').to_owned(),
            WordPiece::CommandSubstitution(text) | WordPiece::BackquotedCommandSubstitution(text) => {
                self.is_whole &= self.script(text).is_some();
                "$".to_owned()
            }
            WordPiece::TildeExpansion(_) => "~".to_owned(),
            WordPiece::ParameterExpansion(_) | WordPiece::ArithmeticExpression(_) => "$".to_owned(),
        };
        pieces.iter().map(piece).collect()
    }
}

#[track_caller]
fn agree(text: &str) {
    assert_eq!(ours(text), theirs(text).unwrap_or_else(|| panic!("brush-parser does not read:\n{text}")), "{text}");
}

/// The entrypoints of well-known images, in short.
const ENTRYPOINTS: [&str; 6] = [
    // nginx
    "#!/bin/sh\n# vim:sw=4:ts=4:et\nset -e\nentrypoint_log() {\n    if [ -z \"${NGINX_ENTRYPOINT_QUIET_LOGS:-}\" ]; then\n        echo \"$@\"\n    fi\n}\nif [ \"$1\" = \"nginx\" ] || [ \"$1\" = \"nginx-debug\" ]; then\n    if /usr/bin/find \"/docker-entrypoint.d/\" -mindepth 1 -maxdepth 1 -type f -print -quit 2>/dev/null | read v; then\n        find \"/docker-entrypoint.d/\" -follow -type f -print | sort -V | while read -r f; do\n            case \"$f\" in\n                *.envsh)\n                    if [ -x \"$f\" ]; then\n                        . \"$f\"\n                    else\n                        entrypoint_log \"$0: Ignoring $f, not executable\";\n                    fi\n                    ;;\n                *) entrypoint_log \"$0: Ignoring $f\";;\n            esac\n        done\n    fi\nfi\n\nexec \"$@\"\n",
    // redis
    "#!/bin/sh\nset -e\n\n# first arg is `-f` or `--some-option`\nif [ \"${1#-}\" != \"$1\" ] || [ \"${1%.conf}\" != \"$1\" ]; then\n\tset -- redis-server \"$@\"\nfi\n\n# allow the container to be started with `--user`\nif [ \"$1\" = 'redis-server' -a \"$(id -u)\" = '0' ]; then\n\tfind . \\! -user redis -exec chown redis '{}' +\n\texec setpriv --reuid=redis --regid=redis --clear-groups -- \"$0\" \"$@\"\nfi\n\num=\"$(umask)\"\nif [ \"$um\" = '0022' ]; then\n\tumask 0077\nfi\n\nexec \"$@\"\n",
    // postgres
    "#!/usr/bin/env bash\nset -Eeo pipefail\n\nfile_env() {\n\tlocal var=\"$1\"\n\tlocal def=\"${2:-}\"\n\tif [ \"${!var:-}\" ]; then\n\t\tprintf >&2 'error: both %s and %s are set\\n' \"$var\" \"$fileVar\"\n\t\texit 1\n\tfi\n\tlocal val=\"$def\"\n\tval=\"$(< \"${!fileVar}\")\"\n\texport \"$var\"=\"$val\"\n\tunset \"$fileVar\"\n}\n\ndocker_create_db_directories() {\n\tlocal user; user=\"$(id -u)\"\n\tmkdir -p \"$PGDATA\"\n\tchmod 00700 \"$PGDATA\" || :\n\tmkdir -p /var/run/postgresql || :\n\tif [ \"$user\" = '0' ]; then\n\t\tfind \"$PGDATA\" \\! -user postgres -exec chown postgres '{}' +\n\tfi\n}\n\ndocker_setup_db() {\n\tlocal dbAlreadyExists\n\tdbAlreadyExists=\"$(\n\t\tPOSTGRES_DB= docker_process_sql --dbname postgres --set db=\"$POSTGRES_DB\" --tuples-only <<-'EOSQL'\n\t\t\tSELECT 1 FROM pg_database WHERE datname = :'db' ;\n\t\tEOSQL\n\t)\"\n}\n\n_main() {\n\tif [ \"$1\" = 'postgres' ] && ! _pg_want_help \"$@\"; then\n\t\texec gosu postgres \"$BASH_SOURCE\" \"$@\"\n\tfi\n\texec \"$@\"\n}\n\nif ! _is_sourced; then\n\t_main \"$@\"\nfi\n",
    // mysql
    "#!/bin/bash\nset -eo pipefail\nshopt -s nullglob\n\nmysql_log() {\n\tlocal type=\"$1\"; shift\n\tlocal text=\"$*\"; if [ \"$#\" -eq 0 ]; then text=\"$(cat)\"; fi\n\tlocal dt; dt=\"$(date --rfc-3339=seconds)\"\n\tprintf '%s [%s] [Entrypoint]: %s\\n' \"$dt\" \"$type\" \"$text\"\n}\n\nfor f; do\n\tcase \"$f\" in\n\t\t*.sh) mysql_note \"$0: running $f\" ;;\n\t\t*.sql.gz) gunzip -c \"$f\" | docker_process_sql; echo ;;\n\tesac\ndone\nlocal i\nfor i in {30..0}; do\n\tif docker_process_sql --database=mysql <<<'SELECT 1' &> /dev/null; then\n\t\tbreak\n\tfi\n\tsleep 1\ndone\n",
    // A wait for another service
    "#!/bin/sh\nuntil nc -z \"$DB_HOST\" \"${DB_PORT:-5432}\"; do\n  echo waiting >&2; sleep 1\ndone\npython manage.py migrate --noinput && exec gunicorn app:app \\\n  --bind 0.0.0.0:8000 --workers $((2 * CPUS + 1))\n",
    // Older style
    "#! /bin/sh\n\nstart () {\n  umask 027; cd / && (exec daemon --pid /run/x.pid) > /dev/null 2>&1 &\n}\nstop() { kill `cat /run/x.pid`; rm -f /run/x.pid; }\ntrap stop TERM\nstart\ncat > /etc/x.conf << EOF\nkey = $(value)\nEOF\nwait $!\n",
];

#[test]
fn entrypoints() {
    ENTRYPOINTS.into_iter().for_each(agree);
    // The comparison is not one of nothing with nothing.
    assert!(ours(ENTRYPOINTS[0]).contains(&["sort", "-V"].map(str::to_owned).to_vec()));
    assert!(ours(ENTRYPOINTS[1]).contains(&["id", "-u"].map(str::to_owned).to_vec()));
    assert!(ours(ENTRYPOINTS[5]).contains(&["rm", "-f", "/run/x.pid"].map(str::to_owned).to_vec()));
}

/// A word of a command; no keyword begins with an x.
fn word(list: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "x[a-z0-9./=-]{0,4}",
        1 => "'[a-z ;|&#$()\"]{0,6}'",
        1 => "\"[a-z ;|&#']{0,6}\"",
        1 => Just("x\\ \\;y".to_owned()),
        1 => Just("\"x $y ${z:-1} $((1 + 2))\"".to_owned()),
        1 => Just(r#""a\n\"\$\\""#.to_owned()),
        1 => Just("x#y".to_owned()),
        1 => list.clone().prop_map(|list| format!("$( {list}\n)")),
        1 => list.prop_map(|list| format!("\"x$( {list}\n)y\"")),
        1 => Just("`x 'y z' | x`".to_owned()),
    ]
}

/// Commands, each on lines of its own.
fn list() -> impl Strategy<Value = String> {
    let simple = "(y=1 )?x[a-z]{0,3}( x[a-z]{0,3}){0,2}( ?>/dev/null| 2>&1| <y| &>y| >>y)?";
    simple.prop_recursive(3, 24, 3, |inner| {
        let words = prop::collection::vec(word(inner.clone()), 1..4).prop_map(|words| words.join(" ")).boxed();
        let command = prop_oneof![
            4 => words.clone().prop_map(|words| format!("x {words}")),
            1 => words.clone().prop_map(|words| format!("y={words}")),
            1 => inner.clone().prop_map(|list| format!("( {list}\n)")),
            1 => inner.clone().prop_map(|list| format!("{{ {list}\n}} >y")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| format!("if {one}\nthen {two}\nelif x; then {three}\nelse x\nfi")),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("while ! {one}\ndo\n{two}\ndone")),
            1 => (words, inner.clone()).prop_map(|(words, list)| format!("for y in {words}; do {list}\ndone")),
            1 => (inner.clone(), inner.clone())
                .prop_map(|(one, two)| format!("case $y in\n# z; z\n(a|\"b\") {one}\n;;\n(*) {two}\nesac")),
            1 => inner.clone().prop_map(|list| format!("f() {{\n{list}\n}}")),
            1 => Just("x <<-'END' z # c".to_owned()).prop_map(|start| format!("{start}\nz; z\n\tEND")),
            1 => inner.clone().prop_map(|list| format!("x <( {list}\n)")),
            1 => inner.clone().prop_map(|list| format!("x < <( {list}\n) x")),
            1 => inner.prop_map(|list| format!("y=(x \")\" $( {list}\n)\nx)")),
        ];
        let next = prop_oneof![Just("\n"), Just("\n\n# y; y\n")];
        let beside = prop_oneof![Just(""), Just("x; "), Just("x && "), Just("x | "), Just("! x || "), Just("x & ")];
        prop::collection::vec((beside, command, next), 1..3).prop_map(|parts| {
            let lines =
                parts.into_iter().flat_map(|(beside, command, next)| [beside.to_owned(), command, next.to_owned()]);
            let lines: String = lines.collect();
            lines.trim_end().to_owned()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_script(list in list()) {
        let theirs = theirs(&list).ok_or_else(|| TestCaseError::reject("brush-parser does not read it"))?;
        prop_assert!(!theirs.is_empty() || list.contains('='), "{}", list);
        prop_assert_eq!(ours(&list), theirs, "{}", list);
    }
}

/// The core does not know the keyword `function`, which only bash has: it finds the body only on lines of its own.
#[test]
fn what_only_a_whole_parser_sees() {
    let line = |commands: Option<Commands>| {
        commands.unwrap().iter().map(|words| words.join(" ")).collect::<Vec<_>>().join("/")
    };
    let text = "function f { x; }";
    assert_eq!((line(Some(ours(text))), line(theirs(text))), ("function f { x".to_owned(), "x".to_owned()));
    assert!(ours("function f {\nx\n}\n").contains(&vec!["x".to_owned()]));
}
