//! `examples/compose.yaml` by Docker Compose, as it is written, and with what its header says can be changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::Ran;
use crate::harness::attempts::{ANYWHERE, LOADER, works};
use crate::harness::docker::Docker;
use crate::harness::init_app::app;

const IMAGES: [&str; 2] = ["docker.io/library/nginx:1.28", "ghcr.io/lithify/lithify:0.1.0"];

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/compose.yaml")
}

/// Starts it; the app answers, is healthy, and lithify has come to its end before.
#[track_caller]
fn starts(docker: &Docker, file: &Path) {
    docker.compose(file, ["up", "--detach"]).exits(0);
    assert!(docker.http("http://127.0.0.1:8080/").contains("Welcome to nginx!"));
    logs(docker, "test_lithify_1", "installed");
}

/// The daemon keeps what a container prints some time after that.
#[track_caller]
fn logs(docker: &Docker, container: &str, text: &str) {
    docker.wait(&format!("keep {text:?}"), || docker.client(["logs", container]).all().contains(text));
}

fn exec(docker: &Docker, command: &[&str]) -> Ran {
    docker.client([&["exec", "test_web_1"], command].concat())
}

/// How many of a third of the attempts work when they are made by `docker exec`.
fn by_exec(docker: &Docker) -> usize {
    exec(docker, &[LOADER, "--version"]).exits(0).says("ld.so");
    ANYWHERE.iter().step_by(3).filter(|attempt| works(&exec(docker, attempt))).count()
}

#[test]
fn compose() {
    let docker = Docker::with(&IMAGES);
    // The attack below is started in place of the app, so that it is a command line that the program must accept.
    let attack = ["/app/app", "attack", "/bin/sh", LOADER, "/run"];
    let line = "      - --only=run --profile nginx -- ";
    let text = fs::read_to_string(example()).unwrap().replacen(line, &format!("{line}{}\n{line}", attack.join(" ")), 1);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("compose.yaml");
    fs::write(&file, text).unwrap();
    // Against the JSON Schema of the Compose specification, which docker-compose brings along.
    docker.compose(&file, ["config", "--quiet"]).exits(0);
    starts(&docker, &file);
    docker.wait("say that it is healthy", || docker.client(["ps"]).stdout.contains("(healthy)"));
    logs(&docker, "test_web_1", "are denied to the app and its children");
    exec(&docker, &["/usr/bin/touch", "/x"]).says("Read-only file system");

    // Somebody who got in through the app: one that tries every way to a shell, without lithify and with it.
    let volume = format!("{}:/app:ro", app().parent().unwrap().display());
    let instead = ["run", "--rm", "-T", "--no-deps", "--volume", &volume];
    let open = docker.compose(&file, [&instead[..], &["--entrypoint", attack[0], "web"], &attack[1..]].concat());
    let closed = docker.compose(&file, [&instead[..], &["web"], &attack].concat());
    for way in ["exec", "loader", "system", "memory"] {
        assert!(open.all().contains(&format!("{way}: worked")), "{way} is no attack even before: {open:?}");
    }
    for way in ["exec", "loader", "system", "copy", "loaded copy", "memory"] {
        let outcome = format!("{way}: ");
        assert!(closed.all().contains(&outcome) && !closed.all().contains(&format!("{outcome}worked")), "{closed:?}");
    }

    // Without the installed program the app is not started, rather than started as it is.
    docker.compose(&file, ["down", "--timeout", "5", "--volumes"]).exits(0);
    let broken = directory.path().join("broken.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&broken, text.replace("      - /lithify\n", "      - /elsewhere\n")).unwrap();
    let up = docker.compose(&broken, ["up", "--detach"]);
    assert_ne!(up.code, 0, "{up:?}");
    assert!(!docker.client(["ps"]).stdout.contains("test_web_1"));
}

#[test]
fn compose_with_a_writable_root() {
    let docker = Docker::with(&IMAGES);
    let directory = tempfile::tempdir().unwrap();
    let (writable, plain) = (directory.path().join("compose.yaml"), directory.path().join("plain.yaml"));
    let text = fs::read_to_string(example()).unwrap();
    let (lithify, web) = text.split_once("  web:\n").unwrap();
    for line in ["    read_only: true\n", "    tmpfs: [/run, /var/cache/nginx]\n"] {
        assert!(web.contains(line), "{line}");
    }
    let web = web.replace("    read_only: true\n", "").replace("    tmpfs: [/run, /var/cache/nginx]\n", "");
    fs::write(&writable, format!("{lithify}  web:\n{web}")).unwrap();

    // Before: the same without lithify's entrypoint.
    let without: String =
        web.lines().filter(|line| !line.contains("entrypoint:")).map(|line| format!("{line}\n")).collect();
    fs::write(&plain, format!("{lithify}  web:\n{without}")).unwrap();
    starts(&docker, &plain);
    // Some need capabilities that the container has not.
    assert!(by_exec(&docker) >= 10);

    starts(&docker, &writable);
    logs(&docker, "test_web_1", "removed");
    assert_eq!(by_exec(&docker), 0);
    // A restarted container keeps its files, and what was removed; there is nothing to do, and the app starts.
    docker.compose(&writable, ["restart", "--timeout", "5", "web"]).exits(0);
    assert!(docker.http("http://127.0.0.1:8080/").contains("Welcome to nginx!"));
    logs(&docker, "test_web_1", "nothing to remove");
    docker.compose(&writable, ["down", "--timeout", "5", "--volumes"]).exits(0);
}
