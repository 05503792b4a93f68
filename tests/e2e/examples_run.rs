//! Every pod of `examples/` is run as it is written, on containers: the app answers, and what its header promises holds.

use std::fs;
use std::path::Path;

use crate::harness::container::Container;
use crate::harness::pod::Pod;
use crate::harness::rootfs;

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.yaml"))).unwrap()
}

const SHELLS: [&str; 6] = ["sh", "/bin/sh", "/bin/bash", "/usr/bin/dash", "/usr/bin/rbash", "/usr/bin/perl"];

/// Whether each shell can be executed by exec into the container, directly and by the loader.
#[track_caller]
fn assert_shells(container: &Container, there: bool) {
    for shell in SHELLS {
        let script = if shell.ends_with("perl") { ["-e", "print 'in'"] } else { ["-c", "echo in"] };
        let ran = container.exec([shell, script[0], script[1]]);
        assert_eq!(ran.code == 0 && ran.stdout.contains("in"), there, "{shell}: {ran:?}");
        if shell.starts_with('/') {
            let ran = container.exec(["/lib64/ld-linux-x86-64.so.2", shell, script[0], script[1]]);
            assert_eq!(ran.code == 0 && ran.stdout.contains("in"), there, "the loader, {shell}: {ran:?}");
        }
    }
}

#[test]
fn startup_probe() {
    let pod = Pod::apply(&example("startup-probe"));
    assert!(pod.initialize()[0].contains("installed"));
    // A restarted container has a fresh root: its shells are back, and the same probe takes them away. The volume still
    // holds the program, which is not installed once more.
    for _ in 0..2 {
        let started = pod.start();
        let app = &started.container;
        let last = started.tries.last().unwrap();
        assert!(last.stdout.contains("removed") && !last.stdout.contains("nothing to remove"), "{last:?}");
        assert!(started.tries.iter().rev().skip(1).all(|ran| ran.code == 75), "{:#?}", started.tries);
        assert!(pod.answer(app).contains("Welcome to nginx!"));
        assert_shells(app, false);
        pod.is_alive(app).exits(0);
        assert_eq!(app.termination_message(), "");
        // One comes back, and the livenessProbe finds it.
        fs::copy(rootfs("nginx").join("usr/bin/dash"), app.root().join("usr/bin/dash")).unwrap();
        pod.is_alive(app).exits(1).says("/usr/bin/dash: still there");
    }
}

#[test]
fn entrypoint() {
    let manifest = example("entrypoint");
    let pod = Pod::apply(&manifest);
    pod.initialize();
    let started = pod.start();
    let app = &started.container;
    assert!(pod.answer(app).contains("It works!"));
    assert_eq!(app.termination_message(), "");
    assert_eq!(fs::read_to_string(format!("/proc/{}/comm", app.pid())).unwrap(), "httpd\n");
    app.exec(["/usr/bin/touch", "/usr/local/apache2/x"]).says("Read-only file system");
    // An exec is not bound, which the example does not promise; the root cannot be written by it either.
    assert!(app.log().contains("are denied to the app"), "{}", app.log());

    // Without the volume for the logs the app is not started, and the message says which one is missing.
    let pod = Pod::apply(&without(&manifest, "        - { name: logs, mountPath: /usr/local/apache2/logs }\n"));
    pod.initialize();
    let started = pod.start();
    started.container.wait_until_it_ends();
    let message = started.container.termination_message();
    for text in ["emptyDir: {}", "mountPath: /usr/local/apache2/logs"] {
        assert!(message.contains(text), "{text} is missing in {message}");
    }
}

#[test]
fn init_container() {
    let manifest = example("init-container");
    let pod = Pod::apply(&manifest);
    let logs = pod.initialize();
    assert!(logs[1].contains("removed"), "{logs:?}");
    let started = pod.start();
    let app = &started.container;
    assert!(answers(app));
    for shell in ["sh", "bash", "dash", "rbash", "nc", "curl", "wget"] {
        let ran = app.exec([format!("/shared/usr/bin/{shell}").as_str(), "-c", "echo in"]);
        assert!(ran.code != 0 && ran.all().contains("no such file"), "{shell}: {ran:?}");
    }
    // What else is in it runs, and nobody can write there. The app's own root is as the image has it.
    app.exec(["/shared/usr/bin/touch", "/shared/x"]).says("Read-only file system");
    assert_shells(app, true);
}

fn answers(app: &Container) -> bool {
    app.http_at("80/").contains("Welcome to nginx!")
}

#[test]
fn stage() {
    let manifest = example("stage");
    let pod = Pod::apply(&manifest);
    let logs = pod.initialize();
    // The spec mounts what stage prints.
    for line in logs[1].lines().filter(|line| line.starts_with("  - { name: staged, ")) {
        assert!(manifest.contains(line.trim()), "{line}");
    }
    // A restart mounts the same copies.
    for _ in 0..2 {
        let started = pod.start();
        let app = &started.container;
        assert!(pod.answer(app).contains("Welcome to nginx!"));
        assert_shells(app, false);
        pod.is_alive(app).exits(0);
    }
    // Before: the same pod without the mounts.
    let plain = ["bin", "sbin"].iter().fold(manifest.clone(), |manifest, name| {
        let mount =
            format!("        - {{ name: staged, mountPath: /usr/{name}, subPath: root/usr/{name}, readOnly: true }}\n");
        without(&manifest, &mount)
    });
    let pod = Pod::apply(&plain);
    pod.initialize();
    let started = pod.start();
    assert!(pod.answer(&started.container).contains("Welcome to nginx!"));
    assert_shells(&started.container, true);
    pod.is_alive(&started.container).exits(1).says("/usr/bin/.lithify-staged: is not there");
    // A subPath with a mistake in it is an empty directory, and one that is writable is not the staged one either.
    for (right, wrong, says) in [
        ("subPath: root/usr/bin,", "subPath: root/usr/bim,", "/usr/bin/.lithify-staged: is not there"),
        (
            "subPath: root/usr/bin, readOnly: true",
            "subPath: root/usr/bin",
            "/usr/bin: the staged directory is mounted writable",
        ),
    ] {
        assert!(manifest.contains(right));
        let pod = Pod::apply(&manifest.replace(right, wrong));
        pod.initialize();
        let started = pod.start();
        assert!(pod.answer(&started.container).contains("Welcome to nginx!"));
        pod.is_alive(&started.container).exits(1).says(says);
    }
}

/// The manifest without this line.
#[track_caller]
fn without(manifest: &str, line: &str) -> String {
    assert!(manifest.contains(line), "{line} is not in {manifest}");
    manifest.replace(line, "")
}

/// A new example is run, too.
#[test]
fn every_example_is_run() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pods: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned())).collect();
    pods.sort();
    assert_eq!(pods, ["entrypoint", "init-container", "stage", "startup-probe"]);
}
