//! `stage`: the copy is as the source, less what the profiles remove, whole or not there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::output::assert_valid;
use crate::harness::tree::{Tree, dangling_links, manifest};
use crate::harness::{Ran, command, lithify, rootfs, run};

pub fn stage<S: AsRef<std::ffi::OsStr>>(root: &Path, to: &Path, arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().arg("stage").arg("--root").arg(root).arg("--to").arg(to).args(arguments))
}

/// Everything that a copy must keep of each name, links' own times among it.
fn details(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut details = manifest(root);
    for (path, line) in &mut details {
        let metadata = root.join(path).symlink_metadata().unwrap();
        let content = if metadata.is_file() { fs::read(root.join(path)).unwrap() } else { Vec::new() };
        let attributes = run(Command::new("getfattr")
            .args(["-h", "-d", "-m", "-", "-e", "hex", "--absolute-names"])
            .arg(root.join(path)));
        let attributes: Vec<&str> = attributes.stdout.lines().filter(|line| line.contains('=')).collect();
        *line += &format!(
            " {}.{:09} device {} content {:x} {attributes:?}",
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.rdev(),
            content.iter().fold(0u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)))
        );
    }
    details
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn set_time(path: &Path, time: &str) {
    run(Command::new("touch").args(["-h", "-d", time]).arg(path)).exits(0);
}

/// A tree with one of everything that can be in an image.
pub fn everything() -> Tree {
    let tree = Tree::new();
    tree.file("/usr/bin/app")
        .file("/usr/bin/elevate")
        .file("/usr/bin/ping")
        .file("/usr/sbin/daemon")
        .file("/usr/bin/d/deep");
    tree.hard_link("/usr/bin/app2", "/usr/bin/app").hard_link("/usr/sbin/app3", "/usr/bin/app");
    tree.link("/usr/bin/relative", "app").link("/usr/bin/dangles", "/nowhere").link("/bin", "usr/bin");
    tree.file("/usr/bin/sh").link("/usr/bin/bash", "sh");
    let sparse = fs::File::create(tree.at("/usr/bin/sparse")).unwrap();
    sparse.set_len(16 * 1024 * 1024).unwrap();
    sparse.write_all_at(b"data", 8 * 1024 * 1024).unwrap();
    nix::unistd::mkfifo(&tree.at("/usr/bin/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    run(Command::new("mknod").arg(tree.at("/usr/sbin/null")).args(["c", "1", "3"])).exits(0);
    chown(tree.at("/usr/bin/elevate"), Some(7), Some(8)).unwrap();
    fs::set_permissions(tree.at("/usr/bin/elevate"), fs::Permissions::from_mode(0o6711)).unwrap();
    fs::set_permissions(tree.at("/usr/bin/d"), fs::Permissions::from_mode(0o1500)).unwrap();
    std::os::unix::fs::lchown(tree.at("/usr/bin/relative"), Some(9), Some(10)).unwrap();
    run(Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at("/usr/bin/ping"))).exits(0);
    run(Command::new("setfattr").args(["-n", "user.origin", "-v", "image"]).arg(tree.at("/usr/bin/app"))).exits(0);
    run(Command::new("setfattr").args(["-n", "user.of", "-v", "directory"]).arg(tree.at("/usr/bin/d"))).exits(0);
    for (path, time) in [
        ("/usr/bin/app", "2020-01-02T03:04:05.123456789Z"),
        ("/usr/bin/relative", "2001-01-01T00:00:00.5Z"),
        ("/usr/bin/d", "2002-02-02T02:02:02Z"),
        ("/usr/bin", "2003-03-03T03:03:03Z"),
    ] {
        set_time(&tree.at(path), time);
    }
    tree
}

#[test]
fn the_copy_is_as_the_source_and_the_source_is_untouched() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    let before = details(tree.path());
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin", "/bin", "/usr/sbin"]).exits(0);
    assert_eq!(details(tree.path()), before);
    assert_eq!(names(volume.path()), ["root"]);
    let copy = volume.path().join("root");
    let mut expected = before;
    expected.retain(|path, _| {
        path.starts_with("usr")
            && path != Path::new("usr")
            && !["usr/bin/sh", "usr/bin/bash"].map(Path::new).contains(&path.as_path())
    });
    let mut found = details(&copy);
    for marker in ["usr/bin/.lithify-staged", "usr/sbin/.lithify-staged"] {
        assert!(found.remove(Path::new(marker)).unwrap().starts_with("file"), "{marker}");
    }
    found.remove(Path::new("usr"));
    assert_eq!(found, expected);
    // The four names that were one file are one file, and the hole is one.
    let inode = |path: &str| copy.join(path).metadata().unwrap().ino();
    assert!(inode("usr/bin/app") == inode("usr/bin/app2") && inode("usr/bin/app") == inode("usr/sbin/app3"));
    assert!(copy.join("usr/bin/sparse").metadata().unwrap().blocks() * 512 < 1024 * 1024);
}

