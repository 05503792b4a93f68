//! Scripts that kept shell scripts read with `.` or `source`: no program is started for them, so nobody sees them. With an
//! x bit an allow-list takes them. Reads only.

use super::kept::{Kept, Why};
use crate::recognise::command_line::script;
use crate::root::{Canonical, InRoot, Kind, Root};

/// How much is read of a script.
const SCRIPT_BYTES: u64 = 256 * 1024;

/// How many scripts are read.
const MOST: usize = 1000;

/// Adds to `only` what its shell scripts read. The directory that a script names mostly stands in a variable, and is
/// mostly the script's own, or that of a link to it: there the last part of the name is looked for.
pub(super) fn add_sourced(root: &Root, only: &mut Vec<Kept>) {
    let mut at = 0;
    while let Some(kept) = only.get(at).filter(|_| at < MOST) {
        at += 1;
        let script = kept.path.clone();
        let Some(text) = shell_script(root, &script) else { continue };
        let links = only.iter().filter(|kept| matches!(&kept.why, Why::Link { to } if *to == script));
        let mut directories: Vec<Vec<u8>> = links.map(|link| InRoot(&link.path).directory().to_vec()).collect();
        directories.insert(0, InRoot(&script).directory().to_vec());
        for word in sourced(&text) {
            let in_directories = directories.iter().map(|above| InRoot(above).join(InRoot(word.as_bytes()).name()));
            let as_written = Some(word.clone().into_bytes()).filter(|path| path.starts_with(b"/"));
            let found = as_written.into_iter().chain(in_directories).find_map(|path| at_risk(root, &path));
            if let Some(path) = found.filter(|path| !only.iter().any(|kept| kept.path == *path)) {
                only.push(Kept { path, why: Why::Sourced(script.clone()) });
            }
        }
    }
}

/// Where a path leads, if that is a file with an x bit.
fn at_risk(root: &Root, path: &[u8]) -> Option<Canonical> {
    let place = root.walk(path, true).ok()?;
    (place.stat.kind == Kind::File && place.stat.mode & 0o111 != 0).then_some(place.path)
}

/// The text of a file if it is one. Every script is read as a shell's: the words of others rarely lead to a file.
fn shell_script(root: &Root, path: &Canonical) -> Option<String> {
    let is_program = matches!(root.classify(path), Ok(Some(_)));
    let text = if is_program { None } else { root.read(path, SCRIPT_BYTES).ok() };
    text.filter(|text| !text.contains(&0)).map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// What stands behind `.` and `source`.
fn sourced(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for words in script::commands(text) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let ["." | "source", word, ..] = script::command(&words) {
            found.push((*word).to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::root::path::canonical;

    #[test]
    fn what_scripts_read() {
        let directory = tempfile::tempdir().unwrap();
        for (path, text, mode) in [
            (
                "opt/x/bin/run",
                "#!/bin/sh\nif [ -r x ]; then . \"$HOME_OF_X\"/bin/env.sh; fi\nsource ${X}/plain.sh\n. $FILE\n. /etc/x/set\n",
                0o755,
            ),
            ("opt/x/bin/env.sh", "#!/bin/sh\n. ./more.sh\n. ./env.sh\n", 0o755),
            ("opt/x/bin/more.sh", "", 0o755),
            ("opt/x/bin/plain.sh", "", 0o644),
            ("opt/x/bin/other.sh", "", 0o755),
            ("usr/bin/beside.sh", "", 0o755),
            ("etc/x/set", ". beside.sh", 0o755),
        ] {
            let at = directory.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, text).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        }
        let root = Root::open(directory.path()).unwrap();
        let why = |to: &str| Why::Link { to: canonical(to) };
        let mut only = vec![
            Kept { path: canonical("/opt/x/bin/run"), why: Why::Script(vec![]) },
            Kept { path: canonical("/usr/bin/set"), why: why("/etc/x/set") },
        ];
        add_sourced(&root, &mut only);
        let added: Vec<String> = only.iter().skip(2).map(|kept| kept.path.to_string()).collect();
        assert_eq!(added, ["/opt/x/bin/env.sh", "/etc/x/set", "/opt/x/bin/more.sh", "/usr/bin/beside.sh"]);
    }
}
