//! When the container's first process started, by the clock that files are stamped with.

use std::time::Duration;

use nix::errno::Errno;

use super::Target;
use super::app::{App, TICKS_PER_SECOND};
use super::owner::{Owner, OwnerError};
use super::processes::ProcessError;
use crate::linux::sys::process::{time_now, time_since_boot};
use crate::linux::time::Time;

/// How far a file's time of change may lie behind the clock. The kernel stamps files with the time of its last timer
/// interrupt, of which there are at least 100 a second.
pub const COARSE: Duration = Duration::from_millis(10);

/// The time from which on a change counts as one after the start: a little too early rather than too late. `app` is one
/// look at the processes of `target`. Fails if no process is certainly the container's first.
pub fn start(target: &Target, app: &App) -> Result<Time, OwnerError> {
    match &target.owner {
        Owner::Directory { .. } => return Err(OwnerError::Directory),
        Owner::Unknown(error) => return Err(error.clone()),
        Owner::Own { .. } | Owner::Process { .. } | Owner::Started { .. } => {}
    }
    let first = app.first.as_ref().ok_or(OwnerError::NoFirst)?;
    // In this order: what passes between the two makes the start earlier.
    let clocks = || -> Result<_, Errno> { Ok((time_now()?, time_since_boot()?)) };
    let (now, since_boot) = clocks().map_err(ProcessError)?;
    Ok(started(first.start, since_boot, now))
}

/// The start of a process that started `ticks` after the machine. The kernel has rounded the ticks down.
fn started(ticks: u64, since_boot: Duration, now: Time) -> Time {
    let start = Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND)).saturating_sub(COARSE);
    now.before(since_boot.saturating_sub(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(seconds: i64, nanoseconds: u32) -> Time {
        Time { seconds, nanoseconds }
    }

    #[test]
    fn by_ticks_and_two_clocks() {
        let boot = Duration::new(1000, 0);
        assert_eq!(started(90_000, boot, time(5000, 0)), time(4899, 990_000_000));
        assert_eq!(started(100_000, boot, time(5000, 5_000_000)), time(4999, 995_000_000));
        assert_eq!(started(0, boot, time(5000, 0)), time(4000, 0), "process 1 of the machine");
    }

    #[test]
    fn a_clock_that_was_set_back_makes_later_changes_lie_in_the_future() {
        // It started at 5000, wrote a file at 5100, and then somebody set the clock back by 1000 seconds.
        let start = started(50_000, Duration::from_secs(700), time(4200, 0));
        assert!(time(5100, 0) >= start && start < time(4001, 0));
    }

    proptest! {
        #[test]
        fn never_later_than_the_true_start(start in 0u64..1 << 40, age in 0u64..1 << 40, now in 1u32..) {
            // In milliseconds since boot; a file that was written right at the start has a time up to 10 ms earlier.
            let (start, age) = (Duration::from_millis(start), Duration::from_millis(age));
            let now = time(i64::from(now), 0);
            let ticks = u64::try_from(start.as_millis()).unwrap() / 10;
            let earliest = now.before(age + COARSE.min(start));
            prop_assert!(started(ticks, start + age, now) <= earliest);
            prop_assert!(started(ticks, start + age, now) >= now.before(age + 2 * COARSE));
        }
    }
}
