//! Programs that were not started and may be needed: those that the kept scripts, the app's configuration, hooks and
//! the kept programs name. They are named to people and decide nothing. Reads only.
//!
//! A word counts only if it leads to an executable in the root that the profile does not keep. Bare words count only
//! where a command stands: in shell scripts, in the scripts of logrotate, and in strings for `system` and `popen`.

pub(super) mod text;

use std::collections::HashSet;

use super::kept::Kept;
use super::modules::is_common;
use super::scripts::sourced::starts_what_it_finds;
use crate::recognise::command_line::script;
use crate::recognise::command_line::wrappers::{class, inner, is_shell, script_of};
use crate::recognise::needs::needs;
use crate::recognise::search_path::DEFAULT_PATH;
use crate::root::glob::matches;
use crate::root::pattern::{PathPattern, literal};
use crate::root::{Canonical, Identity, InRoot, Kind, Root};
use crate::text::order::sort_by;

/// How much is read of one script or configuration file, of one program, and of all together.
const TEXT_BYTES: u64 = 256 * 1024;
pub(super) const PROGRAM_BYTES: u64 = 32 * 1024 * 1024;
const ALL_BYTES: usize = 128 * 1024 * 1024;

/// How many configuration files are read.
const MOST_FILES: usize = 400;

/// How many programs are named, and how many files for each.
const MOST: usize = 100;
const MOST_NAMES: usize = 3;

/// How many words within words are read: `sh -c 'exec nice sh -c ...'`.
const DEEPEST: usize = 8;

/// Where configuration of the program NAME lies, and hooks that others run for it.
const CONFIGURATION: [&str; 6] = [
    "/etc/NAME.conf",
    "/etc/{default,logrotate.d,cron.d,pam.d}/NAME",
    "/etc/{NAME,NAME[0-9]*}/*",
    "/etc/{NAME,NAME[0-9]*}/*/*",
    "/etc/{NAME,NAME[0-9]*}/*/*/*",
    "/usr/local/etc/{NAME,NAME/*}",
];

/// A program that may be needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likely {
    /// Where it lies; it may be a link.
    pub path: Canonical,
    /// Files that name it, in order.
    pub named_in: Vec<Canonical>,
    /// Whether a program calls system(3) or popen(3), which start it, and names it nowhere.
    pub by_system: bool,
}

/// What may be needed besides `only` and `paths`. `scripts` are those that were read, with and without an x bit, and `kept`
/// holds the files of the allow-list and what they need.
pub(super) fn likely(
    root: &Root,
    only: &[Kept],
    scripts: &[Canonical],
    paths: &[Kept],
    kept: &HashSet<Identity>,
) -> Vec<Likely> {
    let mut search = Search { root, paths, kept, found: Vec::new(), bytes: 0, read: HashSet::new() };
    for path in only.iter().map(|program| &program.path).chain(scripts) {
        search.look(path);
    }
    let mut names: Vec<&[u8]> = Vec::new();
    for program in only {
        // Tools such as `cat` have no configuration, and their names match other things in /etc.
        let name = program.path.name();
        if class(&String::from_utf8_lossy(name)).is_none() {
            names.push(name);
        }
    }
    search.configuration(&names);
    let mut found = search.found;
    found.truncate(MOST);
    sort_by(&mut found, |a, b| a.path.cmp(&b.path));
    for one in &mut found {
        sort_by(&mut one.named_in, Canonical::cmp);
        one.named_in.truncate(MOST_NAMES);
    }
    found
}

struct Search<'a> {
    root: &'a Root,
    paths: &'a [Kept],
    kept: &'a HashSet<Identity>,
    found: Vec<Likely>,
    /// How much was read.
    bytes: usize,
    read: HashSet<Identity>,
}

