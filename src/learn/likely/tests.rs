use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::learn::kept::Why;
use crate::learn::observed::Role;
use crate::root::path::canonical;

fn tree(files: &[(&str, &str, u32)]) -> (tempfile::TempDir, Root) {
    let directory = tempfile::tempdir().unwrap();
    for (path, content, mode) in files {
        let at = directory.path().join(&path[1..]);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&at, content).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(*mode)).unwrap();
    }
    for tool in ["gzip", "logger", "find", "mail", "date", "test", "server-ctl", "dash", "curl", "touch", "time"] {
        let at = directory.path().join("usr/bin").join(tool);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&at, "tool").unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
    }
    symlink("dash", directory.path().join("usr/bin/sh")).unwrap();
    symlink("usr/bin", directory.path().join("bin")).unwrap();
    let root = Root::open(directory.path()).unwrap();
    (directory, root)
}

/// What may be needed if these paths are kept, the first of them as the app.
fn named(root: &Root, kept: &[&str]) -> String {
    let started = |role| Why::Started { roles: vec![role], by: vec![], times: 1, new: false };
    let only: Vec<Kept> = kept
        .iter()
        .enumerate()
        .map(|(at, path)| Kept { path: canonical(path), why: started(if at == 0 { Role::App } else { Role::Child }) })
        .collect();
    let ids = kept.iter().map(|path| root.resolve(path.as_bytes()).unwrap().id).collect();
    let found = likely(root, &only, &[], &[], &ids).into_iter().map(|one| {
        let files: Vec<String> = one.named_in.iter().map(ToString::to_string).collect();
        format!("{}{}: {}", one.path, if one.by_system { " system" } else { "" }, files.join(" "))
    });
    found.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_shell_script() {
    let script = "#!/bin/sh\nif [ -n \"$LATE\" ]; then /usr/bin/gzip x; fi\n# curl\nexec nice logger 'touch x'\ntest -f mail && sh -c 'date; nothing'\nmail=curl\n";
    let (_directory, root) = tree(&[("/srv/run.sh", script, 0o755), ("/usr/bin/nice", "tool", 0o755)]);
    assert_eq!(
        named(&root, &["/srv/run.sh", "/usr/bin/dash", "/usr/bin/nice"]),
        "/usr/bin/date: /srv/run.sh\n/usr/bin/gzip: /srv/run.sh\n/usr/bin/logger: /srv/run.sh"
    );
}

#[test]
fn another_languages_script() {
    let script = "#!/usr/bin/python3\nimport os\n# date is fine\nos.system('gzip -9 %s')\nsubprocess.run([\"logger\", 'x'])\nx = '/usr/bin/curl'\nrun(date)\n";
    let (_directory, root) = tree(&[("/srv/app.py", script, 0o755)]);
    assert_eq!(
        named(&root, &["/srv/app.py"]),
        "/usr/bin/curl: /srv/app.py\n/usr/bin/gzip: /srv/app.py\n/usr/bin/logger: /srv/app.py"
    );
}

#[test]
fn strings_of_a_program() {
    let program = |strings: &[u8]| {
        let mut content = fs::read("/bin/true").unwrap();
        content.extend_from_slice(strings);
        content
    };
    let (directory, root) = tree(&[("/usr/bin/server", "", 0o755), ("/usr/bin/other", "", 0o755)]);
    let strings: &[u8] = b"\0popen\0gzip -dc %s\0time out of range\0test failed: %s\0/usr/bin/mail -s x\0/etc/passwd\0";
    fs::write(directory.path().join("usr/bin/server"), program(strings)).unwrap();
    assert_eq!(
        named(&root, &["/usr/bin/server"]),
        "/usr/bin/gzip: /usr/bin/server\n/usr/bin/mail: /usr/bin/server\n/usr/bin/sh system: /usr/bin/server"
    );
    // Without a function that starts a command, no string is one.
    fs::write(directory.path().join("usr/bin/other"), program(b"\0gzip -dc %s\0/usr/bin/mail\0")).unwrap();
    assert_eq!(named(&root, &["/usr/bin/other"]), "/usr/bin/mail: /usr/bin/other");
}

#[test]
fn configuration_and_hooks() {
    let (_directory, root) = tree(&[
        ("/usr/sbin/serverd", "#!/none\n", 0o755),
        ("/etc/server/server.conf", "gzip on;\nmailer /usr/bin/mail;\nlog /var/log/x;\n", 0o644),
        ("/etc/server/hooks.d/10-late", "#!/bin/sh\ntouch x\n", 0o755),
        (
            "/etc/logrotate.d/serverd",
            "/var/log/x {\n postrotate\n  server-ctl reopen >/dev/null\n endscript\n date\n}\n",
            0o644,
        ),
        ("/etc/other/other.conf", "/usr/bin/curl\n", 0o644),
    ]);
    assert_eq!(
        named(&root, &["/usr/sbin/serverd"]),
        "/etc/server/hooks.d/10-late: /etc/server/hooks.d\n/usr/bin/mail: /etc/server/server.conf\n/usr/bin/server-ctl: /etc/logrotate.d/serverd\n/usr/bin/sh: /etc/server/hooks.d/10-late\n/usr/bin/touch: /etc/server/hooks.d/10-late"
    );
}

#[test]
fn what_a_shell_script_reads_by_other_ways() {
    let script = "#!/bin/sh\nif late; then sh </srv/input.sh; fi\nfind /hooks.d/ -type f | while read -r f; do . \"$f\"; done\ncd /usr/bin\n";
    let files = [("/srv/input.sh", "", 0o755), ("/hooks.d/10.sh", "", 0o755), ("/hooks.d/20.sh", "", 0o644)];
    let (_directory, root) = tree(&[&[("/srv/run.sh", script, 0o755)], &files[..]].concat());
    let expected = "/hooks.d/10.sh: /srv/run.sh\n/srv/input.sh: /srv/run.sh\n/usr/bin/find: /srv/run.sh";
    assert_eq!(named(&root, &["/srv/run.sh", "/usr/bin/dash"]), expected);
    // A directory alone says nothing.
    let (_directory, root) = tree(&[&[("/srv/run.sh", "#!/bin/sh\ncd /hooks.d\n", 0o755)], &files[..]].concat());
    assert_eq!(named(&root, &["/srv/run.sh", "/usr/bin/dash"]), "");
}

#[test]
fn a_script_without_an_x_bit() {
    let (_directory, root) = tree(&[("/srv/run.sh", "gzip x\n", 0o644), ("/srv/app", "", 0o755)]);
    let only = [Kept { path: canonical("/srv/app"), why: Why::Script(vec![]) }];
    let found = likely(&root, &only, &[canonical("/srv/run.sh")], &[], &HashSet::new());
    assert!(found.iter().any(|one| one.path == canonical("/usr/bin/gzip")), "{found:?}");
}
