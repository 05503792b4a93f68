//! `[confine]`: what the app reaches outside of itself, each way by an attempt; and what a kernel does not enforce.

use std::fs;

use crate::harness::container::{Container, Spec};
use crate::harness::init_app::reach;

use super::landlock::{CONFINE, assert_log, ended, restricted, run, with_profile};

/// The log of the app: not confined, or by these keys.
fn attempt(keys: Option<&str>, flags: &[&str], command: &[&str]) -> String {
    let (spec, _profile) = confined(keys, flags, command);
    ended(spec).log()
}

fn confined(keys: Option<&str>, flags: &[&str], command: &[&str]) -> (Spec, tempfile::TempDir) {
    let profile: &[&str] = if keys.is_some() { &["-p", "/profile/site.toml"] } else { &["--init"] };
    let spec = restricted("nginx", &run(&[profile, flags].concat(), command));
    let text = keys.map(|keys| format!("[confine]\n{keys}\n")).unwrap_or_default();
    with_profile(spec.volume(reach().parent().unwrap(), "/reach", &["ro"]), &text)
}

/// Whether this kernel's Landlock is older than `abi`. If so, the report says it, and the app was not started.
#[track_caller]
fn is_too_old(log: &str, abi: u32) -> bool {
    let Some((_, rest)) = log.split_once("this kernel's Landlock (ABI ") else { return false };
    let (version, _) = rest.split_once(')').unwrap();
    assert!(version.parse::<u32>().unwrap() < abi && rest.contains(&format!("(ABI {abi}, Linux ")), "{log}");
    assert!(!log.contains(": worked"), "the app was started: {log}");
    true
}

#[track_caller]
fn assert_outcomes(log: &str, expected: &[(&str, &str)]) {
    for (what, outcome) in expected {
        assert!(log.contains(&format!("{what}: {outcome}\n")), "not {what}: {outcome}:\n{log}");
    }
}

const NO: &str = "Permission denied";
const YES: &str = "worked";

#[test]
fn only_a_listed_port_is_bound() {
    let command = ["/reach/reach", "bind", "8080", "8081"];
    let ways = ["bind listed", "bind other", "bind any", "listen without bind", "bind UDP"];
    assert_outcomes(&attempt(None, &[], &command), &ways.map(|way| (way, YES)));
    for (keys, listed, any) in
        [("bind = [8080]", YES, NO), ("bind = [8080, 0]", YES, YES), ("bind = []\nconnect = [8080]", NO, NO)]
    {
        let log = attempt(Some(keys), &[], &command);
        if is_too_old(&log, 4) {
            return;
        }
        assert_outcomes(&log, &[("bind listed", listed), ("bind other", NO), ("bind any", any)]);
        // What docs/run.md says that it does not stop.
        assert_outcomes(&log, &[("listen without bind", YES), ("bind UDP", YES)]);
    }
    // A child, and the app of a first process that stays.
    let child = ["/app/app", "run", "/reach/reach", "bind", "8080", "8081"];
    let log = attempt(Some("bind = [8080]"), &["--init"], &child);
    assert_outcomes(&log, &[("bind listed", YES), ("bind other", NO)]);
}

#[test]
fn a_listed_port_under_1024_still_needs_its_capability() {
    let command = ["/reach/reach", "bind", "80", "8081"];
    for keys in [None, Some("bind = [80]")] {
        assert_outcomes(&attempt(keys, &[], &command), &[("bind listed", NO)]);
    }
}

#[test]
fn only_a_listed_port_is_connected_to() {
    let command = ["/reach/reach", "connect", "5432", "5433"];
    let ways = ["connect listed", "connect other", "send UDP"];
    assert_outcomes(&attempt(None, &[], &command), &ways.map(|way| (way, YES)));
    for (keys, listed) in [("connect = [5432]", YES), ("connect = []", NO)] {
        let log = attempt(Some(keys), &[], &command);
        if is_too_old(&log, 4) {
            return;
        }
        assert_outcomes(&log, &[("connect listed", listed), ("connect other", NO), ("send UDP", YES)]);
        // docs/run.md says that these are not stopped; some kernels stop them, or do not have them.
        for way in ["connect MPTCP: ", "connect fast open: "] {
            assert!(log.contains(way), "{log}");
        }
    }
}

/// The app's log after a process outside of the confinement has been started.
fn with_outsider(keys: Option<&str>, flags: &[&str], command: &[&str], outside: &[&str]) -> String {
    let (spec, _profile) = confined(keys, flags, command);
    let container = spec.start();
    if !(keys.is_some() && container.log().contains("this kernel's Landlock")) {
        start_outside(&container, outside);
    }
    container.wait_until_it_ends();
    container.log()
}

/// It may be killed at once, when the app, the first process, has ended.
fn start_outside(container: &Container, command: &[&str]) {
    let _ = container.exec(command);
}

