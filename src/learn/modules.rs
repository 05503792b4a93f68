//! What programs load or read by name while they run: `[keep] paths`. Nothing in a program names these files, so
//! `libraries = "closure"` does not find them. Reads only.
//!
//! A program that loads one module of a directory may load its neighbours another time: a character set, a
//! method of login, a part of a language's library. So where a directory is one of modules, the directory is kept:
//!
//! - An interpreter's own directories ([`READ_BY`]), whether or not a library in them was mapped: the scripts
//!   that it reads there may have an x bit.
//! - The outermost directory on the way to the file that has a name which only modules have ([`NAMES`], [`BELOW_LIB`]).
//! - The file's own directory, if it holds at least two libraries, no program that was started, and none that the
//!   closure needs: whatever lies there is for loading by name. The system's library directories do not pass that.

use std::collections::HashSet;

use super::kept::{Kept, Why};
use super::observed::{Library, Observed, Program};
use crate::recognise::libraries::{Closure, closure};
use crate::recognise::search_path::DEFAULT_PATH;
use crate::root::glob::matches;

use crate::root::pattern::{PathPattern, literal};
use crate::root::{Canonical, Identity, InRoot, Kind, Root, RootError};
use crate::text::order::sort_by;

/// Names of directories of modules, wherever they lie.
const NAMES: [&str; 9] = [
    "modules",
    "plugins",
    "plugin",
    "extensions",
    "node_modules",
    "site-packages",
    "dist-packages",
    "vendor_perl",
    "ossl-modules",
];

/// How the names of directories of modules begin, right below a directory of libraries.
const BELOW_LIB: [&str; 8] = ["python", "perl", "ruby", "lua", "gconv", "engines-", "sasl2", "security"];

/// Where interpreters look for modules: how the name of the program begins, and globs. `PREFIX` is the directory above
/// that of the program or of a link to it, `NAME` the program's name.
const READ_BY: [(&str, &[&str]); 7] = [
    ("python", &["PREFIX/lib/NAME", "/usr/lib/NAME", "/usr/local/lib/NAME", "/usr/lib/python3"]),
    (
        "perl",
        &[
            "/usr/share/perl",
            "/usr/share/perl5",
            "/usr/lib/{perl,perl5}",
            "/usr/lib/*/{perl,perl-base,perl5}",
            "/usr/local/lib/*/perl",
            "/usr/local/share/perl",
            "PREFIX/lib/perl5",
        ],
    ),
    ("ruby", &["PREFIX/lib/ruby", "/usr/lib/*/ruby", "/var/lib/gems", "/usr/local/bundle"]),
    ("php", &["PREFIX/lib/php/extensions", "/usr/lib/php/20*"]),
    ("java", &["PREFIX/lib"]),
    // The linker's plugins of gcc(1).
    ("collect2", &["/usr/lib/gcc"]),
    ("beam.smp", &["/usr/lib/erlang/lib", "/usr/local/lib/erlang/lib"]),
];

/// Directories that are never those of one program.
const SHARED: [&str; 12] = [
    "/lib",
    "/lib64",
    "/usr",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/share",
    "/opt",
];

/// `[keep] paths`, and whether everything that the programs need is then found.
pub(super) struct Modules {
    pub(super) paths: Vec<Kept>,
    pub(super) closure: bool,
    /// How many of the mapped files are programs or libraries.
    pub(super) libraries: usize,
}

