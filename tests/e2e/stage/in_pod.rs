//! A pod as the kubelet makes it: a restricted init container stages the directories of the app's own image, and the
//! app's container, of the same image, mounts them read-only over the originals.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::container::{Container, Spec};
use crate::harness::{Ran, rootfs};

const DIRECTORIES: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];
const PROFILES: [&str; 8] = ["-p", "shells", "-p", "coreutils", "-p", "interpreters", "-p", "network-tools"];

/// As the Pod Security Standard "restricted" with a read-only root.
fn restricted(image: &Path, arguments: &[&str]) -> Spec {
    Spec::new(image, arguments).restricted()
}

/// As the kubelet makes an emptyDir for a pod with `fsGroup: 65532`.
fn empty_dir() -> tempfile::TempDir {
    let volume = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(volume.path(), None, Some(65532)).unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o2777)).unwrap();
    volume
}

/// Runs the init container to its end and gives the mounts that it prints: mount path and subPath.
fn staged(image: &Path, volume: &Path) -> Vec<(String, String)> {
    let arguments = [&["/lithify/lithify", "stage"], &PROFILES[..], &DIRECTORIES[..], &["--to", "/staged"]].concat();
    let init = restricted(image, &arguments).volume(volume, "/staged", &["rw"]).start();
    init.wait_until_it_ends();
    let log = init.log();
    assert_eq!(init.termination_message(), "", "{log}");
    assert!(log.contains("volumeMounts:"), "{log}");
    assert!(log.contains("belong to uid 65532"), "{log}");
    let field = |line: &str, name: &str| {
        let rest = line.split(&format!("{name}: ")).nth(1).unwrap();
        rest.split([',', ' ']).next().unwrap().to_owned()
    };
    let lines = log.lines().filter(|line| line.starts_with("  - { name: staged, "));
    lines
        .map(|line| {
            assert!(line.ends_with("readOnly: true }"), "{line}");
            (field(line, "mountPath"), field(line, "subPath"))
        })
        .collect()
}

fn with_mounts(mut spec: Spec, volume: &Path, mounts: &[(String, String)], options: &[&str]) -> Spec {
    for (path, sub_path) in mounts {
        spec = spec.volume(&volume.join(sub_path), path, options);
    }
    spec
}

/// The app, with another emptyDir for what it writes.
fn nginx(image: &Path, scratch: &Path) -> Spec {
    let mut spec = restricted(image, &["/usr/sbin/nginx", "-e", "stderr", "-g", "daemon off;"]);
    for path in ["/run", "/var/cache/nginx", "/var/log/nginx", "/var/lib/nginx"] {
        let directory = scratch.join(path.replace('/', "-"));
        if !directory.exists() {
            fs::create_dir(&directory).unwrap();
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        }
        spec = spec.volume(&directory, path, &["rw"]);
    }
    spec
}

/// Every shell under every path, and by the loader, which executes what it can read.
fn attacks(container: &Container) -> Vec<(String, Ran)> {
    let mut tried = Vec::new();
    for directory in ["/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin"] {
        for shell in ["sh", "bash", "dash", "rbash", "zsh", "ksh", "busybox", "perl", "env", "awk", "mawk"] {
            let path = format!("{directory}/{shell}");
            let arguments: [&str; 2] = match shell {
                "perl" => ["-e", "print qq(pwned\\n)"],
                "awk" | "mawk" => ["BEGIN { print \"pwned\" }", "x"],
                "env" => ["echo", "pwned"],
                _ => ["-c", "echo pwned"],
            };
            tried.push((path.clone(), container.exec([path.as_str(), arguments[0], arguments[1]])));
            for loader in ["/lib64/ld-linux-x86-64.so.2", "/usr/bin/ld.so"] {
                let ran = container.exec([loader, path.as_str(), arguments[0], arguments[1]]);
                tried.push((format!("{loader} {path}"), ran));
            }
        }
    }
    tried
}

