//! One program as it was started: which file, by which links, and for which script. Reads only.

use crate::linux::identity::Identity;
use crate::recognise::command_line::{CommandLine, Role as Needed};
use crate::recognise::needs::{Role, needs};
use crate::recognise::search_path::DEFAULT_SEARCH;
use crate::root::{Canonical, InRoot, Kind, Place, Root};

/// How many scripts may be each other's interpreters (execve(2)).
const MOST_SCRIPTS: usize = 5;

/// A program as it was started.
#[derive(Debug)]
pub(super) struct Image {
    /// The path of the file that the kernel runs; what the kernel shows where nothing is there any more.
    pub(super) program: Result<Canonical, Vec<u8>>,
    /// Links that lead to it.
    pub(super) links: Vec<Canonical>,
    /// The scripts that the kernel runs it for, each with the links that lead to it: the first was started, and each
    /// other one is the interpreter of the one before.
    pub(super) scripts: Vec<(Canonical, Vec<Canonical>)>,
    /// The name by which it was started.
    pub(super) name: Vec<u8>,
    /// Scripts that were its argument.
    pub(super) arguments: Vec<Canonical>,
    /// The images, by number, of the processes that started it.
    pub(super) by: Vec<u32>,
    /// How often it was started.
    pub(super) times: u64,
    /// Whether the app's first process was started as this.
    pub(super) app: bool,
}

impl Image {
    /// The file `id`, which the kernel shows at `shown`, and which was started as `called`.
    pub(super) fn new(root: &Root, id: Identity, called: &[u8], shown: Vec<u8>) -> Self {
        // In a mount namespace of its own the process may have another path to the same file.
        let leads =
            |path: &[u8]| root.walk(path, true).ok().filter(|place| place.stat.id == id).map(|place| place.path);
        let program = match leads(&shown).or_else(|| leads(called).filter(|_| !called.is_empty())) {
            Some(path) => Ok(path),
            None => Err(shown),
        };
        let (mut links, mut scripts) = (Vec::new(), Vec::new());
        let mut next = if called.is_empty() { None } else { root.walk(called, true).ok() };
        while let Some(place) = next.take().filter(|place| place.stat.kind == Kind::File) {
            if place.stat.id == id {
                links = last_links(&place);
                break;
            }
            if scripts.len() == MOST_SCRIPTS {
                break;
            }
            let needed = needs(root, &place.path, &[]);
            // Else it is no script, and something other than `#!` starts the program for it (binfmt_misc).
            let interpreter = needed.into_iter().find(|(_, role)| *role == Role::Interpreter);
            next = interpreter.and_then(|(path, _)| root.walk(&path, true).ok());
            if next.is_some() {
                scripts.push((place.path.clone(), last_links(&place)));
            }
        }
        let name = match (InRoot(called).name(), &program) {
            (b"", Ok(path)) => path.name().to_vec(),
            (b"", Err(path)) => InRoot(path).name().to_vec(),
            (name, _) => name.to_vec(),
        };
        Self { program, links, scripts, name, arguments: Vec::new(), by: Vec::new(), times: 0, app: false }
    }

    /// Notes the scripts among the arguments of a process (`cmdline`) in this working directory.
    pub(super) fn add_arguments(&mut self, root: &Root, arguments: &[u8], directory: Option<Vec<u8>>) {
        let words = arguments.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let directory = directory.and_then(|path| String::from_utf8(path).ok()).unwrap_or_else(|| "/".to_owned());
        let line = CommandLine { words: words.collect(), path: None, directory, running: true };
        for need in line.resolve(root, &DEFAULT_SEARCH).needs {
            if need.by.is_some() || !matches!(need.role, Needed::Script | Needed::ShellScript) {
                continue;
            }
            self.add_script(root, &need.path);
        }
    }

    /// Notes a script that the process reads, such as its standard input. What is no file is none.
    pub(super) fn add_script(&mut self, root: &Root, path: &[u8]) {
        let Ok(place) = root.walk(path, true) else { return };
        let mut known = self.scripts.iter().map(|(path, _)| path).chain(&self.arguments);
        if place.stat.kind == Kind::File && !known.any(|path| *path == place.path) {
            self.arguments.push(place.path);
        }
    }
}

/// The links whose names lead to the file itself.
pub(super) fn last_links(place: &Place) -> Vec<Canonical> {
    place.links.iter().filter(|link| link.last).map(|link| link.path.clone()).collect()
}
