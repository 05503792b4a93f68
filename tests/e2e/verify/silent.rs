//! A mount whose server does not answer holds nobody up: it is left out, and said.

use std::time::{Duration, Instant};

use super::settings::{bring, sleeper};
use crate::harness::Ran;
use crate::harness::container::Container;

/// What is left of the app's root is looked at, whatever is asked.
const KEYS: &str = "[remove]\nclasses = [\"shell\"]\n[verify.mounts]\nread_only = [\"/net\"]\nnoexec = [\"/net\"]\n\
                    [verify.exposure]\nruntime_socket = false\nhost_paths = false\n[verify.drift]\nexecutables = true\n";

/// lithify in a container that has such a mount. It asks for three seconds, and the runtime takes its time on a busy machine.
fn lithify(container: &Container, arguments: &[&str]) -> Ran {
    let start = Instant::now();
    let ran = container.lithify(arguments);
    assert!(start.elapsed() < Duration::from_secs(120), "{arguments:?}: {:?}", start.elapsed());
    ran
}

const SAID: &str = "/net: the server of this mount (fuse.silent) does not answer";
const LEFT_OUT: &str = "note: left out, because the server of these mounts does not answer: /net (fuse.silent)";

#[test]
fn verify_finds_it() {
    let container = sleeper().start();
    let profile = bring(&container, "p", KEYS);
    let server = container.mount_silent("/net");
    let nothing = bring(&container, "n", "[verify.process]\nno_new_privs = false\n");
    lithify(&container, &["verify", "-p", &nothing])
        .exits(1)
        .says(&format!("UNVERIFIED inventory /: could not be looked at: {SAID}"))
        .says("  fix: what waits for it waits, too");
    let ran = lithify(&container, &["verify", "-p", &profile]).exits(1);
    ran.says(&format!("UNVERIFIED mounts.read_only /net: {SAID}"))
        .says("FAIL remove /usr/bin/dash")
        .does_not_say("exposure.runtime_socket");
    // By a link, too.
    container.exec(["ln", "-s", "/usr/../net", "/link"]).exits(0);
    let linked = bring(&container, "l", "[verify.files]\npresent = [\"/link/x\"]\n");
    lithify(&container, &["verify", "-p", &linked]).exits(1).says(&format!("UNVERIFIED files.present /link/x: {SAID}"));
    let ran = lithify(&container, &["verify", "--prove", "-p", &profile]).exits(1);
    ran.says(&format!("UNVERIFIED prove.execute /net: to write a program there and start it was not tried: {SAID}"))
        .says("FAIL prove.start /usr/bin/dash");
    // Somebody answers again, although with an error.
    drop(server);
    lithify(&container, &["verify", "-p", &nothing]).exits(0);
}

#[test]
fn nothing_else_waits_for_it() {
    let container = sleeper().start();
    let profile = bring(&container, "p", "[remove]\nclasses = [\"shell\"]\n");
    let named = bring(&container, "m", "[remove]\npaths = [\"/net/**/sh\"]\n");
    let _server = container.mount_silent("/net");
    // Nothing on other mounts is removed, so nothing is missed.
    lithify(&container, &["harden", "--dry-run", "-p", &profile]).exits(0).says(LEFT_OUT);
    lithify(&container, &["scan"]).exits(0).says(&format!("UNVERIFIED scan: {SAID}"));
    lithify(&container, &["scan", "--fail-on", "all"]).exits(1).says(&format!("UNVERIFIED scan: {SAID}"));
    lithify(&container, &["diff"]).exits(0).says(LEFT_OUT);
    lithify(&container, &["seal", "--only", "executables"]).exits(0).says("lithify1x-sha256:").says(LEFT_OUT);
    // Where a rule leads there, it is not known what it would remove.
    lithify(&container, &["harden", "-p", &named])
        .exits(1)
        .says(&format!("UNVERIFIED inventory /: could not be looked at: {SAID}"));
    lithify(&container, &["run", "-p", &named, "--", "/usr/bin/id"]).exits(125).says(SAID).does_not_say("uid=");
    lithify(&container, &["run", "-p", &profile, "--", "/usr/bin/id"]).exits(0).says("uid=0").says(LEFT_OUT);
    lithify(&container, &["harden", "-p", &profile]).exits(0).says(LEFT_OUT);
}

#[test]
fn a_server_that_takes_the_request_holds_no_reader_of_the_output() {
    let container = sleeper().start();
    let profile = bring(&container, "p", "[remove]\nclasses = [\"shell\"]\n");
    let _server = container.mount_greedy("/net");
    // The runtime waits for the end of the streams, which a child that cannot be killed must not have.
    lithify(&container, &["harden", "-p", &profile]).exits(0).says(LEFT_OUT);
    lithify(&container, &["verify", "-p", &profile]).exits(1).says(SAID);
}

#[test]
fn a_server_that_answers_for_its_top_alone_is_silent() {
    let container = sleeper().start();
    let profile = bring(&container, "p", "[remove]\nclasses = [\"shell\"]\n[verify.files]\nabsent = [\"/net/sh\"]\n");
    let _server = container.mount_nameless("/net");
    lithify(&container, &["harden", "-p", &profile])
        .exits(1)
        .says(LEFT_OUT)
        .says(&format!("UNVERIFIED files.absent /net/sh: {SAID}"));
}

#[test]
fn nobody_waits_longer_than_the_deadline() {
    let container = sleeper().start();
    let profile = bring(&container, "p", "[remove]\nclasses = [\"shell\"]\n");
    let _server = container.mount_silent("/net");
    let takes = || {
        let start = Instant::now();
        lithify(&container, &["harden", "--deadline", "0.1", "-p", &profile]).exits(75);
        start.elapsed()
    };
    // The runtime takes its time on a busy machine.
    assert!((0..20).any(|_| takes() < Duration::from_secs(3)));
}

#[test]
fn copies_and_learned_profiles_are_made_without_it() {
    let container = sleeper().start();
    let profile = bring(&container, "p", "[remove]\nclasses = [\"shell\"]\n");
    let _server = container.mount_silent("/net");
    lithify(&container, &["stage", "-p", &profile, "/srv", "--to", "/var/tmp"]).exits(0).says(LEFT_OUT);
    lithify(&container, &["learn", "--", "/usr/bin/id"]).exits(0).says("uid=0").says(LEFT_OUT);
}

#[test]
fn many_others_are_asked_all_the_same() {
    let container = sleeper().start();
    let _server = container.mount_silent("/net");
    for number in 0..40 {
        // Somebody answers, although with an error.
        drop(container.mount_silent(&format!("/m/{number}")));
    }
    lithify(&container, &["diff"]).exits(0).says(LEFT_OUT).does_not_say("/m/");
}

#[test]
fn one_that_cannot_be_asked_is_not_said_to_be_silent() {
    let container = sleeper().start();
    let profile = bring(&container, "n", "[verify.process]\nno_new_privs = false\n");
    drop(container.mount_silent("/net"));
    let verify = "exec /lithify/lithify verify -p \"$0\"";
    let as_user = ["setpriv", "--reuid=65532", "--clear-groups"];
    let limited = ["prlimit", "--nproc=1:1", "sh", "-c", verify, profile.as_str()];
    container
        .exec([&as_user[..], &limited[..]].concat())
        .exits(1)
        .says("the server of this mount (fuse.silent) was not asked whether it answers, because no process could be started: Try again")
        .says("fix: give the container room for one more process");
}
