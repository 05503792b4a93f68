//! harden's mark, `/.lithify`: what lithify itself changed after the start is no drift, and nobody but root can say so.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::{BOTH, EXECUTABLES, drop_file, layer, sleeper, verify};
use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;

const STRIP: &str = "[strip]\nsetid = true\nfile_capabilities = true\nlogin_shells = true\n";

fn harden(container: &Container, profile: &str) -> crate::harness::Ran {
    let text = format!("schema = 1\nname = \"h\"\n{profile}");
    fs::write(container.root().join("var/tmp/h.toml"), text).unwrap();
    container.lithify(&["harden", "-p", "/var/tmp/h.toml"])
}

fn mark(container: &Container) -> String {
    fs::read_to_string(container.root().join(".lithify")).unwrap_or_default()
}

#[test]
fn what_harden_strips_disables_and_puts_in_place_is_no_drift() {
    for profile in [
        STRIP.to_owned(),
        format!("{STRIP}[remove]\nnames = [\"perl\", \"su\"]\nmethod = \"disable\"\n"),
        format!("{STRIP}[remove]\nnames = [\"perl\", \"su\", \"bash\"]\nmethod = \"tombstone\"\n"),
    ] {
        let container = sleeper().start();
        harden(&container, &profile).exits(0).does_not_say("note: /.lithify");
        let metadata = fs::metadata(container.root().join(".lithify")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o644);
        assert!(mark(&container).contains(" /etc/passwd\n"), "{}", mark(&container));
        verify(&container, BOTH).exits(0).says("pass drift.executables").says("pass drift.processes");
        // A second run has nothing to do, and notes nothing.
        let before = mark(&container);
        harden(&container, &profile).exits(0);
        assert_eq!(mark(&container), before);
        // harden itself verifies, after it has changed something.
        let container = sleeper().start();
        harden(&container, &format!("{profile}{BOTH}")).exits(0);
        // Whoever changes such a file later is seen.
        container.exec(["/bin/chmod", "4755", "/usr/bin/su"]).exits(0);
        container.exec(["/bin/chmod", "0755", "/usr/bin/su"]).exits(0);
        let ran = verify(&container, EXECUTABLES);
        if !profile.contains("tombstone") {
            ran.exits(1).says("FAIL drift.executables /usr/bin/su");
        }
    }
}

#[test]
fn removal_alone_marks_the_directories_and_a_dry_run_nothing() {
    let container = sleeper().start();
    harden(&container, "[remove]\nnames = [\"perl\", \"awk\"]\n").exits(0);
    let mark = mark(&container);
    let mut paths: Vec<&str> = mark.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    paths.sort_unstable();
    // That of the alternatives has lost a link alone. `/usr` was changed because `/usr/bin` was copied up; so was `/etc`,
    // in which the runtime has made files, too.
    assert_eq!(paths, ["/etc/alternatives", "/usr", "/usr/bin"], "{mark}");
    let container = sleeper().start();
    fs::write(container.root().join("var/tmp/h.toml"), format!("schema = 1\n{STRIP}")).unwrap();
    container.lithify(&["harden", "-p", "/var/tmp/h.toml", "--dry-run"]).exits(0);
    assert!(!container.root().join(".lithify").exists());
}

#[test]
fn a_directory_that_goes_with_its_content_was_changed_by_nobody_else() {
    let container = sleeper().start();
    harden(&container, "[remove]\npaths = [\"/usr/share/base-files\", \"/usr/share/perl5\", \"/usr/lib/apt\"]\n")
        .exits(0)
        .does_not_say("by others");
    assert!(!container.root().join("usr/share/perl5").exists());
    let mark = mark(&container);
    let mut paths: Vec<&str> = mark.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/usr", "/usr/lib", "/usr/share"], "{mark}");
}

#[test]
fn what_a_run_has_copied_up_is_known_to_the_next() {
    let container = sleeper().start();
    harden(&container, "[remove]\npaths = [\"/usr/share/perl5/Debconf/Element/Gnome\"]\n").exits(0);
    harden(&container, "[remove]\npaths = [\"/usr/share/perl5\", \"/usr/lib/apt\"]\n")
        .exits(0)
        .does_not_say("by others");
    container.lithify(&["diff"]).exits(0).does_not_say("/usr");
    // What others remove there, above what goes, is not excused.
    let container = sleeper().start();
    container.exec(["/bin/rm", "/usr/share/perl5/Debconf/Client/ConfModule.pm"]).exits(0);
    harden(&container, "[remove]\npaths = [\"/usr/share/perl5/Debconf/Element/Gnome\"]\n").exits(0);
    container
        .lithify(&["diff"])
        .exits(0)
        .says("/usr/share/perl5/Debconf\n  Client: a directory in which something was removed");
}

