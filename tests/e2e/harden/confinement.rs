//! Attacks on the confinement: nothing outside the root is read through or changed, no mount is crossed, and nothing
//! that is swapped while it runs gets out.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::harness::container::Spec;
use crate::harness::tree::Tree;
use crate::harness::{Ran, harden, rootfs, run};

/// A mount namespace for this thread: what is mounted in it goes with the test.
fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

/// `outside/` holds what must stay; `root/` is hardened.
fn attack_tree() -> Tree {
    let tree = Tree::new();
    tree.file("/outside/bin/sh").file("/outside/sh").file("/outside/dir/bash").directory("/root/bin");
    tree
}

#[test]
fn links_that_lead_out() {
    let tree = attack_tree();
    let outside = tree.at("/outside");
    let root = tree.at("/root");
    for (name, target) in [
        ("bin/sh", outside.join("sh").to_str().unwrap().to_owned()),
        ("bin/bash", "../../../../../../../../../outside/dir/bash".to_owned()),
        ("bin/dash", "/../outside/sh".to_owned()),
        ("bin/zsh", "/proc/self/exe".to_owned()),
        ("bin/ksh", format!("/proc/{}/root{}", std::process::id(), outside.join("sh").display())),
        ("sbin", outside.join("bin").to_str().unwrap().to_owned()),
        ("usr", "../outside".to_owned()),
        ("loop", "loop".to_owned()),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    let before = crate::harness::tree::manifest(&outside);
    harden(&root, ["-p", "shells", "--remove", "/usr/sh", "--remove", "/usr/**/bash", "--remove", "/loop/x"]).exits(0);
    assert_eq!(crate::harness::tree::manifest(&outside), before);
    tree.assert_gone(&["/root/bin/sh", "/root/bin/bash", "/root/bin/dash", "/root/bin/zsh", "/root/bin/ksh"]);
    tree.assert_there(&["/root/sbin", "/root/usr", "/root/loop"]);
}

#[test]
fn magic_links_are_not_followed() {
    let plain = || Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "100"]);
    // With each of the two resolvers, in a root with its own proc.
    for (resolver, spec) in [("openat2", plain()), ("walk", plain().refuse("openat2", Errno::ENOSYS as i32))] {
        let container = spec.start();
        let at = |name: &str| container.root().join("usr/bin").join(name);
        for (name, target) in
            [("zsh", "/proc/1/root/usr/bin/sleep"), ("ksh", "/proc/self/exe"), ("mksh", "/proc/1/cwd/usr/bin/tail")]
        {
            symlink(target, at(name)).unwrap();
        }
        container.lithify(&["harden", "--remove", "zsh", "--remove", "ksh", "--remove", "mksh"]).exits(0);
        for name in ["sleep", "tail"] {
            assert!(at(name).exists(), "{resolver}: {name}");
        }
        for name in ["zsh", "ksh", "mksh"] {
            assert!(at(name).symlink_metadata().is_err(), "{resolver}: {name}");
        }
        container.lithify(&["--version"]).exits(0);
    }
}

