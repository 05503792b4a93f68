//! Where nothing runs yet: what the container will start is named by `--app` or `[keep]`, and protected; where nobody
//! says it, nothing is deleted.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::app::{App, HTTPD, NGINX, PYTHON, REDIS};
use crate::harness::container::Spec;
use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, harden, rootfs, run};

/// A copy of a tree, to be hardened as an image is in its build.
fn copy(name: &str) -> Tree {
    let tree = Tree::new();
    run(Command::new("cp").arg("-a").arg(rootfs(name)).arg(tree.at("root"))).exits(0);
    tree
}

fn site(tree: &Tree, text: &str) -> String {
    let path = tree.at("site.toml");
    fs::write(&path, format!("schema = 1\nname = \"site\"\n{text}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What a message advises, ready to paste: everything.
#[track_caller]
fn advised(ran: &Ran) -> String {
    let paths: BTreeSet<_> = ran.all().lines().flat_map(advised_by).collect();
    assert!(!paths.is_empty(), "no advice: {}", ran.all());
    format!("[keep]\npaths = [{}]", paths.into_iter().collect::<Vec<_>>().join(", "))
}

/// The paths of one line, each as it is quoted.
fn advised_by(line: &str) -> Vec<String> {
    let list = line.split_once("[keep] paths = [").map_or("", |(_, after)| after.split_once("\"]").unwrap().0);
    list.split("\", \"").filter(|path| !path.is_empty()).map(|path| format!("\"{}\"", path.trim_matches('"'))).collect()
}

/// Nothing runs in a copy: refused, with what looks like the app; as the message says with the app named, it works.
#[test]
fn an_app_that_is_not_running_is_not_taken_away_unasked() {
    for (app, looks) in [
        (NGINX, "/usr/sbin/nginx"),
        (HTTPD, "/usr/local/apache2/bin/httpd"),
        (REDIS, "/usr/bin/redis-server"),
        (PYTHON, "/usr/bin/python3"),
    ] {
        let tree = copy(app.tree);
        let before = manifest(&tree.at("root"));
        let refused = harden(&tree.at("root"), ["-p", "distroless"]).exits(3);
        refused.says("does not know what its container will start").says(looks).says("--app none");
        harden(&tree.at("root"), ["-p", "distroless", "--dry-run"]).exits(3);
        assert!(manifest(&tree.at("root")) == before);

        let command = shell_words(app.command);
        let first = harden(&tree.at("root"), ["-p", "distroless", "--app", &command]);
        if app.interpreter {
            // The class takes the app itself: the advice is what its command names, and enough.
            let refused = first.exits(3).says("it is the app (--app), /usr/bin/python3");
            let refused = refused.says("of profile interpreters would delete it");
            assert!(manifest(&tree.at("root")) == before);
            let keep = advised(&refused);
            assert_eq!(keep, "[keep]\npaths = [\"/usr/bin/python3\"]");
            let path = site(&tree, &format!("include = [\"distroless\"]\n{keep}"));
            harden(&tree.at("root"), ["-p", &path, "--app", &command]).exits(0);
            // And says by itself what the app is.
            harden(&tree.at("root"), ["-p", &path]).exits(0).says("nothing to remove");
        } else {
            first.exits(0);
        }
        drop(app.start_in(&tree.at("root")));
        assert!(!tree.at("root/usr/bin/dash").exists() && !tree.at("root/bin/sh").exists());
    }
}

fn shell_words(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
}

/// lithify as the first process, as in a step of a build.
#[test]
fn a_build_is_refused_likewise() {
    for (name, arguments, code) in [
        ("python", &["-p", "distroless"][..], 3),
        ("python", &["-p", "distroless", "--app", "python3 /srv/app.py"], 3),
        ("python", &["-p", "distroless", "--app", "none"], 0),
        ("nginx", &["-p", "distroless", "--app", "nginx -g 'daemon off;'"], 0),
        ("nginx", &["-p", "nginx", "-p", "distroless"], 0),
        // Its profile says nothing of an image without nginx.
        ("python", &["-p", "nginx", "-p", "distroless"], 3),
    ] {
        let command = [&["/lithify/lithify", "harden"], arguments].concat();
        let container = Spec::new(&rootfs(name), &command).create();
        let before = manifest(container.root());
        let (ran, message) = (container.run_to_end().exits(code), container.termination_message());
        assert_eq!(message.is_empty(), code == 0, "{arguments:?}: {message}");
        if code == 3 {
            ran.says("refused").does_not_say("removed");
            let mut after = manifest(container.root());
            // What the runtime makes to mount on.
            after.retain(|path, _| before.contains_key(path));
            assert!(after == before, "{arguments:?}");
        } else {
            assert!(!container.root().join("usr/bin/dash").exists(), "{arguments:?}");
        }
    }
}

/// The shell of a build's step, or of an entrypoint script that calls lithify, is not the app.
#[test]
fn who_has_started_lithify_is_not_the_app() {
    let script = "/lithify/lithify harden --remove sleep -p /site/site.toml; echo ended with $?";
    let profile = Tree::new();
    site(&profile, "[remove]\nclasses = [\"interpreter\"]");
    let command = ["/bin/sh", "-c", script];
    let spec = || Spec::new(&rootfs("python"), &command).volume(profile.path(), "/site", &["ro"]);
    let run = |spec: Spec, there: bool| {
        let container = spec.create();
        let ran = container.run_to_end();
        for program in ["usr/bin/sleep", "usr/bin/python3.11"] {
            assert_eq!(container.root().join(program).exists(), there, "{program}: {ran:?}");
        }
        ran
    };
    run(spec(), true).says("does not know what its container will start").says("ended with 3");
    let named = spec().environment(&["LITHIFY_APP=python3 /srv/app.py\n"]);
    run(named, true).says("REFUSED /usr/bin/python3.11").says("ended with 3");
    run(spec().environment(&["LITHIFY_APP=none"]), false).says("ended with 0");
}

#[test]
fn shells_alone_are_noted() {
    let tree = copy("redis");
    harden(&tree.at("root"), ["-p", "shells"]).exits(0).says("note: nothing runs in this root").says("redis-server");
    tree.assert_gone(&["/root/usr/bin/dash", "/root/usr/bin/bash"]);
    tree.assert_there(&["/root/usr/bin/redis-server", "/root/usr/bin/perl"]);
    harden(&tree.at("root"), ["-p", "shells", "--app", "redis-server"]).exits(0).does_not_say("note: nothing runs");
    harden(&tree.at("root"), ["-p", "shells", "--app", "none"]).exits(0).does_not_say("note: nothing runs");
    harden(&tree.at("root"), ["-p", "coreutils"]).exits(0).does_not_say("note: nothing runs");
    // Names of what runs apps are as good as a class of it.
    let noted = harden(&tree.at("root"), ["-p", "interpreters", "--dry-run"]).exits(0);
    noted.says("note: nothing runs in this root").says(" of profile interpreters may take that away");
}

/// What a `[keep]` names must be there, and can be an app.
#[test]
fn a_keep_that_says_nothing() {
    let tree = Tree::new();
    tree.program("/root/usr/bin/python3").program("/root/usr/bin/cat").program("/root/usr/bin/tini");
    tree.file("/root/etc/default/python3").program("/root/opt/app/bin/serve").link("/root/usr/bin/serve", "gone");
    let classes = "[remove]\nclasses = [\"interpreter\"]\n";
    let before = manifest(&tree.at("root"));
    for keep in [
        "",
        "[keep]\nnames = [\"nginx\"]",
        "[keep]\npaths = [\"/usr/lib/python3\"]",
        "[keep]\nnames = [\"cat\", \"tini\"]",
        "[keep]\npaths = [\"/usr/bin/serve\"]",
        "[keep]\napp = [\"nginx\"]",
        "[keep]\nonly = [\"nginx\"]",
    ] {
        let path = site(&tree, &format!("{classes}{keep}"));
        harden(&tree.at("root"), ["-p", &path]).exits(3).says("/opt/app/bin/serve");
        assert_eq!(manifest(&tree.at("root")), before, "{keep}");
    }
    fs::set_permissions(tree.at("root/etc/default/python3"), fs::Permissions::from_mode(0o644)).unwrap();
    let path = site(&tree, &format!("{classes}[keep]\npaths = [\"/etc/default/python3\"]"));
    harden(&tree.at("root"), ["-p", &path]).exits(3);
    tree.assert_there(&["/root/usr/bin/python3"]);
    for keep in [
        "[keep]\npaths = [\"/opt/app/bin/*\"]",
        "[keep]\napp = [\"/opt/app/bin/serve\", \"--port\", \"80\"]",
        "[keep]\napp = [\"none\"]",
    ] {
        let path = site(&tree, &format!("{classes}{keep}"));
        harden(&tree.at("root"), ["-p", &path, "--dry-run"]).exits(0).says("would be removed");
    }
}

/// Everything that the command line starts: behind a launcher, by a script, by `#!` and `env`, through links.
#[test]
fn all_that_a_command_line_needs() {
    let tree = Tree::new();
    for program in ["dash", "python3.11", "env", "server", "gosu", "tini", "touch", "other"] {
        tree.program(&format!("/root/usr/bin/{program}"));
    }
    tree.link("/root/bin", "usr/bin").link("/root/usr/bin/sh", "dash").link("/root/usr/bin/python3", "python3.11");
    tree.file_with("/root/entrypoint.sh", "#!/bin/sh\nset -e\nexec \"$@\"\n");
    tree.file_with("/root/start.sh", "#!/bin/sh\nexec server\n");
    tree.file_with("/root/srv/app.py", "#!/usr/bin/env python3\n");
    tree.file_with("/root/srv/plain.py", "print()\n");
    let all = "[remove]\npaths = [\"/usr/bin/*\", \"/srv/*\", \"/*.sh\"]";
    let path = site(&tree, all);
    for (command, keep) in [
        ("server", "/usr/bin/server"),
        ("/bin/server -x", "/bin/server"),
        ("python3 /srv/plain.py", "/srv/plain.py /usr/bin/python3"),
        ("/srv/app.py", "/srv/app.py /usr/bin/env /usr/bin/python3"),
        ("/entrypoint.sh server", "/bin/sh /entrypoint.sh /usr/bin/server"),
        ("/start.sh", "/bin/sh /start.sh /usr/bin/server"),
        ("sh /entrypoint.sh gosu user server", "/entrypoint.sh /usr/bin/gosu /usr/bin/server /usr/bin/sh"),
        ("tini -g -- env A=b python3", "/usr/bin/env /usr/bin/python3 /usr/bin/tini"),
        ("sh -c 'touch /run/x && exec server --flag'", "/usr/bin/server /usr/bin/sh /usr/bin/touch"),
    ] {
        let before = tree.manifest();
        let refused = harden(&tree.at("root"), ["-p", &path, "--app", command]).exits(3);
        let advice = advised(&refused);
        let paths: Vec<_> = advice.split('"').skip(1).step_by(2).collect();
        assert_eq!(paths.join(" "), keep, "{command}: {}", refused.all());
        assert_eq!(tree.manifest(), before);
    }
    // What only starts the app is advised apart, so that nobody keeps a shell unasked.
    let refused = harden(&tree.at("root"), ["-p", &path, "--app", "/entrypoint.sh server"]).exits(3).all();
    let fixes: BTreeSet<_> = refused.lines().filter(|line| line.contains("[keep] paths")).collect();
    let fixes: Vec<_> = fixes.into_iter().collect();
    assert!(fixes.len() == 2 && fixes[0].contains("save it in a profile: [keep] paths = [\"/usr/bin/server\"]"));
    assert!(fixes[1].contains("start the app itself") && fixes[1].contains("[\"/bin/sh\", \"/entrypoint.sh\"]"));
    // As it is advised it works, and no more is kept than that.
    let refused = harden(&tree.at("root"), ["-p", &path, "--app", "/entrypoint.sh python3 /srv/plain.py"]).exits(3);
    let path = site(&tree, &format!("{all}\n{}", advised(&refused)));
    harden(&tree.at("root"), ["-p", &path, "--app", "/entrypoint.sh python3 /srv/plain.py"]).exits(0);
    tree.assert_there(&[
        "/root/usr/bin/dash",
        "/root/usr/bin/python3",
        "/root/usr/bin/python3.11",
        "/root/srv/plain.py",
    ]);
    tree.assert_gone(&["/root/usr/bin/server", "/root/usr/bin/env", "/root/srv/app.py", "/root/start.sh"]);
}

/// Where it cannot be told which word is the app, each that is a program may be it.
#[test]
fn a_launcher_whose_options_are_not_known() {
    let tree = Tree::new();
    for program in ["env", "tini-amd64", "runuser", "su", "timeout", "taskset", "busybox", "setpriv", "dash", "bash"] {
        tree.program(&format!("/root/usr/bin/{program}"));
    }
    tree.program("/root/usr/bin/node").program("/root/usr/bin/python3").program("/root/usr/bin/nice");
    tree.link("/root/bin", "usr/bin").link("/root/usr/bin/sh", "dash");
    tree.file_with("/root/etc/passwd", "root:x:0:0::/root:/bin/dash\nweb:x:9:9::/:/bin/bash\n");
    tree.file_with("/root/srv/app.js", "").file_with("/root/srv/u.py", "#!/usr/bin/env -S -u HOME python3 -u\n");
    tree.file_with("/root/srv/s.py", "#!/usr/bin/env -Spython3 -u\n");
    tree.file_with("/root/srv/nice.py", "#!/usr/bin/env -S nice -n 5 python3\n");
    tree.file_with("/root/set.sh", "#!/bin/sh\nset -- node \"$@\"\nexec \"${@}\"\n");
    tree.file_with("/root/star.sh", "#!/bin/sh\nexec $*\n");
    let case = "cat <<END\nusage\nEND\ncase \"$1\" in\nstart)\n  exec node ;;\nesac\n";
    tree.file_with("/root/case.sh", &format!("#!/bin/sh\n{case}"));
    tree.file_with("/root/long.sh", &format!("#!/bin/sh\n{}exec \"$@\"\n", "# comment\n".repeat(10_000)));
    let path = site(&tree, "[remove]\nnames = [\"node\", \"python3\", \"bash\"]\npaths = [\"/srv/*\"]");
    for (command, lost) in [
        ("env -S 'node -x' /srv/app.js", "/srv/app.js /usr/bin/node"),
        ("env -Snode", "/usr/bin/node"),
        ("tini-amd64 -- node", "/usr/bin/node"),
        ("tini-amd64 node", "/usr/bin/node"),
        ("runuser -u web -- node", "/bin/bash /usr/bin/node"),
        ("su web -c 'exec node app'", "/bin/bash /usr/bin/node"),
        ("timeout --weird 5 node", "/usr/bin/node"),
        ("taskset 1 node", "/usr/bin/node"),
        ("busybox timeout 5 node", "/usr/bin/node"),
        ("busybox sh -c 'exec node x'", "/usr/bin/node"),
        ("setpriv --reuid=1 --weird node", "/usr/bin/node"),
        ("node --require x /srv/app.js", "/srv/app.js /usr/bin/node"),
        ("sh -c 'exec \"$0\" \"$@\"' node x", "/usr/bin/node"),
        ("sh -c '\"$@\"' x node", "/usr/bin/node"),
        ("sh -c 'case x in *) node;; esac'", "/usr/bin/node"),
        ("/srv/u.py", "/srv/u.py /usr/bin/python3"),
        ("/srv/s.py", "/srv/s.py /usr/bin/python3"),
        ("/srv/nice.py", "/srv/nice.py /usr/bin/python3"),
        ("/set.sh", "/usr/bin/node"),
        ("/star.sh node", "/usr/bin/node"),
        ("/case.sh start", "/usr/bin/node"),
        ("/long.sh node", "/usr/bin/node"),
    ] {
        let before = tree.manifest();
        let advice = advised(&harden(&tree.at("root"), ["-p", &path, "--app", command]).exits(3));
        let paths: Vec<_> = advice.split('"').skip(1).step_by(2).collect();
        assert_eq!(paths.join(" "), lost, "{command}");
        assert_eq!(tree.manifest(), before);
    }
    // Nobody is told to keep the shell, but to do without.
    let shells = site(&tree, "include = [\"shells\"]");
    let refused = harden(&tree.at("root"), ["-p", &shells, "--app", "su web -s /bin/sh -c node"]).exits(3);
    refused.says("start the app itself").does_not_say("save it in a profile: [keep] paths = [\"/bin");
}

/// A path in an advice is a pattern: pasted as it is, it means that file and no other.
#[test]
fn advice_for_a_path_with_special_characters() {
    let tree = Tree::new();
    let apps = ["/opt/a[b]/x", "/opt/{a/x", "/opt/!*/x", "/opt/a?\"\\/x"];
    for app in apps {
        tree.program(&format!("/root{app}"));
    }
    tree.program("/root/opt/ab/x").program("/root/opt/q/x");
    let all = "[remove]\npaths = [\"/opt/*/x\"]";
    for app in apps {
        let command = format!("'{app}'");
        let refused = harden(&tree.at("root"), ["-p", &site(&tree, all), "--app", &command]).exits(3);
        let path = site(&tree, &format!("{all}\n{}", advised(&refused)));
        harden(&tree.at("root"), ["-p", &path, "--app", &command, "--dry-run"])
            .exits(0)
            .says("5 names of 5 files")
            .does_not_say(&format!("remove {app} "));
    }
}

#[test]
fn what_is_no_command() {
    let tree = Tree::new();
    tree.program("/usr/bin/server").program("/usr/bin/tini").program("/usr/bin/perl");
    let with = |app: &str| harden(tree.path(), ["--remove", "perl", "--app", app]);
    with("").exits(2).says("write one command");
    with("server; server").exits(2).says("write one command");
    with("serve").exits(3).says("serve is not there");
    // Nothing is expanded.
    with("$SERVER").exits(3).says("$SERVER is not there");
    with("tini -- serve").exits(3).says("--app tini -- serve: serve is not there");
    tree.assert_there(&["/usr/bin/perl"]);
    with("tini -- server").exits(0);
    tree.assert_gone(&["/usr/bin/perl"]);
}

/// An app that a plan does not meet needs no further word.
#[test]
fn staging_without_a_known_app_is_noted_and_with_one_refused() {
    let volume = tempfile::tempdir().unwrap();
    let stage = |arguments: &[&str]| {
        let command =
            [&["/lithify/lithify", "stage", "-p", "distroless", "/usr/bin", "--to", "/staged"], arguments].concat();
        Spec::new(&rootfs("python"), &command).volume(volume.path(), "/staged", &["rw"]).run().0
    };
    stage(&["--app", "/usr/bin/python3 /srv/app.py"]).exits(3).says("it is the app (--app), /usr/bin/python3");
    assert!(!volume.path().join("root").exists());
    stage(&[]).exits(0).says("# note: nothing runs in this root").says("/usr/bin/python3");
    stage(&["--app", "none"]).exits(0).does_not_say("nothing runs in this root");
}

fn start(container_of: App, layer: &Path, command: &[&str]) -> crate::harness::container::Container {
    let container = Spec::new(&rootfs(container_of.tree), command).layer(layer).start();
    container_of.answers(&container);
    container
}

/// An app must start again in the same layer, as a container of Docker does: what its command named stays.
#[test]
fn the_link_that_the_command_named_stays_with_its_target() {
    let layer = Tree::new();
    layer.file("/var/tmp/empty");
    for command in [&["python3", "/srv/app.py"][..], &["/bin/python3", "/srv/app.py"]] {
        let container = start(PYTHON, layer.path(), command);
        let before = manifest(container.root());
        // The file alone, as it was advised once: its link would go, and with it the next start.
        let keep = "include = [\"distroless\"]\n[keep]\npaths = [\"/usr/bin/python3.11\"]";
        let refused = App::harden(&container, keep, "site").exits(3).says("REFUSED /usr/bin/python3:");
        let refused =
            refused.says("the command line of process 1 (python3), the container's first, ").says(" leads through it");
        container.lithify(&["harden", "--wait-for-app", "-p", "/var/tmp/site.toml"]).exits(3).says("REFUSED");
        let mut after = manifest(container.root());
        after.remove(Path::new("var/tmp/site.toml"));
        assert!(before == after);
        let advice = advised(&refused);
        let said = if command[0] == "python3" { "/usr/bin/python3" } else { command[0] };
        assert_eq!(advice, format!("[keep]\npaths = [\"{said}\"]"));
        App::harden(&container, &format!("include = [\"distroless\"]\n{advice}"), "site").exits(0);
        container.lithify(&["verify", "-p", "/var/tmp/site.toml"]).exits(0);
        let again = Spec::new(container.root(), command).start();
        PYTHON.answers(&again);
        assert!(!container.root().join("usr/bin/dash").exists());
    }
}

/// What process 1 runs is advised as its command names it.
#[test]
fn advice_names_what_the_command_said() {
    let container = PYTHON.start();
    let refused = App::harden(&container, "include = [\"distroless\"]", "site").exits(3);
    assert_eq!(advised(&refused), "[keep]\npaths = [\"/usr/bin/python3\"]");
}

/// The script that an interpreter was given is the app, too.
#[test]
fn a_script_that_an_interpreter_runs() {
    let layer = Tree::new();
    layer.file_with("/srv/serve", &fs::read_to_string(rootfs("python").join("srv/app.py")).unwrap());
    let command = ["/usr/bin/python3", "/srv/serve"];
    let container = start(PYTHON, layer.path(), &command);
    let keep = "[keep]\nonly = [\"python3\"]\npaths = [\"/usr/lib/python3.11\"]";
    let refused = App::harden(&container, keep, "site").exits(3).says("REFUSED /srv/serve");
    assert!(container.root().join("srv/serve").exists());
    assert_eq!(advised(&refused), "[keep]\npaths = [\"/srv/serve\"]");
}

/// `run` knows its app before it starts it: what the plan would take away is refused at once.
#[test]
fn run_refuses_what_would_be_deleted_before_it_starts_it() {
    for command in [
        &["python3", "/srv/app.py"][..],
        &["/bin/sh", "-c", "echo started; exec python3 /srv/app.py"],
        &["env", "A=b", "python3", "/srv/app.py"],
        &["/entrypoint.sh", "python3", "/srv/app.py"],
    ] {
        let layer = Tree::new();
        layer.file_with("/entrypoint.sh", "#!/bin/sh\necho started\nexec \"$@\"\n");
        for flags in [&[][..], &["--after-start"], &["--init"]] {
            let run = [&["/lithify/lithify", "run", "-p", "distroless"], flags, &["--"], command].concat();
            let (ran, message) = Spec::new(&rootfs("python"), &run).layer(layer.path()).run();
            let ran = ran.exits(125).says("REFUSED /usr/bin/python3").does_not_say("started");
            assert!(message.contains("REFUSED"), "{message}");
            // A shell that is needed to start only, and env, go when the app is up.
            assert_eq!(advised(&ran), "[keep]\npaths = [\"/usr/bin/python3\"]", "{command:?} {flags:?}");
        }
        let site = Tree::new();
        let path = "include = [\"distroless\"]\n[keep]\npaths = [\"/usr/bin/python3\"]";
        self::site(&site, path);
        let run = [&["/lithify/lithify", "run", "-p", "/site/site.toml", "--"], command].concat();
        let spec = Spec::new(&rootfs("python"), &run).layer(layer.path()).volume(site.path(), "/site", &["ro"]);
        let container = spec.start();
        container.wait("harden", || container.log().contains("lithify run /: "));
        PYTHON.answers(&container);
        assert!(!container.root().join("usr/bin/dash").exists());
    }
}

/// A script of another interpreter is taken for the app, unless it is said that it only starts it.
#[test]
fn an_entrypoint_script_of_another_interpreter() {
    let layer = Tree::new();
    layer.file_with("/entry.pl", "#!/usr/bin/perl\nexec @ARGV;\n");
    let run = |flag: &[&str]| {
        let run = [&["/lithify/lithify", "run", "--remove=perl"], flag, &["--", "/entry.pl", "sleep", "1000"]].concat();
        Spec::new(&rootfs("nginx"), &run).layer(layer.path())
    };
    run(&[]).run().0.exits(125).says("the command to be run, /entry.pl, needs /usr/bin/perl").says("--after-start");
    let container = run(&["--after-start"]).start();
    container.wait("harden", || container.log().contains("lithify run /: "));
    assert!(!container.root().join("usr/bin/perl").exists() && container.is_running());
}

/// On a read-only root the shell of a script can be denied only before the app starts, which needs it.
#[test]
fn run_refuses_a_script_on_a_read_only_root() {
    let nginx = |arguments: &[&str]| {
        let run = [&["/lithify/lithify", "run"], arguments].concat();
        let spec = Spec::new(&rootfs("nginx"), &run).read_only();
        ["/var/cache/nginx", "/run", "/var/lib/nginx", "/var/log/nginx"]
            .iter()
            .fold(spec, |spec, at| spec.tmpfs(at, &[]))
    };
    let script = ["--", "/bin/sh", "-c", "echo started; exec /usr/sbin/nginx -g 'daemon off;'"];
    let entrypoint = ["--", "/docker-entrypoint.sh", "nginx", "-g", "daemon off;"];
    for command in [&script[..], &entrypoint] {
        let (ran, message) = nginx(&[&["-p", "nginx"], command].concat()).run();
        let ran = ran.exits(125).says("REFUSED").says("Read-only file system").does_not_say("started");
        assert!(message.contains("REFUSED"), "{message}");
        assert_eq!(advised(&ran), "[keep]\npaths = [\"/bin/sh\"]");
        assert!(nginx(&[&["-p", "nginx", "--fallback", "warn"], command].concat()).start().http().contains("nginx"));
    }
    // As it advises: with the shell, or the app itself.
    let profile = Tree::new();
    site(&profile, "include = [\"nginx\"]\n[keep]\npaths = [\"/bin/sh\"]");
    let kept = nginx(&[&["-p", "/site/site.toml"], &script[..]].concat()).volume(profile.path(), "/site", &["ro"]);
    assert!(kept.start().http().contains("nginx"));
    assert!(nginx(&["-p", "nginx", "--", "nginx", "-g", "daemon off;"]).start().http().contains("nginx"));
}

/// A script that is kept keeps no shell by the way: that is for somebody to decide.
#[test]
fn advice_for_a_kept_script() {
    let tree = Tree::new();
    tree.program("/root/usr/bin/dash").link("/root/bin", "usr/bin").link("/root/usr/bin/sh", "dash");
    tree.file_with("/root/usr/bin/ctl", "#!/bin/sh\nexec server\n");
    let path = site(&tree, "include = [\"shells\"]\n[keep]\nnames = [\"ctl\"]");
    let refused = harden(&tree.at("root"), ["-p", &path]).exits(3).says("REFUSED /usr/bin/dash");
    refused.says("keep the program itself in place of the script").does_not_say("[keep] paths");
}
