//! Scripts that kept scripts read: a shell with `.`, other languages with `require`, `import` and the like. No program is
//! started for them, so nobody sees them. With an x bit an allow-list takes them, whatever is in them. Reads only.

mod required;
pub(super) mod sourced;

use std::collections::HashSet;

use super::kept::{Kept, Why};
use super::observed::Program;
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::wrappers::{class, is_shell};
use crate::root::glob::matches;
use crate::root::pattern::{PathPattern, literal};
use crate::root::{Canonical, InRoot, Kind, Root};
use crate::text::order::sort_by;

/// How much is read of a script.
const SCRIPT_BYTES: u64 = 256 * 1024;

/// How many scripts are read.
const MOST: usize = 1000;

/// What a script reads, by its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The first of these files that is there. A path that is not absolute is looked for where the script lies.
    First(Vec<String>),
    /// Everything that this glob matches.
    All(String),
}

/// A script, and where it looks for others.
struct Script {
    path: Canonical,
    directories: Vec<Canonical>,
    /// Whether a shell reads it, if its first line does not say.
    shell: bool,
}

/// Adds to `only` what the scripts in it and those of `programs` read. Returns all scripts that were read, in the order
/// in which they were found: those without an x bit stay by themselves, and what they name counts all the same.
pub(super) fn add_read(root: &Root, programs: &[Program], only: &mut Vec<Kept>) -> Vec<Canonical> {
    let mut search = Search { root, scripts: Vec::new(), known: HashSet::new() };
    for Kept { path, why } in &*only {
        // The directory that a script names mostly stands in a variable, and is mostly the script's own, or that of a
        // link to it.
        if !matches!(why, Why::Link { .. }) {
            let links = only.iter().filter(|kept| matches!(&kept.why, Why::Link { to } if to == path));
            search.add(path.clone(), links.filter_map(|link| link.path.parent()).collect(), true);
        }
    }
    for program in programs {
        let reader = class(&String::from_utf8_lossy(program.path.name()));
        for script in &program.scripts {
            search.add(script.clone(), Vec::new(), reader != Some(Class::Interpreter));
        }
    }
    let mut at = 0;
    while let Some(Script { path, directories, shell }) = search.scripts.get(at).filter(|_| at < MOST) {
        at += 1;
        let (path, directories) = (path.clone(), directories.clone());
        let Some(text) = script_text(root, &path) else { continue };
        let shell = is_of_shell(&text).unwrap_or(*shell);
        let wanted = if shell { sourced::sourced(&text) } else { required::required(&text) };
        for found in wanted.iter().flat_map(|wanted| find(root, &directories, wanted)) {
            // A program is no script, whatever its name.
            if matches!(root.classify(&found), Ok(Some(_))) {
                continue;
            }
            let at_risk = root.resolve(&found).is_ok_and(|stat| stat.mode & 0o111 != 0);
            if at_risk && !only.iter().any(|kept| kept.path == found) {
                only.push(Kept { path: found.clone(), why: Why::Sourced(path.clone()) });
            }
            // It mostly looks where the one that reads it does.
            search.add(found, directories.clone(), shell);
        }
    }
    search.scripts.into_iter().map(|script| script.path).collect()
}

struct Search<'r> {
    root: &'r Root,
    scripts: Vec<Script>,
    known: HashSet<Canonical>,
}

impl Search<'_> {
    fn add(&mut self, path: Canonical, mut directories: Vec<Canonical>, shell: bool) {
        if matches!(self.root.classify(&path), Ok(Some(_))) || !self.known.insert(path.clone()) {
            return;
        }
        directories.splice(0..0, path.parent());
        directories.dedup();
        self.scripts.push(Script { path, directories, shell });
    }
}

/// Whether a shell reads the script, by its first line; `None` if that does not say.
fn is_of_shell(text: &str) -> Option<bool> {
    let first = text.lines().next()?.strip_prefix("#!")?;
    Some(first.split_ascii_whitespace().any(is_shell))
}