#[test]
fn other_mounts_are_skipped_and_said() {
    own_mounts();
    let tree = Tree::new();
    tree.file("/root/bin/sh")
        .directory("/root/usr/local/bin")
        .file("/root/usr/bin/dash")
        .file("/volume/sh")
        .directory("/root/data");
    let bind = |from: &str, to: &str| {
        mount(Some(&tree.at(from)), &tree.at(to), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    };
    mount(Some("tmpfs"), &tree.at("/root/usr/local/bin"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    tree.file("/root/usr/local/bin/bash");
    symlink("/bin/sh", tree.at("/root/usr/local/bin/dangles")).unwrap();
    bind("/volume", "/root/data");
    // A name of a profile that is itself a mount point: Linux would unlink it in another mount namespace.
    bind("/volume/sh", "/root/usr/bin/dash");
    let ran = harden(&tree.at("/root"), ["-p", "shells", "--remove", "/data/sh"]).exits(1);
    let ran = ran.says("/usr/local/bin/bash: was not removed").says("it is on another mount");
    let ran = ran.says("/usr/bin/dash: was not removed").says("it is a mount point, which is never unlinked");
    ran.says("/data/sh: was not removed").says("/usr/local/bin/dangles is a link on another mount and will dangle");
    tree.assert_gone(&["/root/bin/sh"]);
    tree.assert_there(&[
        "/root/usr/local/bin/bash",
        "/root/usr/bin/dash",
        "/root/data/sh",
        "/volume/sh",
        "/root/usr/local/bin/dangles",
    ]);
}

#[test]
fn a_mount_that_the_profile_means_is_entered() {
    own_mounts();
    let tree = Tree::new();
    tree.directory("/root/usr/local/bin").directory("/root/bin");
    mount(Some("tmpfs"), &tree.at("/root/usr/local/bin"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    tree.file("/root/usr/local/bin/bash");
    tree.file_with("/p.toml", "schema = 1\n[remove]\nnames = [\"bash\"]\nmounts = [\"/usr/local/bin\"]\n");
    harden(&tree.at("/root"), ["-p", tree.at("/p.toml").to_str().unwrap()]).exits(0);
    tree.assert_gone(&["/root/usr/local/bin/bash"]);
}

#[test]
fn a_directory_with_a_mount_in_it_stays() {
    own_mounts();
    let tree = Tree::new();
    tree.file("/root/opt/tool/a").directory("/root/opt/tool/volume");
    mount(Some("tmpfs"), &tree.at("/root/opt/tool/volume"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    tree.file("/root/opt/tool/volume/precious");
    harden(&tree.at("/root"), ["--remove", "/opt/tool"]).exits(1).says("/opt/tool/volume: was not removed");
    tree.assert_gone(&["/root/opt/tool/a"]);
    tree.assert_there(&["/root/opt/tool/volume/precious"]);
}

fn tmpfs(at: &Path) {
    fs::create_dir_all(at).unwrap();
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
}

/// Names before and after that of a mount, in whatever order a directory lists them.
const ORDERS: [&str; 8] = ["a", "b", "c", "d", "e", "k", "q", "z"];

#[test]
fn what_is_kept_over_a_link_to_another_mount_stays() {
    own_mounts();
    for name in ORDERS {
        let tree = Tree::new();
        tree.file("/root/bin/tool").file("/root/bin/other");
        tmpfs(&tree.at("/root/mnt"));
        tree.link("/root/mnt/dir/x", "/bin/tool").link(&format!("/root/{name}/link"), "/mnt/dir");
        tree.file_with("/p.toml", "schema = 1\n[remove]\npaths = [\"/bin/*\"]\n[keep]\npaths = [\"/**/link/x\"]\n");
        harden(&tree.at("/root"), ["-p", tree.at("/p.toml").to_str().unwrap()]).exits(0);
        tree.assert_there(&["/root/bin/tool"]);
        tree.assert_gone(&["/root/bin/other"]);
    }
}

#[test]
fn what_keep_cannot_look_at_over_a_link_to_another_mount_refuses() {
    own_mounts();
    for name in ORDERS {
        let tree = Tree::new();
        tree.file("/root/bin/tool");
        tmpfs(&tree.at("/root/mnt"));
        tree.link("/root/mnt/dir/private/x", "/bin/tool").link(&format!("/root/{name}/link"), "/mnt/dir");
        let text = "schema = 1\n[remove]\npaths = [\"/bin/*\"]\n[keep]\npaths = [\"/**/link/private/*\"]\n";
        tree.file_with("/p.toml", text);
        fs::copy(crate::harness::lithify(), tree.at("/lithify")).unwrap();
        let modes = [
            ("/root/mnt/dir/private", 0o711),
            ("/root/bin", 0o777),
            ("/root", 0o755),
            ("/", 0o755),
            ("/p.toml", 0o644),
        ];
        for (path, mode) in modes {
            fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut other = Command::new("setpriv");
        other.args(["--reuid=1234", "--regid=1234", "--clear-groups"]).arg(tree.at("/lithify"));
        other.args(["harden", "--allow-host", "--root"]).arg(tree.at("/root")).arg("-p").arg(tree.at("/p.toml"));
        run(&mut other).exits(3).says("/mnt/dir/private");
        tree.assert_there(&["/root/bin/tool"]);
    }
}

#[test]
fn an_allow_list_reaches_no_mount_below_one_that_it_does_not_reach() {
    own_mounts();
    let tree = Tree::new();
    tree.program("/root/bin/app").program("/root/bin/other");
    tmpfs(&tree.at("/root/m"));
    tmpfs(&tree.at("/root/m/n"));
    tree.program("/root/m/n/tool").program("/root/m/tool");
    let text = "schema = 1\n[remove]\nmounts = [\"/m/n\"]\n[keep]\nonly = [\"/bin/app\"]\n";
    tree.file_with("/p.toml", text);
    harden(&tree.at("/root"), ["--app", "none", "-p", tree.at("/p.toml").to_str().unwrap()]).exits(0);
    tree.assert_gone(&["/root/bin/other"]);
    tree.assert_there(&["/root/bin/app", "/root/m/n/tool", "/root/m/tool"]);
}

/// What is swapped goes on until this goes, also when an assertion fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `harden` on this root with each of the two resolvers: by openat2(2), and component by component where there is none.
fn with_each_resolver(root: &Path, arguments: &[&str], mut once: impl FnMut(Ran)) {
    let mut without = Command::new("strace");
    without.args(["-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", "trace=openat2"]);
    without.args(["-e", "inject=openat2:error=ENOSYS"]).arg(crate::harness::lithify()).env_clear();
    without.args(["harden", "--root"]).arg(root).args(arguments);
    once(harden(root, arguments));
    once(run(&mut without));
}

/// Swaps there and back until it is told to stop. Now and then it leaves the directory of the root in place, so that a run
/// also meets it: mostly not at all, at times as long as a run takes.
fn swap(stop: &AtomicBool, there_and_back: impl Fn()) {
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        there_and_back();
        if turn % 64 == 0 {
            std::thread::sleep(Duration::from_millis(turn / 64 % 8));
        }
    }
}

#[test]
fn a_directory_swapped_for_a_link_while_it_runs() {
    let tree = attack_tree();
    let (root, outside) = (tree.at("/root"), tree.at("/outside"));
    for name in ["sh", "bash", "dash"] {
        fs::write(outside.join("bin").join(name), "outside").unwrap();
    }
    let before = crate::harness::tree::manifest(&outside);
    let stop = AtomicBool::new(false);
    let (bin, away, decoy) = (root.join("bin"), root.join("away"), root.join("decoy"));
    symlink(outside.join("bin"), &decoy).unwrap();
    let (mut resolver, mut removed) = (0, [0, 0]);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            // bin is now a directory of the root, now a link to the outside.
            swap(&stop, || {
                let _ = fs::rename(&bin, &away);
                let _ = fs::rename(&decoy, &bin);
                let _ = fs::rename(&bin, &decoy);
                let _ = fs::rename(&away, &bin);
            });
        });
        let prepare = || {
            for directory in [&bin, &away] {
                for name in ["sh", "bash", "dash"] {
                    let _ = fs::write(directory.join(name), "inside");
                }
            }
            // Writing through the decoy by this very test is no attack of lithify's.
            for name in ["sh", "bash", "dash"] {
                fs::write(outside.join("bin").join(name), "outside").unwrap();
            }
        };
        for _ in 0..80 {
            prepare();
            with_each_resolver(&root, &["-p", "shells"], |ran| {
                assert!([0, 1].contains(&ran.code), "{ran:?}");
                removed[resolver] += usize::from(ran.stdout.contains(" removed"));
                resolver = 1 - resolver;
                assert_eq!(crate::harness::tree::manifest(&outside), before);
                prepare();
            });
        }
    });
    assert!(removed.iter().all(|count| *count > 0), "no run met the directory of the root: {removed:?}");
    // Left alone, it finishes.
    harden(&root, ["-p", "shells"]).exits(0);
    assert_eq!(fs::read_dir(&bin).unwrap().count(), 0);
    assert_eq!(crate::harness::tree::manifest(&outside), before);
}

#[test]
fn a_directory_moved_out_of_the_root_while_it_runs() {
    let tree = Tree::new();
    // Where `..` leads from it while it is outside.
    tree.directory("/root/bin").file("/elsewhere/sh").file("/elsewhere/etc/sh").link("/root/sbin", "bin/..");
    let stays = ["/elsewhere/sh", "/elsewhere/etc/sh"];
    let stop = AtomicBool::new(false);
    let (inside, outside) = (tree.at("/root/bin"), tree.at("/elsewhere/bin"));
    let (mut resolver, mut removed) = (0, [0, 0]);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            swap(&stop, || {
                let _ = fs::rename(&inside, &outside);
                let _ = fs::rename(&outside, &inside);
            });
        });
        for _ in 0..70 {
            let prepare = || {
                for directory in [&inside, &outside] {
                    let _ = fs::write(directory.join("sh"), "x");
                }
            };
            prepare();
            with_each_resolver(&tree.at("/root"), &["-p", "shells", "--remove", "/sbin/etc/sh"], |ran| {
                assert!([0, 1].contains(&ran.code), "{ran:?}");
                removed[resolver] += usize::from(ran.stdout.contains(" removed"));
                resolver = 1 - resolver;
                tree.assert_there(&stays);
                prepare();
            });
        }
    });
    assert!(removed.iter().all(|count| *count > 0), "no run met the directory inside: {removed:?}");
    // Left alone, it finishes.
    harden(&tree.at("/root"), ["-p", "shells"]).exits(0);
    tree.assert_gone(&["/root/bin/sh"]);
    tree.assert_there(&stays);
}

