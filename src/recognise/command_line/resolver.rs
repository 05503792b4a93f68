//! Follows a command line: behind launchers, into scripts, and to the interpreters of both.

use super::wrappers::{class, file_name, inner, is_shell, is_wrapper, script_of, stays};
use super::{CommandLine, Need, Resolved, Role, script};
use crate::recognise::catalogue::Class;
use crate::recognise::needs::{self, needs};
use crate::recognise::search_path::DEFAULT_PATH;
use crate::root::{Identity, InRoot, Kind, Root};

/// How many launchers behind launchers and scripts behind scripts are followed.
const DEEPEST: usize = 8;

/// How many directories of a `PATH` are searched. A process may have written that.
const MOST_DIRECTORIES: usize = 64;

/// How many words are tried if any of them may be a program.
const MOST_WORDS: usize = 64;

/// How many bytes of a script are read.
const SCRIPT_BYTES: u64 = 64 * 1024;

/// The files that the words of `line` need. `search` holds the profile's directories for names.
pub(super) fn command(line: &CommandLine, root: &Root, search: &[&str]) -> Resolved {
    let mut resolver = Resolver { root, search, line, found: Resolved::default() };
    let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
    resolver.command(&words, Context { lasts: true, in_script: false, certain: true, by: None, depth: 0 });
    resolver.found
}

/// The file at `path`, as the program of `line`, and the files that it needs to start.
pub(super) fn file(line: &CommandLine, root: &Root, search: &[&str], path: &[u8]) -> Resolved {
    let mut resolver = Resolver { root, search, line, found: Resolved::default() };
    resolver.file(path, Role::Program, true, None, &[], 0);
    resolver.found
}

/// The place of a command.
#[derive(Clone, Copy)]
struct Context {
    /// Whether it is the program that runs in the end.
    lasts: bool,
    /// Whether a shell reads the words.
    in_script: bool,
    /// Whether it certainly is a command.
    certain: bool,
    /// The script that calls it.
    by: Option<(usize, needs::Role)>,
    depth: usize,
}

struct Resolver<'a> {
    root: &'a Root,
    search: &'a [&'a str],
    line: &'a CommandLine,
    found: Resolved,
}