#[test]
fn a_removed_program_that_still_runs_is_no_drift() {
    let container = sleeper().start();
    container.exec_in_background(&["/usr/bin/tail", "-f", "/dev/null"]);
    harden(&container, "[remove]\nnames = [\"tail\"]\n").exits(0);
    assert!(mark(&container).contains(" /usr/bin/tail\n"), "{}", mark(&container));
    verify(&container, BOTH).exits(0).says("pass drift.processes");
}

#[test]
fn none_is_left_in_an_image_build_and_in_a_directory() {
    let layer = layer("/srv/h.toml", &format!("schema = 1\n{STRIP}"));
    let spec = Spec::new(&rootfs("nginx"), &["/lithify/lithify", "harden", "-p", "/srv/h.toml", "--app", "none"]);
    let container = spec.layer(layer.path()).create();
    container.run_to_end().exits(0).says("stripped");
    assert!(!container.root().join(".lithify").exists());
    let tree = crate::harness::tree::Tree::new();
    tree.file("/usr/bin/su").file_with("/h.toml", &format!("schema = 1\n{STRIP}"));
    fs::set_permissions(tree.at("/usr/bin/su"), fs::Permissions::from_mode(0o4755)).unwrap();
    let profile = tree.at("/h.toml");
    crate::harness::harden(tree.path(), ["-p", profile.to_str().unwrap()]).exits(0).says("1 file stripped");
    assert!(!tree.has("/.lithify"));
}

#[test]
fn run_leaves_one_before_and_after_the_app_starts() {
    let layer = layer("/srv/h.toml", &format!("schema = 1\n{STRIP}{BOTH}[remove]\nnames = [\"dash\"]\n"));
    let run = ["/lithify/lithify", "run", "-p", "/srv/h.toml"];
    let start = |command: &[&str]| Spec::new(&rootfs("nginx"), &[&run, command].concat()).layer(layer.path()).start();
    for (command, ready) in [
        (&["--", "/usr/bin/sleep", "1000"][..], "sleep"),
        (&["--after-start", "--", "/bin/sh", "-c", "sleep 1; exec sleep 1000"], "sleep"),
    ] {
        let container = start(command);
        container.wait(ready, || container.log().contains("stripped"));
        assert!(mark(&container).contains(" /usr/bin/su\n"), "{}", mark(&container));
        verify(&container, BOTH).exits(0);
    }
}

#[test]
fn a_mark_by_another_user_excuses_nothing_and_is_noted() {
    let container = sleeper().start();
    drop_file(&container, "/opt/x", b"\x7fELF", 0o755);
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(container.root().join("opt/x")).unwrap();
    let line = format!("{}.{:09} {} /opt/x\n", metadata.ctime(), metadata.ctime_nsec(), metadata.ino());
    let path = container.root().join(".lithify");
    let forged = |why: &str| {
        verify(&container, EXECUTABLES)
            .exits(1)
            .says("FAIL drift.executables /opt/x")
            .says(&format!("note: /.lithify is no mark of lithify's and excuses nothing: {why}"));
    };
    fs::write(&path, &line).unwrap();
    verify(&container, EXECUTABLES).exits(0);
    chown(&path, Some(33), Some(33)).unwrap();
    forged("it belongs to uid 33");
    // harden does not add to it either.
    harden(&container, STRIP).says("note: /.lithify could not be written (File exists)");
    assert_eq!(mark(&container), line);
    chown(&path, Some(0), Some(33)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    forged("its mode is 0664, not 0644");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    forged("its mode is 4755, not 0644");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, format!("{line}\n")).unwrap();
    forged("line 2 is not as lithify writes it");
    fs::write(&path, format!("{line}1.000000001 2 /x; any command of a shell\n")).unwrap();
    forged("line 2 is not as lithify writes it");
    fs::write(&path, &line).unwrap();
    fs::hard_link(&path, container.root().join("var/tmp/other")).unwrap();
    forged("it has 2 names");
    fs::remove_file(&path).unwrap();
    fs::write(container.root().join("var/tmp/marked"), &line).unwrap();
    std::os::unix::fs::symlink("/var/tmp/marked", &path).unwrap();
    forged("it is a symlink, not a file");
}

#[test]
fn two_hardens_at_once_leave_whole_lines() {
    let container = sleeper().start();
    let profile =
        |method: &str| format!("schema = 1\n{STRIP}[remove]\npaths = [\"/usr/bin/[a-k]*\"]\nmethod = \"{method}\"\n");
    fs::write(container.root().join("var/tmp/h.toml"), profile("tombstone")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| container.enter(["/lithify/lithify", "harden", "-p", "/var/tmp/h.toml"]).exits(0));
        }
    });
    verify(&container, BOTH).exits(0).does_not_say("no mark of lithify's");
    assert!(mark(&container).lines().count() > 50);
}