/// What must stay besides the closure of `kept`, whose identities are `ids`.
pub(super) fn modules(
    root: &Root,
    kept: &[Vec<u8>],
    ids: &HashSet<Identity>,
    observed: &Observed,
) -> Result<Modules, RootError> {
    let mut search = Search { root, kept, needed: HashSet::new(), paths: interpreters(root, observed) };
    let first = search.closure(&[])?;
    search.needed = first.needed.keys().copied().collect();
    let (mut outside, mut libraries): (Vec<(&Library, Identity)>, usize) = (Vec::new(), 0);
    for library in &observed.libraries {
        if let Some(id) = search.at_risk(&library.path) {
            libraries += 1;
            if !ids.contains(&id) && !search.needed.contains(&id) {
                outside.push((library, id));
            }
        }
    }
    // Of these, some are only there because another one needs them.
    let all: Vec<&Canonical> = outside.iter().map(|(library, _)| &library.path).collect();
    let with_all = search.closure(&all)?;
    let loaded: Vec<&Library> =
        outside.iter().filter(|(_, id)| !with_all.needed.contains_key(id)).map(|(library, _)| *library).collect();
    for library in loaded {
        search.add(library)?;
    }
    // What remains is needed through LD_LIBRARY_PATH, or by another one that needs it, too.
    let then = search.closure(&[])?;
    for (library, id) in &outside {
        if !then.needed.contains_key(id) && !search.covers(&library.path) {
            search.paths.push(loaded_by(library));
        }
    }
    let last = search.closure(&[])?;
    sort_by(&mut search.paths, |a, b| a.path.cmp(&b.path));
    let closure = !last.missing.iter().any(|missing| missing.program);
    Ok(Modules { paths: search.paths, closure, libraries })
}

fn loaded_by(library: &Library) -> Kept {
    Kept { path: library.path.clone(), why: Why::Loaded(library.by.clone()) }
}

struct Search<'a> {
    root: &'a Root,
    kept: &'a [Vec<u8>],
    /// The libraries that the programs need without modules.
    needed: HashSet<Identity>,
    paths: Vec<Kept>,
}

impl Search<'_> {
    /// The closure of the programs, of what is kept besides them, and of `more`.
    fn closure(&self, more: &[&Canonical]) -> Result<Closure, RootError> {
        let mut files: Vec<Vec<u8>> = self.kept.to_vec();
        for Kept { path, why } in &self.paths {
            if matches!(why, Why::Loaded(_)) {
                files.push(path.to_vec());
                continue;
            }
            self.root.everything_below(path, &mut |entry| {
                // What cannot be looked at is the business of `harden`, which refuses then.
                let Ok(entry) = entry else { return Ok(true) };
                if entry.stat.kind == Kind::File && is_called_library(entry.path().name()) {
                    files.push(entry.path().into_bytes());
                }
                Ok(true)
            })?;
        }
        files.extend(more.iter().map(|path| path.to_vec()));
        closure(self.root, &mut files.iter().map(Vec::as_slice))
    }

    /// The identity of a file that an allow-list may take: a program or library on the root's own mount, or a file with
    /// an x bit.
    fn at_risk(&self, path: &Canonical) -> Option<Identity> {
        let stat = self.root.resolve(path).ok()?;
        let of_root = stat.kind == Kind::File && stat.mount == self.root.stat().mount;
        let taken = stat.mode & 0o111 != 0 || self.root.classify(path).is_ok_and(|content| content.is_some());
        (of_root && taken).then_some(stat.id)
    }

    fn covers(&self, path: &Canonical) -> bool {
        self.paths.iter().any(|kept| path.is_within(&kept.path))
    }

    /// Adds a library that was loaded by its name, or the directory in which it is one of many.
    fn add(&mut self, library: &Library) -> Result<(), RootError> {
        let path = &library.path;
        if let Some(Kept { why: Why::Modules { seen, by }, .. }) =
            self.paths.iter_mut().find(|kept| path.is_within(&kept.path))
        {
            *seen += 1;
            by.extend(library.by.iter().cloned());
            sort_by(by, Canonical::cmp);
            by.dedup();
            return Ok(());
        }
        if self.covers(path) {
            return Ok(());
        }
        let named = named(path);
        let own = match (&named, path.parent()) {
            (None, Some(own)) if self.holds_only_modules(&own)? => Some(own),
            _ => None,
        };
        self.paths.push(match named.or(own) {
            Some(path) => Kept { path, why: Why::Modules { seen: 1, by: library.by.clone() } },
            None => loaded_by(library),
        });
        Ok(())
    }

    /// Whether a directory holds at least two libraries, no program that was started, and none that the closure needs.
    fn holds_only_modules(&self, directory: &Canonical) -> Result<bool, RootError> {
        if is_shared(directory) || self.kept.iter().any(|kept| InRoot(kept).directory() == &**directory) {
            return Ok(false);
        }
        let opened = self.root.directory(directory)?;
        let (mut libraries, mut needed) = (0, false);
        opened.list(&mut |listed| {
            let Ok((name, kind)) = listed else { return Ok(()) };
            if kind == Kind::File && is_called_library(name.to_bytes()) {
                let stat = opened.stat(name)?;
                needed |= self.needed.contains(&stat.id);
                libraries += 1;
            }
            Ok(())
        })?;
        Ok(libraries > 1 && !needed)
    }
}