#[test]
fn what_the_plan_removes_is_not_in_the_copy() {
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/bin/dash").link("/bin/sh", "dash").hard_link("/usr/bin/innocent", "/bin/dash");
    tree.link("/usr/bin/rsh", "/bin/sh").link("/usr/bin/ash", "/opt/ash").file("/opt/ash").file("/usr/bin/app");
    tree.link("/etc/alternatives/shell", "/bin/dash").link("/usr/bin/shell", "/etc/alternatives/shell");
    tree.file("/usr/bin/elevate").file("/usr/bin/tool").link("/opt/to-app", "/usr/bin/app");
    fs::set_permissions(tree.at("/usr/bin/elevate"), fs::Permissions::from_mode(0o4777)).unwrap();
    run(Command::new("setcap").arg("cap_net_raw+ep").arg(tree.at("/usr/bin/tool"))).exits(0);
    let before = tree.manifest();
    let profile = tree.at("/p.toml");
    fs::write(
        &profile,
        "schema = 1\ninclude = [\"shells\"]\n[strip]\nsetid = true\nfile_capabilities = true\nworld_writable = true\n",
    )
    .unwrap();
    let ran = stage(tree.path(), volume.path(), ["-v", "-p", profile.to_str().unwrap(), "/usr/bin", "/bin"]).exits(0);
    let copy = volume.path().join("root");
    assert_eq!(names(&copy.join("bin")), [".lithify-staged"]);
    assert_eq!(names(&copy.join("usr/bin")), [".lithify-staged", "app", "elevate", "tool"]);
    assert_eq!(copy.join("usr/bin/elevate").metadata().unwrap().mode() & 0o7777, 0o775);
    run(Command::new("getcap").arg(copy.join("usr/bin/tool"))).exits(0).does_not_say("cap_net_raw");
    run(Command::new("getcap").arg(tree.at("/usr/bin/tool"))).says("cap_net_raw");
    // What is not copied cannot be left out: it is said.
    let ran = ran.says("/opt/ash: the profile removes them, but they lie outside");
    let ran = ran.says("/etc/alternatives/shell: links outside of the staged directories, which will lead nowhere");
    ran.says("# remove /usr/bin/innocent (shells: names \"").does_not_say("to-app");
    fs::remove_file(profile).unwrap();
    assert_eq!(tree.manifest(), before);
}

#[test]
fn keep_and_disable() {
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/bin/bash").file("/bin/zsh").file_with("/bin/start", "#!/bin/bash\n");
    let profile = tree.at("/p.toml");
    fs::write(
        &profile,
        "schema = 1\n[remove]\nnames = [\"bash\", \"zsh\"]\nmethod = \"disable\"\n[keep]\nnames = [\"bash\"]\n",
    )
    .unwrap();
    stage(tree.path(), volume.path(), ["-p", profile.to_str().unwrap(), "/bin"]).exits(0);
    let mode = |path: &str| volume.path().join("root").join(path).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("bin/zsh"), mode("bin/bash")), (0, 0o755));
    fs::write(&profile, "schema = 1\n[remove]\nnames = [\"bash\"]\n[keep]\npaths = [\"/bin/start\"]\n").unwrap();
    let before = manifest(volume.path());
    stage(tree.path(), volume.path(), ["-p", profile.to_str().unwrap(), "/bin"])
        .exits(3)
        .says("REFUSED /bin/bash")
        .says("/bin/start needs /bin/bash");
    assert_eq!(manifest(volume.path()), before);
}