#[test]
fn nginx_serves_and_no_shell_can_be_executed() {
    let image = rootfs("nginx");
    let (volume, scratch) = (empty_dir(), empty_dir());
    // What the attacks show must not be so from the start.
    let plain = nginx(&image, scratch.path()).start();
    plain.http();
    let worked = attacks(&plain).iter().filter(|(_, ran)| ran.stdout.contains("pwned")).count();
    assert!(worked > 30, "only {worked} attacks work even before");
    drop(plain);

    let mounts = staged(&image, volume.path());
    assert_eq!(mounts.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["/usr/bin", "/usr/sbin"]);
    let app = with_mounts(nginx(&image, scratch.path()), volume.path(), &mounts, &["ro"]).start();
    assert_eq!(app.http(), "nginx answers\n");
    for (attack, ran) in attacks(&app) {
        assert!(ran.code != 0 && !ran.stdout.contains("pwned"), "{attack} works: {ran:?}");
    }
    // The app's own user, to whom the copy belongs, cannot change it.
    app.lithify(&["install", "/usr/bin"]).exits(1).says("Read-only file system");
    // The copy has what the profile leaves, and verify knows that it is mounted.
    let profile = volume.path().join("app.toml");
    fs::write(&profile, "schema = 1\n[remove]\nnames = [\"sh\", \"bash\", \"dash\", \"touch\"]\n[verify.files]\npresent = [\"/usr/bin/.lithify-staged\", \"/usr/sbin/.lithify-staged\"]\n[verify.mounts]\nread_only = [\"/\"]\nwritable = [\"/run\", \"/var/cache/nginx\", \"/var/log/nginx\", \"/var/lib/nginx\"]\n").unwrap();
    let verified = with_mounts(nginx(&image, scratch.path()), volume.path(), &mounts, &["ro"])
        .volume(&profile, "/app.toml", &["ro"])
        .start();
    verified
        .lithify(&["verify", "-v", "-p", "/app.toml"])
        .exits(0)
        .says("pass files.present /usr/bin/.lithify-staged")
        .says("pass mounts.staged /usr/bin: the staged copy is mounted, read-only")
        .says("pass mounts.staged /usr/sbin");
}

#[test]
fn an_init_container_that_runs_again_takes_nothing_from_the_app() {
    let image = rootfs("nginx");
    let (volume, scratch) = (empty_dir(), empty_dir());
    let mounts = staged(&image, volume.path());
    let app = with_mounts(nginx(&image, scratch.path()), volume.path(), &mounts, &["ro"]).start();
    assert_eq!(app.http(), "nginx answers\n");
    assert_eq!(staged(&image, volume.path()), mounts);
    app.exec(["/usr/sbin/nginx", "-v"]).exits(0).says("nginx version");
}

