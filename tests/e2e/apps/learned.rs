//! Apps whose profile `learn` writes: under a small load, from a container of the tree; and then a fresh container of the
//! same tree with that profile passes the same load, and is left with what the profile keeps. docs/learn.md shows the
//! figures; `LITHIFY_BLESS=1` writes them there.

mod images;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::images::IMAGES;
use super::figures::Figures;
use super::fix::{Site, quoted};
use super::kept::Keep;
use super::list::{APPS, App};
use super::way::{LITHIFY, Way};
use super::{client, docs};
use crate::harness::run_lithify;

/// Four apps of Debian's packages, and images of another kind.
mod quick {
    apps!(super::runs_with_what_was_learned; busybox gunicorn haproxy memcached nginx static_rust venv);

    #[test]
    fn each_is_in_the_docs() {
        let docs = std::fs::read_to_string(super::path()).unwrap();
        for name in NAMES.iter().chain(super::slow::NAMES) {
            let start = format!("\n| {} | `", super::named(name));
            assert_eq!(docs.matches(&start).count(), 1, "{start}");
        }
    }
}

/// `just apps`
mod slow {
    apps!(
        super::runs_with_what_was_learned;
        apache2 bind9 dnsmasq lighttpd mariadb mosquitto node php_fpm postgres puma python rabbitmq redis squid tomcat
        varnish vsftpd
    );
}

const PAGE: &str = "docs/learn.md";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PAGE)
}

/// An app's name, by that of its test.
fn named(test: &str) -> String {
    test.replace('_', "-")
}

fn runs_with_what_was_learned(test: &str) {
    let name = named(test);
    let app = APPS.iter().chain(IMAGES).find(|app| app.name == name).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let profile = learn(app, &directory);
    run_lithify(["profile", "check", profile.to_str().unwrap()]).exits(0);
    let text = fs::read_to_string(&profile).unwrap();
    let keep = Keep::of(&profile);
    let before = Figures::of(app.spec().create().root());
    let mut after = None;
    let mut left = BTreeSet::new();
    for way in Way::ALL {
        let context = format!("{name} {way:?}");
        let container = way
            .harden(app, &Site::with_profile(app, &profile))
            .unwrap_or_else(|refused| panic!("{context}: {}\n{text}", refused.all()));
        assert!(client::passes_the_load(app, &container), "{context}: {}\n{text}", container.log());
        let again = container.restart() && client::passes_the_load(app, &container);
        assert!(again, "{context}, again: {}\n{text}", container.log());
        left.extend(keep.is_all_that_scan_finds(&context, &container));
        after = Some(Figures::of(container.root()));
    }
    let left: Vec<_> = left.iter().map(|path| format!("`{path}`")).collect();
    let command: Vec<_> = app.command.iter().map(|word| quoted(word)).collect();
    let start = format!("| {name} | ");
    let cells = Figures::cells(&before, &after.unwrap());
    docs::compare(PAGE, &start, &format!("{start}`{}` | {cells} | {} |", command.join(" "), left.join(", ")));
}

/// The profile that is written when the container is stopped.
#[track_caller]
fn learn(app: &App, directory: &tempfile::TempDir) -> PathBuf {
    let command = [&[LITHIFY, "learn", "--out", "/out/profile.toml", "--"], app.command].concat();
    let container = app.spec().command(&command).volume(directory.path(), "/out", &["rw"]).start();
    assert!(client::passes_the_load(app, &container), "{} learn: {}", app.name, container.log());
    kill(Pid::from_raw(container.pid().parse().unwrap()), Signal::SIGTERM).unwrap();
    container.wait_until_it_ends();
    let profile = directory.path().join("profile.toml");
    assert!(profile.is_file(), "{} learn: {}", app.name, container.log());
    profile
}