#[test]
fn what_a_copy_cannot_have_is_said() {
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/bin/zsh").file("/bin/app").file("/opt/raised");
    tree.file_with("/etc/passwd", "root:x:0:0:root:/root:/bin/zsh\n");
    fs::set_permissions(tree.at("/opt/raised"), fs::Permissions::from_mode(0o4755)).unwrap();
    let profile = tree.at("/p.toml");
    let text =
        "schema = 1\n[remove]\nnames = [\"zsh\"]\nmethod = \"tombstone\"\n[strip]\nsetid = true\nlogin_shells = true\n";
    fs::write(&profile, text).unwrap();
    stage(tree.path(), volume.path(), ["-p", profile.to_str().unwrap(), "/bin", "/etc"])
        .exits(0)
        .says("/bin/zsh: left out without a tombstone in their place")
        .says("/etc/passwd: copied with its login shells")
        .says("/opt/raised: [strip] would change them, but they lie outside");
    assert_eq!(names(&volume.path().join("root/bin")), [".lithify-staged", "app"]);
    let copied = fs::read(volume.path().join("root/etc/passwd")).unwrap();
    assert_eq!(copied, fs::read(tree.at("/etc/passwd")).unwrap());
}

#[test]
fn merged_and_unmerged_images() {
    let volume = tempfile::tempdir().unwrap();
    let sources = ["-p", "shells", "-p", "coreutils", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    let mounts = |ran: &Ran| -> Vec<String> {
        let json = ran.json();
        json["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mount| {
                assert_eq!(
                    (&mount["readOnly"], mount["subPath"].as_str().unwrap()),
                    (&true.into(), format!("root{}", mount["mountPath"].as_str().unwrap()).as_str())
                );
                mount["mountPath"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    let json = [&["--format", "json"], &sources[..]].concat();
    let merged = stage(&rootfs("nginx"), volume.path(), &json).exits(0);
    assert_valid("report.schema.json", &merged.json());
    assert_eq!(mounts(&merged), ["/usr/bin", "/usr/sbin"]);
    assert_eq!(names(&volume.path().join("root")), ["usr"]);
    let unmerged = stage(&rootfs("alpine"), volume.path(), &json).exits(0);
    assert_eq!(mounts(&unmerged), ["/bin", "/sbin", "/usr/bin", "/usr/sbin"]);
    assert_eq!(names(&volume.path().join("root")), ["bin", "sbin", "usr"]);
    // One that lies in another is part of it.
    let nested =
        stage(&rootfs("alpine"), volume.path(), ["--format", "json", "-p", "shells", "/usr/bin", "/usr"]).exits(0);
    assert_eq!(mounts(&nested), ["/usr"]);
    let text = stage(&rootfs("nginx"), volume.path(), sources).exits(0);
    let name = volume.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_lowercase();
    let yaml: String =
        text.stdout.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert_eq!(
        yaml,
        format!(
            "volumeMounts:\n  - {{ name: {name}, mountPath: /usr/bin, subPath: root/usr/bin, readOnly: true }}\n  - {{ name: {name}, mountPath: /usr/sbin, subPath: root/usr/sbin, readOnly: true }}\n"
        )
    );
    text.says("#   present = [\"/usr/bin/.lithify-staged\",\"/usr/sbin/.lithify-staged\"]");
    // Nothing in the copy leads nowhere when it is mounted over the image.
    let app = tempfile::tempdir().unwrap();
    run(Command::new("cp").arg("-a").arg(rootfs("nginx").join("usr")).arg(app.path())).exits(0);
    for link in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), app.path().join(link)).unwrap();
    }
    run(Command::new("cp").arg("-a").arg(rootfs("nginx").join("etc")).arg(app.path())).exits(0);
    let before = dangling_links(app.path());
    for directory in ["usr/bin", "usr/sbin"] {
        fs::remove_dir_all(app.path().join(directory)).unwrap();
        run(Command::new("cp").arg("-a").arg(volume.path().join("root").join(directory)).arg(app.path().join("usr")))
            .exits(0);
    }
    let dangling: Vec<_> = dangling_links(app.path()).into_iter().filter(|link| !before.contains(link)).collect();
    assert!(dangling.iter().all(|link| link.starts_with("etc")), "{dangling:?}");
}

#[test]
fn links_that_cross_the_mounts_are_named() {
    let (tree, volume) = (Tree::new(), tempfile::tempdir().unwrap());
    tree.file("/usr/bin/app")
        .file("/opt/tool")
        .link("/usr/bin/tool", "/opt/tool")
        .link("/usr/bin/up", "../../opt/tool");
    tree.link("/usr/bin/in", "app")
        .link("/etc/alternatives/app", "/usr/bin/app")
        .link("/usr/bin/around", "/etc/alternatives/app");
    let ran = stage(tree.path(), volume.path(), ["--format", "json", "-p", "shells", "/usr/bin"]).exits(0).json();
    let mut links: Vec<&str> =
        ran["links_outside"].as_array().unwrap().iter().map(|link| link.as_str().unwrap()).collect();
    links.sort_unstable();
    assert_eq!(links, ["/usr/bin/around", "/usr/bin/tool", "/usr/bin/up"]);
    assert_eq!(fs::read_link(volume.path().join("root/usr/bin/up")).unwrap(), Path::new("../../opt/tool"));
}

#[test]
fn a_repeat_replaces_the_whole_tree() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    let run = || stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin", "/usr/sbin"]).exits(0);
    run();
    // Somebody put a shell into the copy; the image has changed.
    let copy = volume.path().join("root");
    fs::write(copy.join("usr/bin/sh"), "of an intruder").unwrap();
    fs::set_permissions(copy.join("usr/bin/d"), fs::Permissions::from_mode(0o000)).unwrap();
    tree.file("/usr/bin/new");
    fs::remove_file(tree.at("/usr/bin/app2")).unwrap();
    run();
    assert_eq!(names(volume.path()), ["root"]);
    let there = names(&copy.join("usr/bin"));
    assert!(
        there.contains(&"new".to_owned()) && !there.contains(&"sh".to_owned()) && !there.contains(&"app2".to_owned()),
        "{there:?}"
    );
    // What was planted in its place is replaced, and nothing that it leads to is touched.
    let precious = Tree::new();
    precious.file("/usr/bin/file");
    let before = precious.manifest();
    fs::rename(&copy, volume.path().join("aside")).unwrap();
    symlink(precious.path(), &copy).unwrap();
    run();
    assert!(copy.symlink_metadata().unwrap().is_dir());
    assert_eq!(names(volume.path()), ["aside", "root"]);
    assert_eq!(precious.manifest(), before);
}