#[test]
fn a_signal_stays_inside() {
    let (command, outside) = (["/reach/reach", "signal", "outside"], ["/reach/reach", "wait", "outside"]);
    let inside = ["signal to itself", "signal to a child", "signal to the parent"].map(|way| (way, YES));
    for (keys, flags, outcome) in [
        (None, &[][..], YES),
        // It is confined, and asks for no scope.
        (Some("write = [\"/tmp\"]"), &[], YES),
        (Some("scope = [\"abstract-unix-socket\"]"), &[], YES),
        (Some("scope = [\"signal\"]"), &[], "Operation not permitted"),
        (Some("scope = [\"signal\"]"), &["--init"], "Operation not permitted"),
    ] {
        let log = with_outsider(keys, flags, &command, &outside);
        if is_too_old(&log, 6) {
            continue;
        }
        assert_outcomes(&log, &[("is it there", outcome), ("signal outside", outcome)]);
        assert_outcomes(&log, &inside);
    }
}

#[test]
fn an_abstract_socket_outside_is_reached_unless_it_is_out_of_scope() {
    let (command, outside) = (["/app/app", "connect", "outside"], ["/app/app", "listen", "outside"]);
    for (keys, outcome) in [
        ("write = [\"/tmp\"]\nexecute = []", YES),
        ("scope = [\"signal\"]", YES),
        ("scope = [\"abstract-unix-socket\"]", "Operation not permitted"),
        ("scope = [\"signal\", \"abstract-unix-socket\"]", "Operation not permitted"),
    ] {
        let log = with_outsider(Some(keys), &[], &command, &outside);
        if !is_too_old(&log, 6) {
            assert_outcomes(&log, &[("abstract socket", outcome)]);
            assert!(log.contains("[confine]: Landlock ABI "), "{log}");
        }
    }
}

#[test]
fn only_a_listed_device_is_controlled() {
    let devices = tempfile::tempdir().unwrap();
    fs::set_permissions(devices.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The generator of random numbers, under a name that lithify does not know.
    let device = devices.path().join("generator");
    let (mode, number) = (nix::sys::stat::Mode::from_bits_truncate(0o444), nix::sys::stat::makedev(1, 9));
    nix::sys::stat::mknod(&device, nix::sys::stat::SFlag::S_IFCHR, mode, number).unwrap();
    let try_it = |keys: Option<&str>, device: &str| {
        let (spec, _profile) = confined(keys, &[], &["/reach/reach", "ioctl", device]);
        ended(spec.volume(devices.path(), "/devices", &["ro"])).log()
    };
    for (keys, device, outcome) in [
        (None, "/devices/generator", YES),
        (Some("write = []"), "/devices/generator", YES),
        (Some("ioctl = []"), "/devices/generator", NO),
        (Some("ioctl = [\"/dev/mem\"]"), "/devices/generator", NO),
        (Some("ioctl = [\"/devices/generator\"]"), "/devices/generator", YES),
        (Some("ioctl = [\"/devices\"]\nwrite = []\nexecute = []"), "/devices/generator", YES),
        // A harmless one.
        (Some("ioctl = []"), "/dev/urandom", YES),
    ] {
        let log = try_it(keys, device);
        if !is_too_old(&log, 5) {
            assert_outcomes(&log, &[("open", YES), ("ioctl", outcome)]);
        }
    }
    assert!(try_it(Some("ioctl = [\"/dev/mem\"]\nmode = \"best-effort\""), "/dev/urandom").contains("/dev/mem"));
}

#[test]
fn require_stops_the_app_and_best_effort_says_what_is_missing() {
    for (mode, starts) in [("", false), ("mode = \"require\"\n", false), ("mode = \"best-effort\"\n", true)] {
        let start = |confine: &str, make: fn(Spec) -> Spec| {
            let spec = restricted("nginx", &run(&["-p", "/profile/site.toml"], &["/usr/bin/printf", "started"]));
            let (spec, _profile) = with_profile(spec, &format!("{confine}{mode}"));
            let container = ended(make(spec));
            assert_eq!(container.log().contains("started"), starts, "{mode}: {}", container.log());
            assert_eq!(container.termination_message().is_empty(), starts);
            container
        };
        let container = start(CONFINE, |spec| spec.refuse("landlock_create_ruleset", nix::libc::EPERM));
        assert_log(&container, &["Landlock is not available: a seccomp profile refuses it (EPERM)"]);
        // An older kernel, with some of it and with none of it.
        let container = start(&format!("{CONFINE}bind = [80]\n"), Spec::oldest_landlock);
        assert_log(&container, &["truncation (ABI 3, Linux 6.2), bind (ABI 4, Linux 6.7)"]);
        let says = if starts { "Landlock ABI 0, partially enforced, without " } else { "Landlock (ABI 0) lacks " };
        assert_log(&container, &[says]);
        let container = start("[confine]\nscope = [\"signal\"]\nioctl = []\naudit = true\n", Spec::oldest_landlock);
        let lacks = "ioctl (ABI 5, Linux 6.10), scope \"signal\" (ABI 6, Linux 6.12), audit (ABI 7, Linux 6.15)";
        assert_log(&container, &[&format!("this kernel's Landlock (ABI 0) lacks {lacks}")]);
    }
    // The log restricts nothing: that a kernel does not have it is no reason to stay down, unless a profile says so.
    for (audit, says) in [("", "Landlock ABI 0, fully enforced"), ("audit = true", "lacks audit (ABI 7, Linux 6.15)")] {
        let (spec, _profile) = confined(Some(&format!("execute = []\n{audit}")), &[], &["/app/app", "exit", "0"]);
        assert_log(&ended(spec.oldest_landlock()), &[says]);
    }
}