#[test]
fn a_missing_subpath_and_a_writable_mount_are_found() {
    let image = rootfs("nginx");
    let (volume, scratch) = (empty_dir(), empty_dir());
    let mounts = staged(&image, volume.path());
    let profile = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    fs::set_permissions(profile.path(), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(profile.path(), "schema = 1\n[verify.files]\npresent = [\"/usr/sbin/.lithify-staged\"]\n").unwrap();
    let sleeper = |mounts: &[(String, String)], options: &[&str]| {
        with_mounts(nginx(&image, scratch.path()), volume.path(), mounts, options).volume(
            profile.path(),
            "/p.toml",
            &["ro"],
        )
    };
    let verify = |container: &Container| container.lithify(&["verify", "-p", "/p.toml"]);
    verify(&sleeper(&mounts, &["ro"]).start()).exits(0);
    let only_bin: Vec<_> = mounts.iter().filter(|(path, _)| path == "/usr/bin").cloned().collect();
    // The kubelet makes what is missing: empty, and writable for all. Here a name that nothing else needs.
    let empty = empty_dir();
    let missing = sleeper(&only_bin, &["ro"]).volume(empty.path(), "/sbin-of-nobody", &["ro"]).start();
    verify(&missing).exits(1).says("FAIL files.present /usr/sbin/.lithify-staged: is not there");
    // Writable itself; and writable under another path, as a whole and in part.
    verify(&sleeper(&mounts, &["rw"]).start())
        .exits(1)
        .says("FAIL mounts.staged /usr/bin: the staged directory is mounted writable")
        .says("readOnly: true");
    for sub_path in ["", "root/usr", "root/usr/bin"] {
        let container = sleeper(&mounts, &["ro"]).volume(&volume.path().join(sub_path), "/mnt", &["rw"]).start();
        verify(&container)
            .exits(1)
            .says("FAIL mounts.staged /usr/bin: the staged directory is also mounted writable, at /mnt")
            .says("nowhere else");
    }
    let read_only = sleeper(&mounts, &["ro"]).volume(volume.path(), "/mnt", &["ro"]).start();
    verify(&read_only).exits(0);
}

#[test]
fn an_unmerged_image() {
    let image = rootfs("alpine");
    let volume = empty_dir();
    let mounts = staged(&image, volume.path());
    assert_eq!(
        mounts.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["/bin", "/sbin", "/usr/bin", "/usr/sbin"]
    );
    let copy = volume.path().join("root");
    for gone in ["bin/sh", "bin/busybox", "usr/bin/awk", "bin/ash"] {
        assert!(copy.join(gone).symlink_metadata().is_err(), "{gone}");
    }
}

#[test]
fn without_the_newer_system_calls() {
    let image = rootfs("nginx");
    let refused = ["openat2", "copy_file_range", "ioctl", "renameat2", "flock", "statx"];
    for errno in [nix::libc::ENOSYS, nix::libc::EPERM] {
        let volume = empty_dir();
        // The second time an old tree is there.
        for _ in 0..2 {
            let arguments = ["/lithify/lithify", "stage", "-p", "shells", "/usr/bin", "--to", "/staged"];
            let spec = restricted(&image, &arguments).volume(volume.path(), "/staged", &["rw"]);
            let init = refused.iter().fold(spec, |spec, call| spec.refuse(call, errno)).start();
            init.wait_until_it_ends();
            assert!(init.log().contains("volumeMounts:"), "{errno}: {}", init.log());
            let copy = volume.path().join("root/usr/bin");
            assert_eq!(fs::read(copy.join("perl")).unwrap(), fs::read(image.join("usr/bin/perl")).unwrap());
            assert!(copy.join("dash").symlink_metadata().is_err());
            assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 1);
        }
    }
}

/// In each container of a pod, the runtime mounts files into `/etc`. The copy has a place for those of the app's.
#[test]
fn etc_with_what_a_runtime_mounts_there() {
    const MOUNTED: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
    let (volume, files) = (empty_dir(), tempfile::tempdir().unwrap());
    let with_files = |mut spec: Spec, whose: &str| {
        for path in MOUNTED {
            let file = files.path().join(format!("{}-{whose}", path.replace('/', "-")));
            fs::write(&file, format!("of the {whose}\n")).unwrap();
            spec = spec.volume(&file, path, &["rw"]);
        }
        spec
    };
    let init = Spec::new(&rootfs("nginx"), &["/bin/sleep", "1000"]).read_only();
    let init = with_files(init.volume(volume.path(), "/staged", &["rw"]), "init container").start();
    let stage = || init.lithify(&["stage", "-p", "distroless", "--app", "/usr/sbin/nginx", "/etc", "--to", "/staged"]);
    let ran = stage();
    let note = ran.stdout.lines().find(|line| line.ends_with("the runtime mounts its own there")).unwrap();
    assert!(MOUNTED.iter().all(|path| note.contains(path)), "{note}");
    ran.exits(0);
    let copy = volume.path().join("root/etc");
    for path in MOUNTED {
        assert_eq!(fs::read(volume.path().join("root").join(&path[1..])).unwrap(), b"", "nothing of this container");
    }
    assert!(copy.join("nginx/nginx.conf").exists() && !copy.join("cron.daily").exists());
    stage().exits(0).says("already, and stay as they are");
    let spec = Spec::new(&rootfs("nginx"), &[&["/bin/cat"], &MOUNTED[..], &["/etc/passwd"]].concat()).read_only();
    let app = with_files(spec.volume(&copy, "/etc", &["ro"]), "app").run().0.exits(0);
    assert_eq!(app.stdout.matches("of the app\n").count(), 3, "{}", app.stdout);
    assert!(app.stdout.contains("root:"));
    // What somebody wrote there is not taken for the copy.
    fs::write(copy.join("hosts"), "127.0.0.1 elsewhere\n").unwrap();
    stage().exits(0).does_not_say("already");
    assert_eq!(fs::read(copy.join("hosts")).unwrap(), b"");
}