/// The directories in which the interpreters among the programs look for modules.
fn interpreters(root: &Root, observed: &Observed) -> Vec<Kept> {
    let mut found: Vec<Kept> = Vec::new();
    let mut add = |path: Canonical, program: &Canonical| {
        let known = found.iter().any(|kept| path.is_within(&kept.path));
        if !known && !is_shared(&path) && root.resolve(&path).is_ok_and(|stat| stat.kind == Kind::Directory) {
            found.retain(|kept| !kept.path.is_within(&path));
            found.push(Kept { path, why: Why::ReadBy(program.clone()) });
        }
    };
    for Program { path, links, scripts, .. } in &observed.programs {
        let name = path.name();
        for pattern in READ_BY.iter().filter(|(begin, _)| name.starts_with(begin.as_bytes())).flat_map(|row| row.1) {
            for program in links.iter().chain([path]) {
                for directory in expand(root, pattern, program, name) {
                    add(directory, path);
                }
            }
        }
        if name == b"node" {
            let above = scripts.iter().flat_map(Canonical::ancestors);
            above.for_each(|above| add(above.join(b"node_modules"), path));
        }
    }
    found
}

/// The paths that a glob of [`READ_BY`] stands for, links followed.
fn expand(root: &Root, pattern: &str, program: &Canonical, name: &[u8]) -> Vec<Canonical> {
    let Some(prefix) = program.parent().and_then(|directory| directory.parent()) else { return Vec::new() };
    let text = |path: &[u8]| String::from_utf8(literal(path)).ok();
    let (Some(prefix), Some(name)) = (text(&prefix), text(name)) else { return Vec::new() };
    let pattern = pattern.replace("PREFIX", prefix.trim_end_matches('/')).replace("NAME", &name);
    let Ok(pattern) = PathPattern::parse(&pattern) else { return Vec::new() };
    let paths = matches(root, &pattern).map(|(paths, _)| paths).unwrap_or_default();
    paths.into_iter().filter_map(|path| root.walk(&path, true).ok()).map(|place| place.path).collect()
}

/// The outermost directory on the way to a file that has the name of a directory of modules.
fn named(path: &Canonical) -> Option<Canonical> {
    let mut above = Canonical::default();
    let names: Vec<&[u8]> = path.names().collect();
    let (_, directories) = names.split_last()?;
    for name in directories {
        let lib = is_library_directory(above.name());
        above = above.join(name);
        let begins = |begin: &&str| name.starts_with(begin.as_bytes());
        if NAMES.iter().any(|known| known.as_bytes() == *name) || lib && BELOW_LIB.iter().any(begins) {
            return Some(above);
        }
    }
    None
}

/// Whether a directory of this name holds libraries: `lib`, `lib64`, or Debian's for one machine (`x86_64-linux-gnu`).
fn is_library_directory(name: &[u8]) -> bool {
    name.starts_with(b"lib") || name.windows(7).any(|part| part == b"-linux-")
}

/// Whether a directory is one of many programs.
pub(super) fn is_common(path: &Canonical) -> bool {
    is_shared(path) || DEFAULT_PATH.split(':').any(|known| *path == known.as_bytes())
}

fn is_shared(path: &Canonical) -> bool {
    *path == b"/" || SHARED.iter().any(|known| path == known) || path.name().windows(7).any(|part| part == b"-linux-")
}

/// Whether a file of this name is meant to be loaded.
fn is_called_library(name: &[u8]) -> bool {
    name.windows(3).any(|part| part == b".so") || name.ends_with(b".node")
}

// They copy programs of this machine, and the libraries that the tests themselves have loaded: not so under qemu-user.
#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests;