/// The text of a file if it is one.
fn script_text(root: &Root, path: &Canonical) -> Option<String> {
    let text = root.read(path, SCRIPT_BYTES).ok().filter(|text| !text.contains(&0))?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The files that are wanted by a script which looks for them in these directories.
fn find(root: &Root, directories: &[Canonical], wanted: &Wanted) -> Vec<Canonical> {
    let file = |path: &[u8]| {
        let place = root.walk(path, true).ok()?;
        (place.stat.kind == Kind::File).then_some(place.path)
    };
    match wanted {
        Wanted::First(paths) => {
            let candidates = paths.iter().flat_map(|path| {
                let beside = directories.iter().map(move |above| InRoot(above).join(path.as_bytes()));
                let beside = beside.filter(|_| !path.starts_with('/'));
                Some(path.clone().into_bytes()).filter(|_| path.starts_with('/')).into_iter().chain(beside)
            });
            candidates.filter_map(|path| file(&path)).take(1).collect()
        }
        Wanted::All(glob) if glob.starts_with('/') => files(root, glob),
        Wanted::All(glob) => {
            let below =
                |above: &Canonical| String::from_utf8(literal(above)).ok().map(|above| format!("{above}/{glob}"));
            directories.iter().filter_map(below).flat_map(|glob| files(root, &glob)).collect()
        }
    }
}

/// The files that a glob matches, links followed.
fn files(root: &Root, glob: &str) -> Vec<Canonical> {
    let Ok(pattern) = PathPattern::parse(glob) else { return Vec::new() };
    let (mut paths, _) = matches(root, &pattern).unwrap_or_default();
    sort_by(&mut paths, Canonical::cmp);
    let places = paths.into_iter().filter_map(|path| root.walk(&path, true).ok());
    places.filter(|place| place.stat.kind == Kind::File).map(|place| place.path).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::root::path::canonical;

    fn tree(files: &[(&str, &str, u32)]) -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        for (path, text, mode) in files {
            let at = directory.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, text).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let root = Root::open(directory.path()).unwrap();
        (directory, root)
    }

    /// What is kept besides `only`.
    fn added(root: &Root, programs: &[Program], mut only: Vec<Kept>) -> String {
        let before = only.len();
        add_read(root, programs, &mut only);
        only.split_off(before).iter().map(|kept| kept.path.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn script(path: &str) -> Kept {
        Kept { path: canonical(path), why: Why::Script(vec![]) }
    }

    #[test]
    fn of_shells() {
        let run = "#!/bin/sh\nif [ -r x ]; then . \"$HOME_OF_X\"/bin/env.sh; fi\nsource ${X}/plain.sh\n. $FILE\n. /etc/x/set\n\
                   for f in /hooks.d/*.sh; do . \"$f\"; done\ndo \"tool\"\n";
        let (_directory, root) = tree(&[
            ("opt/x/bin/run", run, 0o755),
            ("opt/x/bin/env.sh", "#!/bin/sh\n. ./more.sh\n. ./env.sh\n", 0o755),
            ("opt/x/bin/more.sh", "", 0o755),
            ("opt/x/bin/plain.sh", ". by-plain.sh", 0o644),
            ("opt/x/bin/by-plain.sh", "", 0o755),
            ("opt/x/bin/other.sh", "", 0o755),
            ("opt/x/bin/tool", "", 0o755),
            ("usr/bin/beside.sh", "", 0o755),
            ("etc/x/set", ". beside.sh", 0o755),
            ("hooks.d/10.sh", "", 0o755),
            ("hooks.d/20.sh", "", 0o644),
            ("hooks.d/30.txt", "", 0o755),
        ]);
        let link = Kept { path: canonical("/usr/bin/set"), why: Why::Link { to: canonical("/etc/x/set") } };
        let only = vec![script("/opt/x/bin/run"), script("/etc/x/set"), link];
        assert_eq!(
            added(&root, &[], only),
            "/opt/x/bin/env.sh /hooks.d/10.sh /usr/bin/beside.sh /opt/x/bin/more.sh /opt/x/bin/by-plain.sh"
        );
    }

    #[test]
    fn of_other_languages_also_from_a_script_without_an_x_bit() {
        let (_directory, root) = tree(&[
            ("srv/app.pl", "use lib '/srv/lib';\nrequire \"/etc/app/conf.pl\";\nuse Foo::Bar;\ndo 'rest.pl';\n", 0o644),
            ("etc/app/conf.pl", "require 'more.pl'; 1", 0o755),
            ("etc/app/more.pl", "1", 0o755),
            ("srv/lib/Foo/Bar.pm", "1", 0o755),
            ("srv/rest.pl", "1", 0o755),
            ("srv/other.pl", "1", 0o755),
            ("srv/app.py", "#!/usr/bin/python3\nimport pack.one\nfrom . import two\n", 0o755),
            ("srv/pack/__init__.py", "", 0o755),
            ("srv/pack/one.py", "", 0o755),
            ("srv/pack/three.py", "", 0o755),
            ("srv/two.py", "", 0o755),
        ]);
        let perl = Program {
            path: canonical("/usr/bin/perl"),
            links: vec![],
            roles: vec![],
            scripts: vec![canonical("/srv/app.pl")],
            by: vec![],
            times: 1,
        };
        assert_eq!(added(&root, &[perl], vec![]), "/etc/app/conf.pl /srv/lib/Foo/Bar.pm /srv/rest.pl /etc/app/more.pl");
        assert_eq!(
            added(&root, &[], vec![script("/srv/app.py")]),
            "/srv/pack/one.py /srv/pack/__init__.py /srv/pack/three.py /srv/two.py"
        );
    }

    #[test]
    fn a_link_to_a_program_is_none() {
        let (directory, root) = tree(&[("srv/run", ". /srv/tool", 0o755)]);
        symlink("/bin/true", directory.path().join("srv/tool")).unwrap();
        fs::copy("/bin/true", directory.path().join("srv/true")).unwrap();
        fs::write(directory.path().join("srv/run"), ". /srv/true").unwrap();
        assert_eq!(added(&root, &[], vec![script("/srv/run")]), "");
    }
}
