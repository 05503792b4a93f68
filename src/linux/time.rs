//! A moment of the system's clock, as file systems store it.

use std::time::Duration;

/// Seconds and nanoseconds since 1970 (`CLOCK_REALTIME`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds of the second, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Time {
    /// The moment that lies this long before.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let seconds = self.seconds.saturating_sub_unsigned(duration.as_secs());
        match self.nanoseconds.checked_sub(duration.subsec_nanos()) {
            Some(nanoseconds) => Self { seconds, nanoseconds },
            None => Self {
                seconds: seconds.saturating_sub(1),
                nanoseconds: self.nanoseconds + 1_000_000_000 - duration.subsec_nanos(),
            },
        }
    }

    /// How long this moment lies after `earlier`; zero if it does not.
    pub fn since(self, earlier: Self) -> Duration {
        let seconds = u64::try_from(self.seconds.saturating_sub(earlier.seconds)).unwrap_or(0);
        let end = Duration::new(seconds, self.nanoseconds);
        if self < earlier { Duration::ZERO } else { end.saturating_sub(Duration::new(0, earlier.nanoseconds)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn before_and_since_undo_each_other(seconds: i32, nanoseconds in 0u32..1_000_000_000, ago: u32, part in 0u32..1_000_000_000) {
            let time = Time { seconds: seconds.into(), nanoseconds };
            let ago = Duration::new(ago.into(), part);
            let earlier = time.before(ago);
            prop_assert!(earlier <= time && earlier.nanoseconds < 1_000_000_000);
            prop_assert_eq!(time.since(earlier), ago);
            prop_assert_eq!(earlier.since(time), Duration::ZERO);
        }
    }
}
