//! Where the dynamic loader finds a library: the rules of ld.so(8), and of musl's (ldso/dynlink.c).

use std::collections::HashMap;
use std::rc::Rc;

use super::cache::paths_of;
use crate::recognise::elf::{Dynamic, Machine};
use crate::root::{Canonical, Identity, InRoot, Kind, Root, RootError};

/// The longest cache that is read, in bytes. It is much more than any real cache: that of a desktop takes 100 kB.
const MAX_CACHE: u64 = 4 * 1024 * 1024;

/// Whose rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Libc {
    Glibc,
    Musl,
}

/// A library that was found.
#[derive(Clone, Debug)]
pub(super) struct Located {
    /// The path by which the library was found.
    pub(super) path: Vec<u8>,
    /// Where the library really is.
    pub(super) canonical: Canonical,
    pub(super) id: Identity,
    /// The links on the way to it.
    pub(super) links: Vec<Identity>,
    pub(super) dynamic: Rc<Dynamic>,
}

impl Located {
    /// The directories that `$ORIGIN` may stand for.
    pub(super) fn origins(&self) -> Vec<Vec<u8>> {
        let mut origins = vec![directory_of(&self.path).to_vec(), directory_of(&self.canonical).to_vec()];
        origins.dedup();
        origins
    }
}

/// A colon-separated list of directories, and what `$ORIGIN` stands for in it.
#[derive(Clone, Debug)]
pub(super) struct PathList {
    pub(super) directories: Vec<u8>,
    pub(super) origins: Vec<Vec<u8>>,
}

