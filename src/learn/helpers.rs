//! Helpers that were not started: a server may look at its start whether a program of its own directory is there, and end
//! if it is not. Nobody sees that. Reads only.
//!
//! A helper is kept if a kept program names it by its path, and another program of the same directory was started. Such a
//! directory belongs to the app. Scripts and programs that gain privileges are not kept: they would bring their interpreters,
//! and more than the app was seen to need.

use std::collections::HashSet;

use super::gain::grants;
use super::kept::{Kept, Why};
use super::likely::{PROGRAM_BYTES, text};
use super::modules::is_common;
use crate::recognise::elf::Elf;
use crate::root::{Canonical, InRoot, Kind, Root};

/// Adds to `only` the helpers of its programs.
pub(super) fn add_helpers(root: &Root, only: &mut Vec<Kept>) {
    let started = only.iter().filter(|kept| matches!(kept.why, Why::Started { .. }));
    let programs: Vec<Canonical> = started.map(|kept| kept.path.clone()).collect();
    let directories: HashSet<Canonical> =
        programs.iter().filter_map(Canonical::parent).filter(|path| !is_common(path)).collect();
    if directories.is_empty() {
        return;
    }
    for program in &programs {
        if !is_elf_program(root, program) {
            continue;
        }
        let content = root.read(program, PROGRAM_BYTES).unwrap_or_default();
        let mut look = |path: &[u8]| {
            // Most words need no further look.
            let above = InRoot(InRoot(path).directory()).name();
            if !directories.iter().any(|directory| directory.name() == above) {
                return;
            }
            let Ok(place) = root.walk(path, true) else { return };
            let beside = place.path.parent().is_some_and(|directory| directories.contains(&directory));
            let starts = place.stat.kind == Kind::File && place.stat.mode & 0o111 != 0;
            let gains = place.stat.mode & 0o6000 != 0 || grants(root, &place.path);
            let known = only.iter().any(|kept| kept.path == place.path);
            if beside && starts && !gains && !known && is_elf_program(root, &place.path) {
                only.push(Kept { path: place.path, why: Why::Helper(program.clone()) });
            }
        };
        text::strings(&content, &mut |string| text::paths(string, &mut look));
    }
}

fn is_elf_program(root: &Root, path: &Canonical) -> bool {
    matches!(root.classify(path), Ok(Some(Elf::Program { .. })))
}

// They copy programs of this machine.
#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::root::path::canonical;

    #[test]
    fn what_a_program_names_beside_what_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let program = fs::read("/bin/true").unwrap();
        let names = b"\0cleaner_program /lib/server/cleaner\0/usr/lib/server/none\0/usr/lib/server/script\0/usr/lib/server/root\0/usr/lib/other/x\0/usr/sbin/tool\0/usr/lib/server/data\0";
        let server = [&program[..], names].concat();
        for (path, content, mode) in [
            ("usr/sbin/server", &server[..], 0o755),
            ("usr/sbin/tool", &program, 0o755),
            ("usr/lib/server/logger", &program, 0o755),
            ("usr/lib/server/cleaner", &program, 0o755),
            ("usr/lib/server/unnamed", &program, 0o755),
            ("usr/lib/server/script", b"#!/bin/sh\n", 0o755),
            ("usr/lib/server/root", &program, 0o4755),
            ("usr/lib/server/data", &program, 0o644),
            ("usr/lib/other/x", &program, 0o755),
        ] {
            let at = directory.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, content).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("usr/lib", directory.path().join("lib")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let started = || Why::Started { roles: vec![], by: vec![], times: 1, new: false };
        let helpers = |programs: &[&str]| {
            let mut only: Vec<Kept> =
                programs.iter().map(|path| Kept { path: canonical(path), why: started() }).collect();
            add_helpers(&root, &mut only);
            only.split_off(programs.len())
        };
        let server = canonical("/usr/sbin/server");
        let cleaner = Kept { path: canonical("/usr/lib/server/cleaner"), why: Why::Helper(server) };
        assert_eq!(helpers(&["/usr/sbin/server", "/usr/lib/server/logger"]), [cleaner]);
        assert_eq!(helpers(&["/usr/sbin/server", "/usr/sbin/tool"]), [], "none of that directory was started");
    }
}