impl Resolver<'_> {
    fn command(&mut self, mut words: &[&str], at: Context) {
        if at.in_script {
            words = script::command(words);
        }
        let Some((&program, rest)) = words.split_first().filter(|_| at.depth <= DEEPEST) else { return };
        let deeper = Context { in_script: false, depth: at.depth + 1, ..at };
        let built_in = at.in_script && script::is_built_in(program);
        let (command, text) = (inner(words), script_of(words));
        if !built_in {
            let becomes = inner(words).is_some() && !stays(program);
            // The value of an option is rarely a file.
            let is_script = |word: &&str| {
                !word.starts_with(['-', '+'])
                    && self.root.resolve(&self.absolute(word)).is_ok_and(|stat| stat.kind == Kind::File)
            };
            let reads = command.is_none() && text.is_none() && reads_scripts(program);
            let operand = rest.iter().take(MOST_WORDS).position(is_script).filter(|_| reads);
            let script = operand.and_then(|index| Some((rest.get(index)?, rest.get(index + 1..)?)));
            let role = if becomes {
                Role::Launcher
            } else if is_shell(program) && (text.is_some() || script.is_some()) {
                Role::Shell
            } else {
                Role::Program
            };
            let mut arguments = rest;
            if command.is_some() || text.is_some() || script.is_some() {
                arguments = &[];
            }
            self.programs(program, role, arguments, at);
            if let Some((script, arguments)) = script {
                let role = if is_shell(program) { Role::ShellScript } else { Role::Script };
                self.file(&self.absolute(script), role, at.lasts, at.by, arguments, at.depth);
            }
        }
        let unsure = Context { certain: false, ..deeper };
        if command.is_none() && text.is_none() {
            if starts_others(program) {
                self.any_of(program, rest, unsure);
            } else if let Some(end) = rest.iter().position(|word| *word == "--") {
                self.command(rest.get(end + 1..).unwrap_or_default(), unsure);
            }
        }
        if let Some(command) = command {
            self.command(command, Context { in_script: built_in && program != "exec", ..deeper });
        } else if let Some(text) = text.filter(|_| !self.line.running) {
            // The words that `"$0" "$@"` stand for.
            let behind = rest.iter().position(|word| *word == text).and_then(|text| rest.get(text + 1..));
            let behind = behind.unwrap_or_default();
            self.command(behind, unsure);
            self.command(behind.get(1..).unwrap_or_default(), unsure);
            let commands = script::commands(text);
            let last = commands.len().saturating_sub(1);
            for (index, words) in commands.iter().enumerate() {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let becomes = index == last && (last == 0 || words.first() == Some(&"exec"));
                self.command(
                    &words,
                    Context {
                        in_script: true,
                        lasts: at.lasts && becomes,
                        certain: becomes && behind.is_empty(),
                        ..deeper
                    },
                );
            }
        }
    }

    /// A launcher with unknown options: each of its words may be a program, or hold commands for a shell.
    fn any_of(&mut self, program: &str, words: &[&str], at: Context) {
        for word in words.iter().take(MOST_WORDS) {
            let word = match word.strip_prefix("--") {
                Some(long) => long.split_once('=').map_or("", |(_, value)| value),
                None if word.starts_with('-') => word.get(2..).unwrap_or_default(),
                None => word,
            };
            if word.contains(char::is_whitespace) {
                for words in script::commands(word) {
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    self.command(&words, Context { in_script: true, ..at });
                }
            } else if !word.is_empty() {
                let role = if is_shell(word) { Role::Shell } else { Role::Program };
                self.programs(word, role, &[], at);
            }
        }
        if matches!(file_name(program), "su" | "runuser") {
            let accounts = lossy(&self.root.read(b"/etc/passwd", SCRIPT_BYTES).unwrap_or_default());
            let of_user = |line: &&str| words.iter().any(|word| line.split(':').next() == Some(word));
            for account in accounts.lines().filter(of_user).take(MOST_WORDS) {
                self.programs(account.rsplit(':').next().unwrap_or_default(), Role::Shell, &[], at);
            }
            self.programs("/bin/sh", Role::Shell, &[], at);
        }
    }

    /// Adds the files that a word may name.
    fn programs(&mut self, program: &str, role: Role, arguments: &[&str], at: Context) {
        let directories: Vec<&str> = match &self.line.path {
            _ if program.contains('/') => vec![""],
            Some(path) => path.split(':').take(MOST_DIRECTORIES).collect(),
            None => DEFAULT_PATH.split(':').chain(self.search.iter().copied()).collect(),
        };
        let mut found: Vec<(Vec<u8>, Identity)> = Vec::new();
        for directory in directories {
            let path = if directory.is_empty() { program.to_owned() } else { format!("{directory}/{program}") };
            let path = self.absolute(&path);
            let Ok(stat) = self.root.resolve(&path) else { continue };
            let starts = stat.kind == Kind::File && stat.mode & 0o111 != 0;
            // The first file in PATH counts. Without PATH each file may be the program, by its first name.
            if starts && (found.is_empty() || self.line.path.is_none()) && found.iter().all(|(_, id)| *id != stat.id) {
                found.push((path, stat.id));
            }
        }
        // This includes words that only a shell could expand.
        if found.is_empty() && at.certain {
            self.found.missing.push(program.to_owned());
        }
        for (path, _) in found {
            self.file(&path, role, at.lasts, at.by, arguments, at.depth);
        }
    }

    fn absolute(&self, path: &str) -> Vec<u8> {
        if path.starts_with('/') { path.into() } else { InRoot(self.line.directory.as_bytes()).join(path.as_bytes()) }
    }

    /// Adds a file and the files that it needs. It is called with `arguments`.
    fn file(
        &mut self,
        path: &[u8],
        mut role: Role,
        lasts: bool,
        by: Option<(usize, needs::Role)>,
        arguments: &[&str],
        depth: usize,
    ) {
        if let Some(known) = self.found.needs.iter_mut().find(|known| known.path == path) {
            // The longer need counts.
            if lasts && !known.lasts {
                (known.lasts, known.role) = (lasts, role);
            }
            return;
        }
        let Ok(stat) = self.root.resolve(path) else { return };
        if stat.kind != Kind::File || depth > DEEPEST {
            return;
        }
        // The kernel reads the #! line only of a file that it starts.
        let started = !matches!(role, Role::Script | Role::ShellScript) || self.line.running && stat.mode & 0o111 != 0;
        let needed = if started { needs(self.root, path, self.search) } else { Vec::new() };
        let of_shell = needed.iter().any(|(path, role)| *role == needs::Role::Interpreter && is_shell(&lossy(path)));
        if of_shell {
            role = Role::ShellScript;
        } else if needed.iter().any(|(_, how)| *how == needs::Role::Interpreter) {
            role = Role::Script;
        }
        let index = self.found.needs.len();
        self.found.needs.push(Need { path: path.to_vec(), role, lasts, by });
        for (path, how) in needed {
            let role = match how {
                needs::Role::Loader => Role::Loader,
                needs::Role::Interpreter if of_shell && is_shell(&lossy(&path)) => Role::Shell,
                needs::Role::Interpreter if path.ends_with(b"/env") => Role::Launcher,
                needs::Role::Interpreter | needs::Role::Called => Role::Interpreter,
            };
            self.file(&path, role, lasts, Some((index, how)), &[], depth + 1);
        }
        if role == Role::ShellScript && !self.line.running {
            self.script(
                path,
                index,
                Context { lasts, in_script: false, certain: false, by: None, depth: depth + 1 },
                arguments,
            );
        }
    }

    /// Adds the programs that the script at `path` calls, as far as its text tells, and the command in its `arguments`.
    fn script(&mut self, path: &[u8], index: usize, at: Context, arguments: &[&str]) {
        let text = lossy(&self.root.read(path, SCRIPT_BYTES).unwrap_or_default());
        // The script may contain "$@", $* or $1, so the arguments may be a command.
        self.command(arguments, at);
        let commands = script::commands(&text);
        // The script may do without a program that it looks for first.
        let looks =
            |words: &&Vec<String>| words.iter().any(|word| matches!(word.as_str(), "-v" | "which" | "type" | "hash"));
        let optional: Vec<String> = commands.iter().filter(looks).flatten().cloned().collect();
        for words in &commands {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if !words.iter().any(|word| optional.iter().any(|known| known == word)) {
                let by = Some((index, needs::Role::Called));
                self.command(&words, Context { lasts: false, in_script: true, by, ..at });
            }
        }
    }
}

/// Whether a program of this name takes a script as its first operand.
fn reads_scripts(program: &str) -> bool {
    matches!(class(program), Some(Class::Shell | Class::Interpreter))
}

/// Whether a program of this name starts others that its words name.
fn starts_others(program: &str) -> bool {
    let name = file_name(program);
    let class = class(program);
    is_wrapper(program)
        || matches!(class, Some(Class::Launcher | Class::Privilege | Class::MultiCall))
        || name.starts_with("tini")
        || name.ends_with("init")
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
