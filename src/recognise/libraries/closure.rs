//! The closure: every library that a set of programs needs, and the libraries that those need.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::search::{Libc, Located, PathList, Search, read_if_there};
use crate::recognise::elf::Elf;
use crate::root::{Canonical, Identity, InRoot, Root, RootError};
use crate::text::order::sort_by;

/// What glibc loads by itself, besides the services of `nsswitch.conf`: `libgcc_s` to end a thread or print a
/// backtrace, and the name services that apply if that file is missing.
const LOADED_BY_GLIBC: [&str; 3] = ["libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2"];

/// How a need comes about: a file, what that file loads, what that loads in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The kept file at the beginning of the chain.
    pub start: Canonical,
    /// The one before loads each of these.
    pub loads: Vec<Load>,
}

/// One step of a [`Chain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The name that the loader looks for.
    pub name: Vec<u8>,
    /// Whether the file that looks for it works without it.
    pub optional: bool,
}

/// A library that is needed, or a link on the way to it.
#[derive(Clone, Debug)]
pub struct Needed {
    /// How the need comes about.
    pub chain: Chain,
    /// Where it was found.
    pub found: Vec<u8>,
}

/// A library that is needed and was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// How the need comes about.
    pub chain: Chain,
    /// Whether a program cannot start without it. Otherwise only a library that is loaded at run time lacks it.
    pub program: bool,
}

/// What a set of programs needs.
#[derive(Debug, Default)]
pub struct Closure {
    /// Libraries and the links on the way to them.
    pub needed: HashMap<Identity, Rc<Needed>>,
    /// What was not found.
    pub missing: Vec<Missing>,
    /// Programs and libraries that may load others at run time (`dlopen`).
    pub loading: Vec<Canonical>,
}

/// The closure of `files`, paths inside the root. A file that is not an ELF file needs nothing. A file that cannot be
/// looked at is an error, because it might be one that is needed.
pub fn closure(root: &Root, files: &mut dyn Iterator<Item = &[u8]>) -> Result<Closure, RootError> {
    let mut search = Search::new(root);
    let (mut programs, mut libraries) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for file in files {
        if let Some(located) = search.look(file)?.filter(|located| seen.insert(located.id)) {
            let program = matches!(located.dynamic.kind, Elf::Program { .. });
            if program { &mut programs } else { &mut libraries }.push(located);
        }
    }
    let mut finder = Finder {
        services: services(root)?,
        preloaded: words(&read_if_there(root, b"/etc/ld.so.preload", 64 * 1024)?),
        programs_paths: programs.iter().filter_map(|program| list(program, Libc::Glibc)).collect(),
        musl: programs.iter().any(is_musl) && programs.iter().all(is_musl),
        kept: libraries.iter().map(|library| (library.canonical.clone(), library.clone())).collect(),
        search,
        closure: Closure::default(),
        noted: HashSet::new(),
    };
    for (start, program) in
        programs.into_iter().map(|start| (start, true)).chain(libraries.into_iter().map(|l| (l, false)))
    {
        finder.process(start, program)?;
    }
    let mut closure = finder.closure;
    sort_by(&mut closure.loading, Canonical::cmp);
    Ok(closure)
}

struct Finder<'a> {
    search: Search<'a>,
    /// Name services of nsswitch.conf(5), as names of libraries.
    services: Vec<Vec<u8>>,
    /// `/etc/ld.so.preload`.
    preloaded: Vec<Vec<u8>>,
    /// `DT_RPATH` of the programs, which also applies to what they load at run time.
    programs_paths: Vec<PathList>,
    /// Whether a library that does not tell its libc belongs to musl.
    musl: bool,
    /// Libraries that are kept anyway, wherever they lie.
    kept: Vec<(Canonical, Located)>,
    closure: Closure,
    noted: HashSet<Identity>,
}

/// One file in a future process.
struct Object {
    located: Located,
    /// Index of the object that asked for it.
    by: Option<usize>,
    /// How the need for it comes about.
    chain: Chain,
    /// Whether the process cannot start without it.
    required: bool,
}