#[test]
fn what_a_killed_run_left_is_removed() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    let outside = Tree::new();
    outside.file("/file");
    let left = volume.path().join(".tmp.lithify-1-2");
    fs::create_dir_all(left.join("usr/bin/closed")).unwrap();
    fs::write(left.join("usr/bin/closed/half"), "x").unwrap();
    symlink(outside.path(), left.join("usr/out")).unwrap();
    fs::set_permissions(left.join("usr/bin/closed"), fs::Permissions::from_mode(0o000)).unwrap();
    symlink(outside.path(), volume.path().join(".tmp.lithify-3-4")).unwrap();
    fs::write(volume.path().join(".tmp-of-the-app"), "stays").unwrap();
    stage(tree.path(), volume.path(), ["-p", "shells", "/usr/bin"]).exits(0);
    assert_eq!(names(volume.path()), [".tmp-of-the-app", "root"]);
    assert!(outside.has("/file"));
}

#[test]
fn several_at_once_end_well() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut child = command();
            child.arg("stage").arg("--root").arg(tree.path()).args(["-p", "shells", "/usr/bin", "/usr/sbin", "--to"]);
            child
                .arg(volume.path())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(names(volume.path()), ["root"]);
    let whole = tempfile::tempdir().unwrap();
    stage(tree.path(), whole.path(), ["-p", "shells", "/usr/bin", "/usr/sbin"]).exits(0);
    let without_markers = |root: PathBuf| {
        let mut details = details(&root);
        details.retain(|path, _| !path.ends_with(".lithify-staged") && path != Path::new("usr"));
        details
    };
    assert_eq!(without_markers(volume.path().join("root")), without_markers(whole.path().join("root")));
}

