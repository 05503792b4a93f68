//! A refusal ends with the smallest change of the profile that makes it work. What is printed is saved as it is and given
//! as a second `-p`: then it works, and nothing more stays than the message says.

use std::fs;
use std::process::Command;

use crate::command::output::assert_valid;
use crate::harness::app::PYTHON;
use crate::harness::container::{Container, Spec};
use crate::harness::tree::Tree;
use crate::harness::{Ran, harden, rootfs, run};

/// Saves the printed profile in `directory`.
#[track_caller]
fn save(ran: &Ran, directory: &Tree) -> String {
    let change = ran.change();
    assert!(!change.is_empty(), "no change: {}", ran.all());
    fs::write(directory.at("/change.toml"), &change).unwrap();
    change
}

/// `harden` with these flags is refused, and works with what it prints, which this returns.
#[track_caller]
fn works_as_printed(tree: &Tree, flags: &[&str]) -> String {
    let refused = harden(&tree.at("root"), flags).exits(3);
    let change = save(&refused, tree);
    let path = tree.at("/change.toml");
    harden(&tree.at("root"), [flags, &["-p", path.to_str().unwrap()]].concat()).exits(0);
    change
}

/// The same in a container, whose volume `/site` is `site`.
#[track_caller]
fn works_in(container: &Container, site: &Tree, code: i32, flags: &[&str]) -> String {
    let refused = container.lithify(&[&["harden"], flags].concat()).exits(code);
    let change = save(&refused, site);
    assert!(container.termination_message().contains("schema = 1"), "{}", container.termination_message());
    container.lithify(&[&["harden"], flags, &["-p", "/site/change.toml"]].concat()).exits(0);
    change
}

