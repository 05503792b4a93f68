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
