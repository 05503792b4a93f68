//! When to stop: a point of the monotonic clock, looked at between steps.

use std::time::{Duration, Instant};

/// A moment, or never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// `time` from now; one that the clock cannot express is never.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// Whether it has come.
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|moment| Instant::now() >= moment)
    }

    /// How long until then: 0 when it is over, the greatest of all durations when it never comes.
    pub fn remaining(self) -> Duration {
        self.0.map_or(Duration::MAX, |moment| moment.saturating_duration_since(Instant::now()))
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
