//! Faults that last: a call that never works, or not when it is tried again.

use nix::errno::Errno;
use nix::libc::{SYS_newfstatat, SYS_openat, SYS_openat2, SYS_statx};

use super::place::Programs;
use super::scenario::{REFUSES, Scenario, hardened, scenario};
use super::tracer::{Action, Fault};

/// Linux 6.6; libc does not have it for musl.
const SYS_FCHMODAT2: nix::libc::c_long = 452;

fn run(programs: &Programs, scenario: &Scenario, fault: Option<Fault>) -> (super::place::Ended, super::place::Place) {
    let place = scenario.place(programs);
    (place.run(programs, &scenario.start, fault), place)
}

/// An old runtime's seccomp filter answers `EPERM` for what it does not know, an old kernel `ENOSYS`.
#[test]
fn stage_copies_without_fchmodat2() {
    let programs = Programs::new();
    let scenario = scenario("stage", "stage -p /profile.toml /bin /data --to /volume", REFUSES);
    let (_, expected) = run(&programs, &scenario, None);
    for errno in [Errno::EPERM, Errno::ENOSYS] {
        let action = Action::Fail(errno);
        let fault = Fault { number: SYS_FCHMODAT2, nth: 1, times: usize::MAX, action };
        let (ended, place) = run(&programs, &scenario, Some(fault));
        assert!(ended.code == 0 && ended.met, "{errno}: {}", ended.all());
        assert_eq!(place.contents(), expected.contents(), "{errno}");
    }
}

/// harden's mark is read a second time if it cannot be read; and if it cannot be read then, either, it may be read by the walk.
#[test]
fn a_digest_is_right_or_there_is_none() {
    let programs = Programs::new();
    let scenario = scenario("seal", "seal", REFUSES).with_threads().prepared(hardened);
    let (expected, _) = run(&programs, &scenario, None);
    assert_eq!(expected.code, 0, "{}", expected.all());
    let mut failed = 0;
    for number in [SYS_openat, SYS_openat2, SYS_statx, SYS_newfstatat] {
        let count = expected.calls.iter().find(|(made, _)| *made == number).map_or(0, |(_, count)| *count);
        for nth in 1..=count.min(25) {
            let fault = Fault { number, nth, times: 2, action: Action::Fail(Errno::EIO) };
            let (ended, _) = run(&programs, &scenario, Some(fault));
            assert!(ended.code != 0 || ended.stdout == expected.stdout, "{number} {nth}: {}", ended.all());
            failed += usize::from(ended.code != 0);
        }
    }
    assert!(failed > 0);
}