impl Search<'_> {
    /// The file's first bytes; nothing if it was read already, or too much was.
    fn content(&mut self, path: &Canonical, limit: u64) -> Vec<u8> {
        let first = self.root.resolve(path).is_ok_and(|stat| stat.kind == Kind::File && self.read.insert(stat.id));
        if !first || self.bytes > ALL_BYTES {
            return Vec::new();
        }
        let content = self.root.read(path, limit).unwrap_or_default();
        self.bytes += content.len();
        content
    }

    /// Looks through a kept program or script.
    fn look(&mut self, path: &Canonical) {
        if matches!(self.root.classify(path), Ok(Some(_))) {
            let content = self.content(path, PROGRAM_BYTES);
            return self.program(path, &content);
        }
        let content = self.content(path, TEXT_BYTES);
        let text = String::from_utf8_lossy(&content);
        let of_shell = needs(self.root, path, &[]).iter().any(|(need, _)| is_shell(&String::from_utf8_lossy(need)));
        let of_shell = of_shell || !text.starts_with("#!");
        // Of directories only those count whose files the script reads or starts, whichever there are.
        let finds = of_shell && starts_what_it_finds(&text);
        text::paths(&content, &mut |word| {
            self.path(path, word);
            if finds {
                self.directory(path, word);
            }
        });
        if of_shell {
            self.script(path, &text, 0);
        } else {
            text::calls(&text, &mut |command| self.script(path, command, 0));
        }
    }

    /// Looks through the strings of a program.
    fn program(&mut self, path: &Canonical, content: &[u8]) {
        let mut calls = false;
        text::strings(content, &mut |string| calls |= string == b"system" || string == b"popen");
        if calls {
            self.add(path, b"/bin/sh", true);
        }
        text::strings(content, &mut |string| {
            let Ok(string) = std::str::from_utf8(string) else { return };
            if string.starts_with('/') {
                self.path(
                    path,
                    string.split([' ', '\t', ';', '|', '&', '>', '<']).next().unwrap_or_default().as_bytes(),
                );
            } else if calls && text::is_command(string) {
                self.script(path, string, 0);
            }
        });
    }

    /// Looks through the commands of a shell script.
    fn script(&mut self, named_in: &Canonical, text: &str, depth: usize) {
        for words in script::commands(text) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.command(named_in, script::command(&words), depth);
        }
    }

    fn command(&mut self, named_in: &Canonical, mut words: &[&str], depth: usize) {
        while let Some((program, rest)) = words.split_first() {
            match *program {
                "exec" | "command" | "!" | "." | "source" => words = rest,
                _ => break,
            }
            while let Some((_, rest)) = words.split_first().filter(|(word, _)| word.starts_with('-')) {
                words = rest;
            }
        }
        let Some((program, rest)) = words.split_first().filter(|_| depth < DEEPEST) else { return };
        if program.contains('/') {
            self.path(named_in, program.as_bytes());
        } else if !script::is_built_in(program) && !program.is_empty() {
            let found = DEFAULT_PATH.split(':').map(|directory| format!("{directory}/{program}"));
            let first = found.into_iter().find(|path| self.root.resolve(path.as_bytes()).is_ok());
            if let Some(path) = first {
                self.path(named_in, path.as_bytes());
            }
        }
        if let Some(command) = inner(words) {
            self.command(named_in, command, depth + 1);
        }
        if let Some(text) = script_of(words) {
            self.script(named_in, text, depth + 1);
        }
        // A program that is an argument is often started: `find -exec`, `trap`, `start-stop-daemon --exec`.
        for word in rest.iter().filter(|word| word.starts_with('/')) {
            self.path(named_in, word.as_bytes());
        }
    }

    /// Looks through the configuration of programs with these names, and what they lead to.
    fn configuration(&mut self, names: &[&[u8]]) {
        let mut files: Vec<Canonical> = Vec::new();
        for pattern in names.iter().flat_map(|name| CONFIGURATION.map(|pattern| expand(pattern, name))).flatten() {
            files.extend(matches(self.root, &pattern).map(|(paths, _)| paths).unwrap_or_default());
        }
        sort_by(&mut files, Canonical::cmp);
        files.dedup();
        for path in files.into_iter().take(MOST_FILES) {
            let Ok(stat) = self.root.resolve(&path) else { continue };
            if stat.kind != Kind::File {
                continue;
            }
            // A hook is started by its directory's owner.
            if stat.mode & 0o111 != 0 {
                self.path(&path.parent().unwrap_or_default(), &path);
            }
            let content = self.content(&path, TEXT_BYTES);
            text::paths(&content, &mut |word| self.path(&path, word));
            if content.starts_with(b"#!") {
                self.script(&path, &String::from_utf8_lossy(&content), 0);
            }
            text::rotation(&String::from_utf8_lossy(&content), &mut |body| self.script(&path, body, 0));
        }
    }

    fn path(&mut self, named_in: &Canonical, word: &[u8]) {
        if word.len() > 1 && word.starts_with(b"/") {
            self.add(named_in, word, false);
        }
    }

    /// Adds what lies right in a directory, unless that is one of many programs.
    fn directory(&mut self, named_in: &Canonical, path: &[u8]) {
        let Ok(place) = self.root.walk(path, true) else { return };
        if place.stat.kind != Kind::Directory || is_common(&place.path) {
            return;
        }
        let mut names = Vec::new();
        let _ = self.root.directory(&place.path).and_then(|directory| {
            directory.list(&mut |listed| {
                names.extend(listed.ok().map(|(name, _)| directory.join(name)));
                Ok(())
            })
        });
        sort_by(&mut names, Canonical::cmp);
        names.into_iter().take(MOST).for_each(|path| self.path(named_in, &path));
    }

    /// Adds a path if it leads to an executable that is not kept.
    fn add(&mut self, named_in: &Canonical, path: &[u8], by_system: bool) {
        let Ok(place) = self.root.walk(path, true) else { return };
        let program = place.stat.kind == Kind::File && place.stat.mode & 0o111 != 0;
        let kept = self.kept.contains(&place.stat.id) || self.paths.iter().any(|kept| place.path.is_within(&kept.path));
        if !program || kept || crate::target::likely::is_program(self.root, path) != program {
            return;
        }
        // The name by which it is called, with the links to directories followed.
        let directory = self.root.walk(InRoot(path).directory(), true).map(|above| above.path).unwrap_or_default();
        let path = match InRoot(path).name() {
            b"" | b"." | b".." => place.path,
            name => directory.join(name),
        };
        match self.found.iter_mut().find(|known| known.path == path) {
            Some(known) => {
                known.by_system &= by_system;
                if !known.named_in.contains(named_in) {
                    known.named_in.push(named_in.clone());
                }
            }
            None => self.found.push(Likely { path, named_in: vec![named_in.clone()], by_system }),
        }
    }
}

/// The glob for a program's configuration. The version at the end of a name, and a `d`, are not part of it.
fn expand(pattern: &str, name: &[u8]) -> Option<PathPattern> {
    let name = String::from_utf8(literal(name)).ok()?;
    let short = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let stem = short.strip_suffix('d').filter(|stem| stem.len() > 2).unwrap_or(short);
    let any = if stem == name { name.clone() } else { format!("{{{name},{short},{stem}}}") };
    // Alternatives within alternatives are not understood everywhere.
    let pattern = pattern.replace("{NAME,NAME[0-9]*}", &any).replace("{NAME,NAME/*}", &any).replace("NAME", &any);
    PathPattern::parse(&pattern).ok()
}

#[cfg(test)]
mod tests;
