//! Which signal the app gets for which: `TERM=QUIT`, `WINCH=ignore`.

use crate::text::escape::escape;

/// For every signal the one that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalMap([u8; SIGNALS + 1]);

/// The greatest signal of the kernel (`_NSIG`), the last real-time one.
const SIGNALS: usize = 64;

/// `SIGRTMIN` as kill(1) and the GNU C library count: that library keeps the two before it for itself.
const FIRST_REALTIME: u8 = 34;

/// Names of the signals from 1 on, as signal(7) numbers them on x86 and ARM.
const NAMES: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// A text that is not an entry of the map.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignalMapError {
    /// It has no `=`.
    #[error("{}: write FROM=TO, as in TERM=QUIT, or FROM=ignore", escape(.0.as_bytes()))]
    Form(String),
    /// One side is not a signal.
    #[error("{}: not a signal; write TERM, 15 or RTMIN+1", escape(.0.as_bytes()))]
    Unknown(String),
    /// A signal that the first process never gets, or never passes on.
    #[error("{}: KILL, STOP and CHLD are never passed on, so that none can take their place", escape(.0.as_bytes()))]
    NotPassedOn(String),
}

impl Default for SignalMap {
    /// Every signal is passed on as it is.
    fn default() -> Self {
        Self(std::array::from_fn(|signal| u8::try_from(signal).unwrap_or_default()))
    }
}

impl SignalMap {
    /// Reads `FROM=TO` or `FROM=ignore`, each a signal as [`number`] reads it.
    pub fn add(&mut self, text: &str) -> Result<(), SignalMapError> {
        let (from, to) = text.split_once('=').ok_or_else(|| SignalMapError::Form(text.to_owned()))?;
        let signal = |text: &str| number(text).ok_or_else(|| SignalMapError::Unknown(text.to_owned()));
        let (from, to) = (signal(from)?, if to == "ignore" { 0 } else { signal(to)? });
        if NEVER.contains(&from) {
            return Err(SignalMapError::NotPassedOn(text.to_owned()));
        }
        self.set(from, to);
        Ok(())
    }

    /// From now on the app gets `to` for `from`; nothing if that is 0.
    pub fn set(&mut self, from: u8, to: u8) {
        if let Some(slot) = self.0.get_mut(usize::from(from)) {
            *slot = to;
        }
    }

    /// What is passed on for `signal`; `None` for a signal that is ignored.
    pub fn passed_on(&self, signal: i32) -> Option<i32> {
        let to = usize::try_from(signal).ok().and_then(|signal| self.0.get(signal)).copied().unwrap_or_default();
        Some(i32::from(to)).filter(|to| *to != 0)
    }
}

/// SIGKILL, SIGCHLD and SIGSTOP.
const NEVER: [u8; 3] = [9, 17, 19];

/// The number of a signal: `TERM`, `SIGTERM`, `15`, `RTMIN`, `RTMIN+3` or `RTMAX-2`.
pub fn number(text: &str) -> Option<u8> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let named = NAMES.split(' ').zip(1..).find(|(known, _)| *known == name).map(|(_, number)| number);
    let offset = |text: &str, sign| match text.strip_prefix(sign) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u8>().ok(),
        _ => text.is_empty().then_some(0),
    };
    let realtime = || match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(above), _) => offset(above, '+')?.checked_add(FIRST_REALTIME),
        (_, Some(below)) => 64u8.checked_sub(offset(below, '-')?).filter(|number| *number >= FIRST_REALTIME),
        _ => None,
    };
    let plain = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    named.or_else(realtime).or_else(plain).filter(|number| (1..=SIGNALS).contains(&usize::from(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::Signal;

    #[test]
    fn signals_by_name_and_number() {
        for known in Signal::iterator() {
            let expected = u8::try_from(known as i32).ok();
            let digits = (known as i32).to_string();
            for text in [known.as_str(), known.as_str().trim_start_matches("SIG"), &digits] {
                assert_eq!(number(text), expected, "{text}");
            }
        }
        for (text, expected) in
            [("RTMIN", 34), ("SIGRTMIN+1", 35), ("RTMIN+30", 64), ("RTMAX", 64), ("RTMAX-30", 34), ("64", 64)]
        {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "SIG",
            "0",
            "65",
            "-1",
            "+1",
            "term",
            "TERM KILL",
            "RTMIN+31",
            "RTMAX-31",
            "RTMIN-1",
            "RTMIN++1",
            "RTMIN+",
            "256",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn what_the_app_gets() {
        let mut map = SignalMap::default();
        for signal in 1..=64 {
            assert_eq!(map.passed_on(signal), Some(signal));
        }
        for text in ["TERM=QUIT", "SIGWINCH=ignore", "1=RTMIN+1", "INT=KILL"] {
            map.add(text).unwrap();
        }
        let seen = [15, 28, 1, 2, 3].map(|signal| map.passed_on(signal));
        assert_eq!(seen, [Some(3), None, Some(35), Some(9), Some(3)]);
        for (text, says) in [
            ("TERM", "write FROM=TO"),
            ("TERM=", "not a signal"),
            ("=TERM", "not a signal"),
            ("TERM=Quit", "not a signal"),
            ("KILL=TERM", "never passed on"),
            ("CHLD=ignore", "never passed on"),
        ] {
            let error = map.add(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