#[test]
fn two_runs_at_once_end_well() {
    for _ in 0..20 {
        let tree = Tree::new();
        for index in 0..40 {
            tree.file(&format!("/bin/t{index}"));
        }
        tree.file("/bin/dash").link("/bin/sh", "dash").hard_link("/opt/x", "/bin/dash");
        let runs: Vec<_> = (0..2)
            .map(|_| {
                let mut command = crate::harness::command();
                command.arg("harden").arg("--root").arg(tree.path()).args(["-p", "shells", "--remove", "/bin/t*"]);
                std::thread::spawn(move || crate::harness::run(&mut command))
            })
            .collect();
        for run in runs {
            run.join().unwrap().exits(0);
        }
        assert_eq!(fs::read_dir(tree.at("/bin")).unwrap().count(), 0);
        tree.assert_gone(&["/opt/x"]);
    }
}

/// The same container with system calls refused, as on an older kernel or under a strict seccomp profile.
#[test]
fn without_openat2_and_without_statx_it_does_the_same() {
    let harden = ["harden", "-v", "-p", "nginx", "--remove", "/usr/lib/apt/**"];
    let start = |refused: &[(&'static str, i32)]| {
        let mut spec = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]);
        for (call, errno) in refused {
            spec = spec.refuse(call, *errno);
        }
        let container = spec.start();
        // What it makes at its start is there.
        container.http();
        // The kernel itself refuses them, whatever lithify makes of it: by their numbers, with arguments that mean nothing.
        for (call, errno) in refused {
            let numbers = [("openat2", 437), ("statx", 332), ("fchmodat2", 452), ("close_range", 436)];
            let number = numbers.iter().find(|(name, _)| name == call).unwrap().1;
            let program = format!("print syscall({number}, -1, 0, 0, 0, 0) < 0 ? $! + 0 : 0");
            assert_eq!(container.exec(["/usr/bin/perl", "-e", &program]).stdout, errno.to_string(), "{call}");
        }
        container
    };
    let modern = start(&[]);
    let expected = modern.lithify(&harden).exits(0).stdout;
    assert!(expected.contains("removed /usr/bin/dash"), "{expected}");
    let after = crate::harness::tree::manifest(modern.root());
    for refused in [
        [("openat2", libc_errno::ENOSYS)].as_slice(),
        &[("openat2", libc_errno::EPERM)],
        &[("statx", libc_errno::ENOSYS)],
        &[
            ("openat2", libc_errno::ENOSYS),
            ("statx", libc_errno::EPERM),
            ("fchmodat2", libc_errno::ENOSYS),
            ("close_range", libc_errno::ENOSYS),
        ],
    ] {
        let old = start(refused);
        let ran = old.lithify(&harden);
        assert_eq!(ran.stdout, expected, "{refused:?}");
        assert_eq!(crate::harness::tree::manifest(old.root()), after, "{refused:?}");
        old.lithify(&harden).exits(0);
    }
}

mod libc_errno {
    pub const EPERM: i32 = nix::errno::Errno::EPERM as i32;
    pub const ENOSYS: i32 = nix::errno::Errno::ENOSYS as i32;
}