/// Finds libraries, and remembers what it has read.
pub(super) struct Search<'a> {
    root: &'a Root,
    cache: Option<Vec<u8>>,
    files: HashMap<Identity, Option<Rc<Dynamic>>>,
    /// The libraries that the system's own directories hold, by name.
    system: HashMap<(Vec<u8>, Machine, Libc), Vec<Located>>,
    /// Subdirectories of `glibc-hwcaps`, by the directory that holds it.
    variants: HashMap<Vec<u8>, Vec<Canonical>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(root: &'a Root) -> Self {
        Self { root, cache: None, files: HashMap::new(), system: HashMap::new(), variants: HashMap::new() }
    }

    /// The ELF file that `path` leads to, if there is one.
    pub(super) fn look(&mut self, path: &[u8]) -> Result<Option<Located>, RootError> {
        let place = match self.root.walk(path, true) {
            Ok(place) if place.stat.kind == Kind::File => place,
            Ok(_) => return Ok(None),
            Err(error) if error.leads_nowhere() => return Ok(None),
            Err(error) => return Err(error),
        };
        let (id, canonical) = (place.stat.id, place.path);
        let dynamic = if let Some(known) = self.files.get(&id) {
            known.clone()
        } else {
            let read = self.root.dynamic(&canonical)?.map(Rc::new);
            self.files.insert(id, read.clone());
            read
        };
        let links = place.links.iter().map(|link| link.stat.id).collect();
        Ok(dynamic.map(|dynamic| Located { path: path.to_vec(), canonical, id, links, dynamic }))
    }

    /// The files that may be loaded for `name`: from `lists` in order, else from the system's directories.
    pub(super) fn find(
        &mut self,
        name: &[u8],
        machine: Machine,
        libc: Libc,
        lists: &[PathList],
    ) -> Result<Vec<Located>, RootError> {
        for list in lists {
            for directory in list.directories.split(|&byte| byte == b':').filter(|part| !part.is_empty()) {
                let mut found = Vec::new();
                for directory in expand(directory, &list.origins, machine) {
                    self.in_directory(&directory, name, machine, &mut found)?;
                }
                if !found.is_empty() {
                    return Ok(found);
                }
            }
        }
        let key = (name.to_vec(), machine, libc);
        if let Some(known) = self.system.get(&key) {
            return Ok(known.clone());
        }
        let found = self.in_system(name, machine, libc)?;
        self.system.insert(key, found.clone());
        Ok(found)
    }

    /// The files that may be loaded for a `DT_NEEDED` that is a path.
    pub(super) fn at(&mut self, path: &[u8], machine: Machine, origins: &[Vec<u8>]) -> Result<Vec<Located>, RootError> {
        let mut found = Vec::new();
        for path in expand(path, origins, machine) {
            found.extend(self.look(&path)?.filter(|located| located.dynamic.machine == machine));
        }
        Ok(found)
    }

    fn in_system(&mut self, name: &[u8], machine: Machine, libc: Libc) -> Result<Vec<Located>, RootError> {
        let mut found = Vec::new();
        if libc == Libc::Glibc {
            // The cache has one file for each ability of a processor. Any of them may be the one that is loaded.
            for path in paths_of(self.cache()?, name) {
                self.in_directory(directory_of(&path), name, machine, &mut found)?;
                if !path.ends_with(name) {
                    found.extend(self.look(&path)?.filter(|located| located.dynamic.machine == machine));
                }
            }
        }
        let directories = if found.is_empty() { self.directories(machine, libc)? } else { Vec::new() };
        for directory in directories {
            self.in_directory(&directory, name, machine, &mut found)?;
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// Adds to `found` the library in this directory, and its variants for newer processors in subdirectories.
    fn in_directory(
        &mut self,
        directory: &[u8],
        name: &[u8],
        machine: Machine,
        found: &mut Vec<Located>,
    ) -> Result<(), RootError> {
        let mut paths = vec![InRoot(directory).join(name)];
        paths.extend(self.variants(directory)?.iter().map(|variant| variant.join(name).into_bytes()));
        for path in paths {
            if let Some(located) = self.look(&path)?.filter(|located| located.dynamic.machine == machine) {
                if !found.iter().any(|known| known.id == located.id && known.path == located.path) {
                    found.push(located);
                }
            }
        }
        Ok(())
    }

    fn variants(&mut self, directory: &[u8]) -> Result<Vec<Canonical>, RootError> {
        if let Some(known) = self.variants.get(directory) {
            return Ok(known.clone());
        }
        let mut variants = Vec::new();
        match self.root.directory_at(&InRoot(directory).join(b"glibc-hwcaps")) {
            Ok(parent) => {
                variants.extend(parent.names()?.iter().map(|name| parent.join(name)));
            }
            Err(error) if error.leads_nowhere() => {}
            Err(error) => return Err(error),
        }
        self.variants.insert(directory.to_vec(), variants.clone());
        Ok(variants)
    }

    fn cache(&mut self) -> Result<&[u8], RootError> {
        if self.cache.is_none() {
            self.cache = Some(read_if_there(self.root, b"/etc/ld.so.cache", MAX_CACHE)?);
        }
        Ok(self.cache.as_deref().unwrap_or_default())
    }

    /// The directories that the loader searches last.
    fn directories(&self, machine: Machine, libc: Libc) -> Result<Vec<Vec<u8>>, RootError> {
        let architecture = Architecture::of(machine);
        if libc == Libc::Musl {
            for name in architecture.musl {
                let list = read_if_there(self.root, format!("/etc/ld-musl-{name}.path").as_bytes(), 64 * 1024)?;
                if !list.is_empty() {
                    let parts = list.split(|&byte| byte == b':' || byte == b'\n');
                    return Ok(parts.filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect());
                }
            }
            return Ok([b"/lib".as_slice(), b"/usr/local/lib", b"/usr/lib"].map(<[u8]>::to_vec).to_vec());
        }
        let mut directories = Vec::new();
        for prefix in ["/lib", "/usr/lib"] {
            directories.extend(architecture.triple.map(|triple| format!("{prefix}/{triple}").into_bytes()));
        }
        directories.extend([b"/lib".as_slice(), b"/usr/lib", b"/lib64", b"/usr/lib64"].map(<[u8]>::to_vec));
        Ok(directories)
    }
}

/// The first `limit` bytes of the file; empty if there is no file.
pub(super) fn read_if_there(root: &Root, path: &[u8], limit: u64) -> Result<Vec<u8>, RootError> {
    match root.read(path, limit) {
        Err(error) if error.leads_nowhere() => Ok(Vec::new()),
        result => result,
    }
}

/// Names that differ between machines.
struct Architecture {
    /// Debian's multiarch directory.
    triple: Option<&'static str>,
    /// What `$PLATFORM` may be (`AT_PLATFORM`, and glibc's own for x86).
    platforms: &'static [&'static str],
    /// Names of musl's loader.
    musl: &'static [&'static str],
}

