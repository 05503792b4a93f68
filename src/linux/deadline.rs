//! When to stop: a point of the monotonic clock, looked at between steps.

use std::time::{Duration, Instant};

/// A moment, or never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// `time` from now; one that the clock cannot express is never.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time).map(|moment| (moment, time)))
    }

    /// Whether it has come.
    pub fn is_over(self) -> bool {
        self.exceeded().is_some()
    }

    /// The time limit, once it is over.
    pub fn exceeded(self) -> Option<Duration> {
        self.0.filter(|(moment, _)| Instant::now() >= *moment).map(|(_, limit)| limit)
    }

    /// How long until then: 0 when it is over, the greatest of all durations when it never comes.
    pub fn remaining(self) -> Duration {
        self.0.map_or(Duration::MAX, |(moment, _)| moment.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_now_and_later() {
        assert!(!Deadline::default().is_over() && Deadline::default().remaining() == Duration::MAX);
        assert!(Deadline::after(Duration::ZERO).is_over());
        assert!(!Deadline::after(Duration::MAX).is_over());
        let later = Deadline::after(Duration::from_secs(600));
        assert!(!later.is_over() && later.remaining() > Duration::from_secs(300));
    }
}