/// What an intruder drops stays drift, whatever harden then does to it.
#[test]
fn what_came_after_the_start_is_not_excused_by_harden() {
    let container = sleeper().start();
    container.exec(["/bin/sh", "-c", "cp /usr/bin/cat /opt/evil; chmod 4777 /opt/evil"]).exits(0);
    // An image's own, changed by others, too.
    container.exec(["/bin/sh", "-c", "echo >>/usr/bin/passwd; chmod 4755 /usr/bin/passwd"]).exits(0);
    verify(&container, EXECUTABLES).exits(1).says("FAIL drift.executables /opt/evil");
    harden(&container, &format!("{STRIP}world_writable = true\n"))
        .exits(0)
        .says("2 changed or removed here had come or been changed by others after the container's start")
        .says("/opt/evil");
    assert!(mark(&container).contains(" /usr/bin/su\n"), "{}", mark(&container));
    let found = |container: &Container| {
        verify(container, EXECUTABLES)
            .exits(1)
            .says("FAIL drift.executables /opt/evil")
            .says("FAIL drift.executables /usr/bin/passwd")
            .does_not_say("/usr/bin/su:");
    };
    found(&container);
    // Nor by a second run, which finds its mark.
    container.exec(["/bin/chmod", "4777", "/opt/evil"]).exits(0);
    harden(&container, &format!("{STRIP}world_writable = true\n")).exits(0);
    found(&container);
}

#[test]
fn a_dropped_program_that_harden_removes_while_it_runs_stays_drift() {
    let container = sleeper().start();
    container.exec(["/bin/cp", "/usr/bin/tail", "/opt/evil"]).exits(0);
    container.exec_in_background(&["/opt/evil", "-f", "/dev/null"]);
    container.exec_in_background(&["/usr/bin/tail", "-f", "/dev/null"]);
    harden(&container, "[remove]\nnames = [\"tail\"]\npaths = [\"/opt/evil\"]\n").exits(0);
    assert!(mark(&container).contains(" /usr/bin/tail\n"), "{}", mark(&container));
    verify(&container, BOTH)
        .exits(1)
        .says("runs a program that was deleted: /opt/evil")
        .does_not_say("deleted: /usr/bin/tail");
}

#[test]
fn each_name_of_a_file_that_harden_changes_is_noted() {
    for profile in [
        "[strip]\nsetid = true\n",
        "[remove]\npaths = [\"/opt/a\", \"/opt/b\"]\nmethod = \"disable\"\n",
        "[remove]\npaths = [\"/opt/a\", \"/opt/b\"]\nmethod = \"tombstone\"\n",
    ] {
        let layer = layer("/opt/a", "#!/bin/x");
        fs::set_permissions(layer.at("/opt/a"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::hard_link(layer.at("/opt/a"), layer.at("/opt/b")).unwrap();
        super::older();
        let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).layer(layer.path()).start();
        harden(&container, profile).exits(0).does_not_say("by others");
        assert!(mark(&container).contains(" /opt/a\n") && mark(&container).contains(" /opt/b\n"), "{profile}");
        verify(&container, EXECUTABLES).exits(0);
    }
}

/// Who waits for harden's change of a file that he has open, and then writes to it, is not excused.
#[test]
fn what_is_written_right_after_the_change_is_not_excused() {
    let layer = layer("/opt/a0", "text");
    for number in 0..600 {
        fs::write(layer.at(&format!("/opt/a{number}")), "text").unwrap();
        fs::set_permissions(layer.at(&format!("/opt/a{number}")), fs::Permissions::from_mode(0o666)).unwrap();
    }
    super::older();
    let container = Spec::new(&rootfs("nginx"), &["/usr/bin/sleep", "1000"]).layer(layer.path()).start();
    let wait = r##"open(F, "+<", "/opt/a0"); open(R, ">", "/var/tmp/open"); 1 while (stat F)[2] & 2; syswrite(F, "#!/bin/sh\n")"##;
    std::thread::scope(|scope| {
        let attack = scope.spawn(|| {
            container
                .enter(["/usr/bin/setpriv", "--reuid", "33", "--clear-groups", "/usr/bin/perl", "-e", wait])
                .exits(0)
        });
        container.wait("open it", || container.root().join("var/tmp/open").exists());
        harden(&container, "[strip]\nworld_writable = true\n").exits(0);
        attack.join().unwrap();
    });
    verify(&container, EXECUTABLES).exits(1).says("FAIL drift.executables /opt/a0: ").does_not_say("/opt/a1:");
}
