//! When to stop: a moment of the monotonic clock, which callers check between steps.

use std::time::{Duration, Instant};

/// A moment, or never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// The moment `time` from now. A moment that the clock cannot express is never.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time).map(|moment| (moment, time)))
    }

    /// Whether the moment has come.
    pub fn is_over(self) -> bool {
        self.exceeded().is_some()
    }

    /// The time limit that was given, once it is over.
    pub fn exceeded(self) -> Option<Duration> {
        self.0.filter(|(moment, _)| Instant::now() >= *moment).map(|(_, limit)| limit)
    }

    /// How long until the moment: 0 once it has come, [`Duration::MAX`] if it never comes.
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