#[test]
fn as_a_user_who_is_not_root() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(tree.at("/usr/bin/elevate"), fs::Permissions::from_mode(0o6755)).unwrap();
    fs::set_permissions(tree.at("/usr/bin/d"), fs::Permissions::from_mode(0o555)).unwrap();
    tree.file("/root/secret").file("/usr/sbin/of-others/program");
    for (path, mode) in [("/usr/sbin/of-others", 0o055), ("/usr/sbin/of-others/program", 0o655)] {
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(tree.at("/root"), fs::Permissions::from_mode(0o700)).unwrap();
    chown(volume.path(), Some(65532), Some(65532)).unwrap();
    let program = tempfile::tempdir().unwrap();
    fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(lithify(), program.path().join("lithify")).unwrap();
    let stage = || {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "65532",
            "--regid",
            "65532",
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set=-all",
        ]);
        command.arg(program.path().join("lithify")).env_clear().arg("stage").arg("--root").arg(tree.path());
        run(command.args(["-p", "shells", "/usr/bin", "/usr/sbin", "--to"]).arg(volume.path()))
    };
    let said = || stage().exits(0).says("belong to uid 65532 in the copy").says("lost setuid and setgid");
    let notes = said().says("security.capability of 1 files was not copied").says("1 device files were left out");
    notes.does_not_say("stay as they are");
    said().says("1 device files were left out").says("stay as they are");
    let copy = volume.path().join("root/usr/bin");
    let elevate = copy.join("elevate").metadata().unwrap();
    assert_eq!((elevate.uid(), elevate.mode() & 0o7777), (65532, 0o755));
    // Who was among the others and is the owner now may do no less.
    let mode = |path: &str| volume.path().join("root/usr/sbin").join(path).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("of-others"), mode("of-others/program")), (0o555, 0o755));
    assert_eq!(fs::read(copy.join("d/deep")).unwrap(), fs::read(tree.at("/usr/bin/d/deep")).unwrap());
    assert!(copy.join("fifo").symlink_metadata().is_ok());
    assert_eq!(names(volume.path()), ["root"]);
    // What it may not read cannot be copied: named, and what was there stays.
    let before = manifest(volume.path());
    fs::set_permissions(tree.at("/usr/bin/app"), fs::Permissions::from_mode(0o711)).unwrap();
    stage().exits(1).says("/usr/bin/app: Permission denied").says("fix: ");
    assert_eq!(manifest(volume.path()), before);
}

#[test]
fn the_environment_stands_in_for_to_and_quiet_is_quiet() {
    let (tree, volume) = (everything(), tempfile::tempdir().unwrap());
    let with = |arguments: &[&str]| {
        let mut command = command();
        command.env("LITHIFY_TO", volume.path()).env("LITHIFY_ROOT", tree.path()).env("LITHIFY_PROFILE", "shells");
        run(command.arg("stage").args(arguments))
    };
    let log = tree.at("/log");
    assert_eq!(with(&["-q", "--log", log.to_str().unwrap(), "/usr/bin"]).exits(0).all(), "");
    assert!(volume.path().join("root/usr/bin/app").exists());
    with(&["--log", log.to_str().unwrap(), "/usr/bin"]).exits(0);
    assert!(fs::read_to_string(log).unwrap().contains("# lithify stage "));
}