impl Finder<'_> {
    /// Notes everything that is loaded with `start`.
    fn process(&mut self, start: Located, program: bool) -> Result<(), RootError> {
        let libc = if is_musl(&start) || !program && self.musl { Libc::Musl } else { Libc::Glibc };
        let chain = Chain { start: start.canonical.clone(), loads: Vec::new() };
        let mut names: HashSet<Vec<u8>> = start.dynamic.soname.iter().cloned().collect();
        let mut objects = vec![Object { chain, located: start, by: None, required: program }];
        let mut at = 0;
        while let Some(object) = objects.get(at) {
            self.note_dlopen(object);
            let dynamic = Rc::clone(&object.located.dynamic);
            let (machine, origins) = (dynamic.machine, object.located.origins());
            let (so_far, required) = (object.chain.clone(), object.required);
            let lists = self.lists(&objects, at, libc, program);
            for (name, optional) in self.wanted(&objects, at, program) {
                if names.contains(&name) {
                    continue;
                }
                let mut found = if name.contains(&b'/') {
                    self.search.at(&name, machine, &origins)?
                } else {
                    self.search.find(&name, machine, libc, &lists)?
                };
                if found.is_empty() {
                    found.extend(self.kept_as(&name, machine).cloned());
                }
                let mut chain = so_far.clone();
                chain.loads.push(Load { name: name.clone(), optional });
                if found.is_empty() && !optional && !(libc == Libc::Musl && is_part_of_musl(&name)) {
                    let missing = Missing { chain: chain.clone(), program: required };
                    if !self.closure.missing.contains(&missing) {
                        self.closure.missing.push(missing);
                    }
                }
                names.insert(name);
                for located in found {
                    names.extend(located.dynamic.soname.iter().cloned());
                    let needed = Rc::new(Needed { chain: chain.clone(), found: located.path.clone() });
                    for id in located.links.iter().chain([&located.id]) {
                        self.closure.needed.entry(*id).or_insert_with(|| Rc::clone(&needed));
                    }
                    if !objects.iter().any(|known| known.located.id == located.id) {
                        let required = required && !optional;
                        objects.push(Object { located, by: Some(at), chain: chain.clone(), required });
                    }
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// The names that the object asks for, each with whether the object works without it.
    fn wanted(&self, objects: &[Object], at: usize, program: bool) -> Vec<(Vec<u8>, bool)> {
        let Some(object) = objects.get(at) else { return Vec::new() };
        let dynamic = &object.located.dynamic;
        let mut wanted: Vec<(Vec<u8>, bool)> = Vec::new();
        if at == 0 && program && !dynamic.needed.is_empty() {
            wanted.extend(self.preloaded.iter().map(|name| (name.clone(), true)));
        }
        wanted.extend(dynamic.needed.iter().map(|name| (name.clone(), false)));
        wanted.extend(dynamic.filters.iter().map(|name| (name.clone(), true)));
        if dynamic.soname.as_deref() == Some(b"libc.so.6") {
            wanted.extend(LOADED_BY_GLIBC.iter().map(|name| (name.as_bytes().to_vec(), true)));
            wanted.extend(self.services.iter().map(|name| (name.clone(), true)));
        }
        wanted
    }

    /// The directories that the object at `at` and the objects that loaded it name, in the order of ld.so(8).
    fn lists(&self, objects: &[Object], at: usize, libc: Libc, program: bool) -> Vec<PathList> {
        let mut lists = Vec::new();
        let mut next = Some(at);
        while let Some(object) = next.and_then(|index| objects.get(index)) {
            let dynamic = &object.located.dynamic;
            if libc == Libc::Glibc && next == Some(at) {
                if let Some(runpath) = &dynamic.runpath {
                    return vec![PathList { directories: runpath.clone(), origins: object.located.origins() }];
                }
            }
            lists.extend(list(&object.located, libc));
            next = object.by;
        }
        if !program {
            lists.extend(self.programs_paths.iter().cloned());
        }
        lists
    }

    /// A library of that name that `[keep]` saves, because `LD_LIBRARY_PATH` may lead to it.
    fn kept_as(&self, name: &[u8], machine: crate::recognise::elf::Machine) -> Option<&Located> {
        let named = |path: &[u8]| InRoot(path).name() == name;
        let kept = self.kept.iter().find(|(path, library)| {
            library.dynamic.machine == machine && (named(path) || library.dynamic.soname.as_deref() == Some(name))
        });
        kept.map(|(_, library)| library)
    }

    fn note_dlopen(&mut self, object: &Object) {
        let dynamic = &object.located.dynamic;
        // The libraries that provide dlopen or belong to it.
        let own = dynamic.soname.as_deref().is_some_and(|name| {
            [b"libc.".as_slice(), b"libdl.", b"ld-", b"libgcc_s."].iter().any(|prefix| name.starts_with(prefix))
        });
        if dynamic.names_dlopen && !own && self.noted.insert(object.located.id) {
            self.closure.loading.push(object.located.canonical.clone());
        }
    }
}

/// The directories that a file names for what it loads, and that also apply to what those load in turn: `DT_RPATH` if
/// there is no `DT_RUNPATH`; for musl, either of them.
fn list(located: &Located, libc: Libc) -> Option<PathList> {
    let dynamic = &located.dynamic;
    let directories = match (libc, &dynamic.runpath) {
        (Libc::Glibc, Some(_)) => return None,
        (Libc::Musl, Some(runpath)) => runpath.clone(),
        (_, None) => dynamic.rpath.clone()?,
    };
    Some(PathList { directories, origins: located.origins() })
}

fn is_musl(file: &Located) -> bool {
    let dynamic = &file.dynamic;
    match &dynamic.kind {
        Elf::Program { interpreter: Some(interpreter), .. } => interpreter.windows(8).any(|part| part == b"ld-musl-"),
        Elf::Program { interpreter: None, .. } => false,
        Elf::Library { .. } => dynamic.needed.iter().any(|name| name == b"libc.so" || name.starts_with(b"libc.musl-")),
    }
}

/// Whether musl's loader takes this name for itself.
fn is_part_of_musl(name: &[u8]) -> bool {
    let Some(stem) = name.strip_prefix(b"lib").and_then(|rest| rest.split(|&byte| byte == b'.').next()) else {
        return false;
    };
    [b"c".as_slice(), b"pthread", b"rt", b"m", b"dl", b"util", b"xnet"].contains(&stem)
}

/// The libraries of the services that nsswitch.conf(5) names.
fn services(root: &Root) -> Result<Vec<Vec<u8>>, RootError> {
    let text = read_if_there(root, b"/etc/nsswitch.conf", 64 * 1024)?;
    let mut libraries = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        for service in words(line.get(colon + 1..).unwrap_or_default()) {
            if service.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-') {
                let name = [b"libnss_", service.as_slice(), b".so.2"].concat();
                if !libraries.contains(&name) {
                    libraries.push(name);
                }
            }
        }
    }
    Ok(libraries)
}

/// The words of a text. Colons separate words as well.
fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let parts = text.split(|byte| byte.is_ascii_whitespace() || *byte == b':');
    parts.filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
}