impl Architecture {
    /// By `e_machine` (elf.h).
    fn of(machine: Machine) -> Self {
        let (triple, platforms, musl): (_, &[_], &[_]) = match machine.number {
            3 => (Some("i386-linux-gnu"), &["i686", "i586", "i386"], &["i386"]),
            21 => (Some("powerpc64le-linux-gnu"), &["power8", "power9", "power10"], &["powerpc64le", "powerpc64"]),
            22 => (Some("s390x-linux-gnu"), &["z13", "z14", "z15", "z16"], &["s390x"]),
            40 => (Some("arm-linux-gnueabihf"), &["v7l", "v6l", "v8l"], &["armhf", "arm"]),
            62 => (Some("x86_64-linux-gnu"), &["x86_64", "haswell", "xeon_phi"], &["x86_64"]),
            183 => (Some("aarch64-linux-gnu"), &["aarch64"], &["aarch64"]),
            243 => (Some("riscv64-linux-gnu"), &["riscv64"], &["riscv64"]),
            _ => (None, &[], &[]),
        };
        Self { triple, platforms, musl }
    }
}

/// All paths that `path` may stand for, with `$ORIGIN`, `$LIB` and `$PLATFORM` (with or without braces) replaced by
/// each of their possible values.
fn expand(path: &[u8], origins: &[Vec<u8>], machine: Machine) -> Vec<Vec<u8>> {
    let Some(dollar) = path.iter().position(|&byte| byte == b'$') else { return vec![path.to_vec()] };
    let (before, rest) = path.split_at(dollar);
    let architecture = Architecture::of(machine);
    let mut libraries = vec![b"lib64".to_vec(), b"lib".to_vec()];
    libraries.extend(architecture.triple.map(|triple| format!("lib/{triple}").into_bytes()));
    let platforms = architecture.platforms.iter().map(|name| name.as_bytes().to_vec()).collect();
    let tokens = [("ORIGIN", origins.to_vec()), ("LIB", libraries), ("PLATFORM", platforms)];
    for (token, values) in tokens {
        for written in [format!("${{{token}}}"), format!("${token}")] {
            if let Some(after) = rest.strip_prefix(written.as_bytes()) {
                let tails = expand(after, origins, machine);
                let all = values.iter().flat_map(|value| tails.iter().map(move |tail| [before, value, tail].concat()));
                return all.collect();
            }
        }
    }
    let tails = expand(rest.get(1..).unwrap_or_default(), origins, machine);
    tails.into_iter().map(|tail| [before, b"$", &tail].concat()).collect()
}

fn directory_of(path: &[u8]) -> &[u8] {
    Some(InRoot(path).directory()).filter(|directory| !directory.is_empty()).unwrap_or(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let machine = Machine { wide: true, little: true, number: 62 };
        let expand = |path: &str| -> Vec<String> {
            let expanded = expand(path.as_bytes(), &[b"/opt/app/bin".to_vec()], machine);
            expanded.into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
        };
        assert_eq!(expand("$ORIGIN/../lib"), ["/opt/app/bin/../lib"]);
        assert_eq!(expand("${ORIGIN}x/$PLATFORM")[0], "/opt/app/binx/x86_64");
        assert_eq!(expand("/usr/$LIB/a"), ["/usr/lib64/a", "/usr/lib/a", "/usr/lib/x86_64-linux-gnu/a"]);
        assert_eq!(expand("/a$b"), ["/a$b"]);
    }
}
