//! `distroless` on real apps: what scan finds before is gone afterwards, and the app goes on and starts again.

use serde_json::Value;

use crate::harness::app::{App, HTTPD, NGINX, PYTHON, REDIS};
use crate::harness::container::Container;

/// What must not be found. What else scan finds: orphaned scripts, which removing interpreters leaves, and the kubelet's
/// termination log, which everybody may write.
const CLASSES: &str = "shell,multi-call,interpreter,package-manager,downloader,network,compiler,debugger,privilege,editor,\
                       launcher,container-client,file-tool,setuid,setgid,file-capabilities";

fn programs(container: &Container) -> Vec<(String, String)> {
    let found = container.lithify(&["scan", "--format", "json"]).exits(0).json();
    let text = |program: &Value, key: &str| program[key].as_str().unwrap().to_owned();
    let list = found["programs"].as_array().unwrap().iter();
    list.map(|program| (text(program, "path"), text(program, "class"))).collect()
}

fn proof(app: App, profile: &str) {
    let container = app.start();
    let before = programs(&container);
    assert!(before.len() > 100, "{before:?}");
    for class in ["shell", "interpreter", "package-manager", "launcher", "privilege", "file-tool"] {
        assert!(before.iter().any(|(_, known)| known == class), "{class} is not even there before");
    }
    container.lithify(&["scan", "--fail-on", CLASSES]).exits(1);

    App::harden(&container, &format!("include = [\"distroless\"]\n{profile}"), "site").exits(0);

    let after = programs(&container);
    if app.interpreter {
        // The language that the app is written in stays: that an app can run it, no deletion can change.
        assert_eq!(after, [("/usr/bin/python3.11".to_owned(), "interpreter".to_owned())]);
        let others = CLASSES.replace("interpreter,", "");
        container.lithify(&["scan", "--fail-on", &others]).exits(0);
    } else {
        assert_eq!(after, []);
        container.lithify(&["scan", "--fail-on", CLASSES]).exits(0);
    }
    container.lithify(&["verify", "-p", "/var/tmp/site.toml"]).exits(0).says("1 check holds");
    container.lithify(&["harden", "-p", "/var/tmp/site.toml"]).exits(0).says("nothing to remove");
    app.lives_on(&container);
    println!("{}: {} programs of use to an intruder before, {} after", app.tree, before.len(), after.len());
}

#[test]
fn nginx() {
    proof(NGINX, "");
}

#[test]
fn httpd() {
    proof(HTTPD, "");
}

#[test]
fn redis() {
    proof(REDIS, "");
}

#[test]
fn python_keeps_its_interpreter() {
    proof(PYTHON, "[keep]\npaths = [\"/usr/bin/python3\"]");
}

/// The profiles that are built in for these apps.
#[test]
fn with_the_profile_of_the_app() {
    for app in [NGINX, HTTPD, REDIS] {
        let container = app.start();
        container.lithify(&["scan", "--fail-on", CLASSES]).exits(1).says("FAIL scan shell");
        container.lithify(&["harden", "-p", app.tree, "-p", "distroless"]).exits(0).says("removed");
        assert!(!container.root().join("usr/bin/dash").exists());
        container.lithify(&["scan", "--fail-on", CLASSES]).exits(0);
        app.lives_on(&container);
    }
}
