//! When the kubelet calls a probe.

use crate::yaml::Node;

/// The timing of a probe. The kubelet's defaults stand in for missing fields.
pub(crate) struct Timing {
    /// Seconds before the first try.
    pub(crate) delay: u64,
    /// How many tries may fail.
    pub(crate) tries: u64,
    /// Seconds between tries.
    pub(crate) period: u64,
}

impl Timing {
    pub(crate) fn of(probe: &Node) -> Self {
        let number = |key, default| probe.number_of(key).unwrap_or(default);
        Self {
            delay: number("initialDelaySeconds", 0),
            tries: number("failureThreshold", 3),
            period: number("periodSeconds", 10),
        }
    }

    /// The seconds until the last try.
    pub(crate) fn seconds(&self) -> u64 {
        self.delay.saturating_add(self.tries.saturating_mul(self.period))
    }
}
