//! `profiles/apps`: each is applied to a fresh container of its app in each way that fits. The app works, starts again, and
//! `scan` finds only what `[keep]` names. `profiles/apps/README.md` shows what was seen; `LITHIFY_BLESS=1` writes it there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::fix::Site;
use super::kept::{Keep, profile};
use super::list::{App, app};
use super::running::Running;
use super::way::{LITHIFY, Way, environment, strs};
use super::{client, docs};
use crate::harness::container::Spec;
use crate::harness::run_lithify;

/// Those whose trees are made in seconds.
mod quick {
    apps!(super::works; gunicorn haproxy memcached mosquitto squid);

    #[test]
    fn each_is_tried_and_in_the_docs() {
        use std::collections::BTreeSet;
        let tests: BTreeSet<_> = NAMES.iter().chain(super::slow::NAMES).map(|name| name.replace('_', "-")).collect();
        assert_eq!(super::names(), tests);
    }
}

/// `just apps`
mod slow {
    apps!(super::works; bind9 mariadb node php_fpm postgres rabbitmq tomcat varnish);
}

const PAGE: &str = "profiles/apps/README.md";

/// The files, by their names.
fn names() -> BTreeSet<String> {
    let directory = profile("x").parent().unwrap().to_owned();
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn works(test: &str) {
    let name = test.replace('_', "-");
    let (app, profile) = (app(&name), profile(&name));
    run_lithify(["profile", "check", profile.to_str().unwrap()]).exits(0);
    let keep = Keep::of(&profile);
    let mut left = BTreeSet::new();
    let mut cells = Vec::new();
    for way in Way::ALL {
        let (site, lives) = site(app, &profile, way);
        if lives == Lives::Not {
            cells.push("no");
            continue;
        }
        let context = format!("{name} {way:?}");
        let container = way.harden(app, &site).unwrap_or_else(|refused| panic!("{context}: {}", refused.all()));
        assert!(client::passes_the_load(app, &container), "{context}: {}", container.log());
        if lives == Lives::On {
            assert!(
                container.restart() && client::passes_the_load(app, &container),
                "{context} again: {}",
                container.log()
            );
        }
        left.extend(keep.is_all_that_scan_finds(&context, &container));
        cells.push(if lives == Lives::On { "works" } else { "works, once" });
    }
    cells.push(if staged(app, &profile, &keep) { "works" } else { "no" });
    let left: Vec<_> = left.iter().map(|path| format!("`{path}`")).collect();
    let start = format!("| [{name}]({name}.toml) | ");
    docs::compare(PAGE, &start, &format!("{start}{} | {} |", cells.join(" | "), left.join(", ")));
}

/// How often an app starts in its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lives {
    On,
    /// What starts it goes once it is up.
    Once,
    Not,
}

/// How the app is started this way, and how often.
fn site(app: &App, profile: &Path, way: Way) -> (Site, Lives) {
    let mut site = Site::with_profile(app, profile);
    let lives = match (app.name, way) {
        ("varnish", Way::Build) => Lives::Not,
        ("varnish", Way::Run) => {
            site.after_start();
            Lives::Once
        }
        ("varnish" | "tomcat", Way::Probe) => Lives::Once,
        ("tomcat", _) => {
            site.by_its_program(&Running::of(app));
            Lives::On
        }
        // In place of gosu, which goes, lithify changes the user.
        ("postgres" | "rabbitmq", Way::Probe) => Lives::Once,
        ("postgres" | "rabbitmq", Way::Build) => {
            let by_lithify = [LITHIFY, "run", "--user", app.command[1], "--"].map(str::to_owned);
            site.command.splice(..2, by_lithify);
            Lives::On
        }
        ("postgres" | "rabbitmq", Way::Run) => {
            site.user = Some(app.command[1]);
            site.command.drain(..2);
            Lives::On
        }
        _ => Lives::On,
    };
    (site, lives)
}

/// An init container makes a copy of /usr without what goes, and the app has that in its place; whether that fits.
#[track_caller]
fn staged(app: &App, profile: &Path, keep: &Keep) -> bool {
    let (site, lives) = site(app, profile, Way::Build);
    if lives == Lives::Not {
        return false;
    }
    let (volume, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let flags = site.flags(own.path());
    let stage = [&[LITHIFY, "stage"], strs(&flags).as_slice(), &["/usr", "--to", "/staged"]].concat();
    let spec =
        app.spec().command(&stage).volume(volume.path(), "/staged", &["rw"]).volume(own.path(), "/site", &["ro"]);
    spec.run().0.exits(0);
    let usr = volume.path().join("root/usr");
    let container = with(&site, app).volume(&usr, "/usr", &["ro"]).start();
    assert!(client::passes_the_load(app, &container), "{} staged: {}", app.name, container.log());
    assert!(
        container.restart() && client::passes_the_load(app, &container),
        "{} staged, again: {}",
        app.name,
        container.log()
    );
    let found =
        run_lithify(["scan", "--root", volume.path().join("root").to_str().unwrap(), "--format", "json"]).json();
    for program in found["programs"].as_array().unwrap() {
        let path = program["path"].as_str().unwrap();
        assert!(keep.names(container.root(), path), "{} staged: scan finds {path}", app.name);
    }
    true
}

/// A container of the app, started as the site says.
fn with(site: &Site, app: &App) -> Spec {
    app.spec().command(&strs(&site.command)).environment(&environment(&site.environment))
}

/// Whoever logs in is given a shell by it: that is what it is for.
#[test]
fn openssh_is_refused_with_a_reason() {
    let app = app("sshd");
    let refused = Way::Probe.harden(app, &Site::new(app)).err().unwrap();
    refused.exits(1).says("still runs /usr/sbin/sshd, which profile network-tools removes");
}
