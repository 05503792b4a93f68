//! A moment of the system's clock, as file systems store it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds and nanoseconds since 1970 (`CLOCK_REALTIME`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds of the second, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Time {
    /// Now, by the system's clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: i64::try_from(since.as_secs()).unwrap_or(0), nanoseconds: since.subsec_nanos() }
    }

    /// The second in UTC, such as `2026-11-29T10:47:38Z` (RFC 3339).
    pub fn utc(self) -> String {
        let (days, second) = (self.seconds.div_euclid(86_400), self.seconds.rem_euclid(86_400));
        // The years begin in March, so that the day that some lack is their last one. 400 of them have 146,097 days.
        let day = days + 719_468;
        let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = year + era * 400 + later;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

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
    use std::process::Command;

    #[test]
    fn seconds_as_date_prints_them() {
        // All the borders of months and leap years, and what lies between.
        let mut seconds: Vec<i64> = (-20_000..60_000).step_by(7).map(|day| day * 86_400 + day % 86_400).collect();
        seconds.extend([0, -1, 951_782_400, 951_868_800, 4_107_542_400, 253_402_300_799, -62_135_596_800]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), seconds.iter().fold(String::new(), |text, second| text + &format!("@{second}\n")))
            .unwrap();
        let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-f"]).arg(file.path()).output().unwrap();
        let expected = String::from_utf8(date.stdout).unwrap();
        let seen: String = seconds.iter().map(|&seconds| Time { seconds, nanoseconds: 0 }.utc() + "\n").collect();
        assert_eq!(seen, expected);
        assert!(Time::now().utc().starts_with("20"));
    }

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
