//! What goes wrong around the attempts: it is said, it ends, and nothing remains.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::container::{Container, Spec};
use crate::harness::init_app::eventually;
use crate::harness::rootfs;
use crate::harness::tree::manifest;

fn sleeper() -> Spec {
    Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"])
}

/// A program that lies in the container under this path.
fn add(container: &Container, path: &str, content: &[u8]) {
    let path = container.root().join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_full_disk() {
    let container = sleeper().tmpfs("/full", &["size=4k"]).start();
    container.exec(["/usr/bin/dd", "if=/dev/zero", "of=/full/x"]);
    container
        .lithify(&["verify", "--prove", "-v"])
        .exits(1)
        .says("UNVERIFIED prove.execute /full: to write a program there and start it was not tried: No space left on device (ENOSPC)");
}

#[test]
fn a_limit_on_processes() {
    // The limit counts the processes of this user on the whole machine, and other tests have some of 65532.
    let container = sleeper().user(64_532, 64_532).start();
    let limited = |most: u32| {
        let limit = format!("--nproc={most}:{most}");
        container.exec(["/usr/bin/prlimit", &limit, "/lithify/lithify", "verify", "--prove", "--format", "json"])
    };
    // Each child ends before the next, so ten are plenty.
    let outcomes = |most| {
        let json = limited(most).exits(1).json();
        let attempts = json["attempts"].as_array().unwrap().clone();
        attempts
            .iter()
            .filter(|attempt| attempt["outcome"] == "not tried" && attempt["errno"] != "EACCES")
            .map(|attempt| attempt["errno"].clone())
            .collect::<Vec<_>>()
    };
    assert!(outcomes(10).is_empty());
    let refused = outcomes(1);
    assert!(refused.len() > 20 && refused.iter().all(|errno| errno == "EAGAIN"), "{refused:?}");
}

#[test]
fn nobody_without_a_place_to_write() {
    // /dev/shm and /dev are read-only, too; the termination log is a file.
    let container = sleeper().restricted().tmpfs("/dev/shm", &["ro"]).start();
    let ran = container.lithify(&["verify", "--prove", "-v", "-p", "restricted"]).exits(0);
    ran.says("refused prove.execute /dev/shm: ").does_not_say("UNVERIFIED");
}

#[test]
fn a_program_that_hangs_when_started_is_not_run() {
    for spec in [sleeper(), sleeper().refuse("ptrace", 1)] {
        let container = spec.start();
        add(&container, "/usr/bin/ksh", b"#!/bin/sh\ntouch /ran\nwhile :; do :; done\n");
        let start = Instant::now();
        container.lithify(&["verify", "--prove"]).exits(1);
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        assert!(!container.root().join("ran").exists());
    }
}

#[test]
fn what_could_run_is_not_started() {
    let refused = nix::libc::EPERM;
    let container = sleeper().refuse("ptrace", refused).refuse("prlimit64", refused).start();
    let ran = container.lithify(&["verify", "--prove", "-p", "shells"]).exits(1);
    ran.says(
        "UNVERIFIED prove.start /usr/bin/dash: to start it was not tried: nothing would keep the program from running",
    )
    .does_not_say("prove.start /usr/bin/dash: to start it SUCCEEDED");
}

#[test]
fn nothing_runs_where_the_brakes_do_nothing() {
    // As emulators do, which say that they have done it.
    let container = sleeper().refuse("ptrace", 0).refuse("prlimit64", 0).refuse("setrlimit", 0).start();
    let before = manifest(container.root());
    let mut ran = container.lithify(&["verify", "--prove", "-v"]).exits(1);
    for attempt in ["start /usr/bin/dash: to start it", "gain /usr/bin/su: to gain privileges by it"] {
        ran =
            ran.says(&format!("UNVERIFIED prove.{attempt} was not tried: nothing would keep the program from running"));
    }
    assert!(!ran.all().contains("refused prove.start") && !ran.all().contains("refused prove.gain"), "{}", ran.all());
    assert_eq!(manifest(container.root()), before);
}

#[test]
fn nothing_runs_in_an_emulator() {
    let container = sleeper().start();
    fs::copy("/usr/bin/qemu-x86_64-static", container.root().join("opt/qemu")).unwrap();
    let ran = container.exec(["/opt/qemu", "/lithify/lithify", "verify", "--prove", "-v"]);
    let ran =
        ran.says("UNVERIFIED prove.start /usr/bin/dash: to start it was not tried: nothing would keep the program");
    assert!(!ran.all().contains("refused prove.start") && !ran.all().contains("refused prove.gain"), "{}", ran.all());
}

#[test]
fn no_file_ever_has_a_name() {
    let volume = tempfile::tempdir().unwrap();
    // As on overlayfs before Linux 6.1; watching the directory tells of every name.
    let spec = sleeper().volume(volume.path(), "/data", &["rw"]).no_unnamed_files();
    let container = spec.start();
    let watch = nix::sys::inotify::Inotify::init(nix::sys::inotify::InitFlags::IN_NONBLOCK).unwrap();
    watch.add_watch(volume.path(), nix::sys::inotify::AddWatchFlags::IN_CREATE).unwrap();
    let ran = container.lithify(&["verify", "--prove", "-v"]).exits(1);
    ran.says("UNVERIFIED prove.execute /data: to write a program there and start it was not tried: no file without a name can be made there");
    assert_eq!(watch.read_events().map(drop), Err(nix::errno::Errno::EAGAIN));
}

#[test]
fn five_hundred_shells() {
    let container = sleeper().start();
    let shell = fs::read(container.root().join("usr/bin/dash")).unwrap();
    for number in 0..500 {
        add(&container, &format!("/opt/{number}/innocent"), &shell);
    }
    let ran = container.lithify(&["verify", "--prove", "-p", "shells"]).exits(1);
    let lines = ran.stdout.lines().filter(|line| line.starts_with("FAIL prove."));
    assert!(lines.count() < 50, "{}", ran.stdout);
    ran.says(" more of prove.start; -v or --format json names all");
    // So are those that are only found; -v and JSON name all.
    let found = |arguments: &[&str]| {
        let ran = container.lithify(&[&["verify", "-p", "shells"], arguments].concat()).exits(1);
        ran.stdout.lines().filter(|line| line.starts_with("FAIL remove ")).count()
    };
    assert_eq!(found(&[]), 20);
    assert!(found(&["-v"]) > 500);
    container.lithify(&["verify", "-p", "shells"]).says(" more of remove; -v or --format json names all");
    let json = container.lithify(&["verify", "--prove", "-p", "shells", "--format", "json"]).exits(1).json();
    let removed = json["findings"].as_array().unwrap().iter().filter(|finding| finding["id"] == "remove");
    assert!(removed.count() > 500);
    let tried = json["attempts"].as_array().unwrap().iter().filter(|attempt| attempt["id"] == "prove.start");
    let (mut all, mut late) = (0, 0);
    for attempt in tried.filter(|attempt| attempt["subject"].as_str().unwrap().ends_with("/innocent")) {
        all += 1;
        late += usize::from(attempt["outcome"] == "not tried");
        assert!(attempt["outcome"] != "refused", "{attempt}");
    }
    // On a slow machine the time is over before, and then that is said of each.
    assert!(all == 1500 || late > 0 || json["findings"].to_string().contains("the time was over"), "{all}, {late}");
}

#[test]
fn nothing_remains_of_one_that_is_killed() {
    let container = sleeper().start();
    let before = manifest(container.root());
    let namespace = fs::read_link(format!("/proc/{}/ns/pid", container.pid())).unwrap();
    // Process 1, which is no init, does not reap what is given to it: a zombie is gone.
    let lives = |path: &Path| {
        fs::read_link(path.join("ns/pid")).is_ok_and(|other| other == namespace)
            && fs::read_to_string(path.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    let all = || fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| fs::read_to_string(path.join("comm")).unwrap_or_default();
    for time in [5, 20, 50, 100, 200, 400] {
        container.exec_in_background(&["/lithify/lithify", "verify", "--prove"]);
        std::thread::sleep(Duration::from_millis(time));
        // Its child of the moment has the same name, and it as the parent.
        for path in all().filter(|path| lives(path) && name(path) == "lithify\n") {
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap_or("0");
            if name(&Path::new("/proc").join(parent)) != "lithify\n" {
                let pid = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        eventually("only process 1 is left", || (all().filter(|path| lives(path)).count() == 1).then_some(()));
    }
    assert_eq!(manifest(container.root()), before);
}