fn profile(tree: &Tree, text: &str) -> String {
    let path = tree.at("profile.toml");
    fs::write(&path, format!("schema = 1\n{text}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_interpreters_of_kept_scripts_in_one_block() {
    let tree = Tree::new();
    tree.program("/root/usr/bin/dash").link("/root/bin", "usr/bin").link("/root/usr/bin/sh", "dash");
    tree.program("/root/usr/bin/perl").program("/root/usr/bin/env").program("/root/usr/bin/bash");
    tree.file_with("/root/usr/bin/ctl", "#!/bin/sh\nexec server\n");
    tree.file_with("/root/usr/bin/tool", "#!/usr/bin/env perl\n");
    let path = profile(&tree, "include = [\"distroless\"]\n[keep]\nnames = [\"ctl\", \"tool\"]");
    let change = works_as_printed(&tree, &["-p", &path, "--app", "/usr/bin/ctl"]);
    for entry in [
        "\"/bin/sh\"",
        "\"/usr/bin/perl\"",
        "\"/usr/bin/env\"",
        "# leaves a shell: whoever gets code to run can start it",
    ] {
        assert!(change.contains(entry), "{entry}: {change}");
    }
    assert!(!change.contains("dash"), "the link keeps what it leads to: {change}");
    tree.assert_there(&["/root/usr/bin/sh", "/root/usr/bin/dash", "/root/usr/bin/perl", "/root/usr/bin/env"]);
    tree.assert_gone(&["/root/usr/bin/bash"]);
}

#[test]
fn a_chain_of_links_found_by_path() {
    let tree = Tree::new();
    tree.program("/root/opt/server/bin/server-2").link("/root/etc/alternatives/server", "/opt/server/bin/server-2");
    tree.link("/root/usr/local/bin/server", "/etc/alternatives/server").program("/root/usr/bin/other");
    let path = profile(&tree, "[remove]\nnames = [\"server\", \"other\"]");
    let change = works_as_printed(&tree, &["-p", &path, "--app", "server --fast"]);
    assert_eq!(change.matches("\"/").count(), 1, "one entry for the whole chain: {change}");
    assert!(change.contains("# leaves nothing that scan knows"), "{change}");
    tree.assert_there(&["/root/usr/local/bin/server", "/root/opt/server/bin/server-2"]);
    tree.assert_there(&["/root/etc/alternatives/server"]);
    tree.assert_gone(&["/root/usr/bin/other"]);
}

#[test]
fn the_apps_own_program() {
    let site = Tree::new();
    let container = Spec::new(&rootfs("python"), PYTHON.command).volume(site.path(), "/site", &["ro"]).start();
    PYTHON.answers(&container);
    let change = works_in(&container, &site, 3, &["-p", "distroless"]);
    assert!(change.contains("# leaves an interpreter: ") && change.contains("\"/usr/bin/python3\""), "{change}");
    assert!(!container.root().join("usr/bin/dash").exists());
    assert!(container.restart());
    PYTHON.answers(&container);
}

#[test]
fn a_library() {
    let site = Tree::new();
    let container = Spec::new(&rootfs("python"), PYTHON.command).volume(site.path(), "/site", &["ro"]).start();
    PYTHON.answers(&container);
    let change = works_in(&container, &site, 3, &["--remove", "/usr/lib/x86_64-linux-gnu/libm.so.6", "--remove=tac"]);
    assert!(change.contains("libm.so.6"), "{change}");
    assert!(container.restart());
    PYTHON.answers(&container);
}

/// The entrypoint's shell stays, with what it needs: of its programs, those that run.
#[test]
fn the_shell_of_an_entrypoint() {
    for (code, flags) in [(3, &["-p", "shells"][..]), (1, &["-p", "shells", "--wait-for-app", "--wait-timeout=0"])] {
        let site = Tree::new();
        let script = ["/bin/sh", "-c", "python3 /srv/app.py & wait"];
        let container = Spec::new(&rootfs("python"), &script).volume(site.path(), "/site", &["ro"]).start();
        PYTHON.answers(&container);
        let change = works_in(&container, &site, code, flags);
        assert!(change.contains("# leaves a shell: whoever gets code to run can start it"), "{change}");
        assert_eq!(change.matches("\"/").count(), 1, "{change}");
        assert!(!container.root().join("usr/bin/bash").exists());
        assert!(container.restart(), "{change}");
        PYTHON.answers(&container);
    }
}

/// `run` needs the program itself, which `PATH` finds, and not the shell of the script, which goes when the app is up.
#[test]
fn what_run_looks_up_in_path() {
    let site = Tree::new();
    let layer = Tree::new();
    layer.file_with("/entrypoint.sh", "#!/bin/sh\nexec \"$@\"\n");
    let run = |flags: &[&str]| {
        let command = ["--", "/entrypoint.sh", "python3", "/srv/app.py"];
        let run = [&["/lithify/lithify", "run", "-p", "distroless"], flags, &command].concat();
        Spec::new(&rootfs("python"), &run).layer(layer.path()).volume(site.path(), "/site", &["ro"])
    };
    let change = save(&run(&[]).run().0.exits(125), &site);
    assert_eq!(change.matches("\"/").count(), 1, "{change}");
    let container = run(&["-p", "/site/change.toml"]).start();
    container.wait("harden", || container.log().contains("lithify run /: "));
    PYTHON.answers(&container);
    assert!(!container.root().join("usr/bin/dash").exists());
}

#[test]
fn a_copy_for_a_volume() {
    let site = Tree::new();
    site.directory("staged");
    let stage = |flags: &[&str]| {
        let stage = ["/lithify/lithify", "stage", "-p", "interpreters", "--app", "python3 /srv/app.py"];
        let command = [&stage[..], flags, &["/usr/bin", "--to", "/site/staged"]].concat();
        Spec::new(&rootfs("python"), &command).volume(site.path(), "/site", &["rw"]).run().0
    };
    save(&stage(&[]).exits(3), &site);
    stage(&["-p", "/site/change.toml"]).exits(0);
    let staged = crate::harness::tree::manifest(&site.at("staged"));
    let has = |name: &str| staged.keys().any(|path| path.ends_with(name));
    assert!(has("usr/bin/python3.11") && has("usr/bin/python3") && !has("usr/bin/perl"), "{:?}", staged.keys());
}

/// Of what no change of the profile answers, none is printed.
#[test]
fn no_change_where_none_helps() {
    let tree = Tree::new();
    run(Command::new("cp").arg("-a").arg(rootfs("python").join("usr")).arg(tree.at("root"))).exits(0);
    // As many libraries as nobody means to name one by one.
    let refused = harden(&tree.at("root"), ["--remove", "/lib/**"]).exits(3);
    assert_eq!(refused.change(), "");
}

#[test]
fn as_json() {
    let tree = Tree::new();
    tree.program("/root/usr/bin/dash").file_with("/root/usr/bin/ctl", "#!/usr/bin/dash\n");
    let path = profile(&tree, "include = [\"shells\"]\n[keep]\nnames = [\"ctl\"]");
    let report = harden(&tree.at("root"), ["--format", "json", "-p", &path]).exits(3).json();
    assert_valid("report.schema.json", &report);
    assert_eq!(report["change"]["leaves"][0]["class"], "shell", "{report}");
    fs::write(tree.at("/change.toml"), report["change"]["profile"].as_str().unwrap()).unwrap();
    harden(&tree.at("root"), ["-p", &path, "-p", tree.at("/change.toml").to_str().unwrap()]).exits(0);
}
