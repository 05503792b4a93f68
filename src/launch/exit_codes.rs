//! Which exit code stands for which of the app's: `143=0`.

use crate::text::escape::escape;

/// For every exit code of the app the one to end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCodes([u8; 256]);

/// A text that is not an entry: it must be `FROM=TO`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}: write FROM=TO, each from 0 to 255, as in 143=0", escape(.0.as_bytes()))]
pub struct ExitCodeError(String);

impl Default for ExitCodes {
    /// Every exit code stands for itself.
    fn default() -> Self {
        Self(std::array::from_fn(|code| u8::try_from(code).unwrap_or_default()))
    }
}

impl ExitCodes {
    /// Reads `FROM=TO`.
    pub fn add(&mut self, text: &str) -> Result<(), ExitCodeError> {
        let code = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        let (from, to) = text
            .split_once('=')
            .and_then(|(from, to)| Some((code(from)?, code(to)?)))
            .ok_or_else(|| ExitCodeError(text.to_owned()))?;
        self.set(from, to);
        Ok(())
    }

    /// From now on `to` stands for `from`.
    pub fn set(&mut self, from: u8, to: u8) {
        if let Some(slot) = self.0.get_mut(usize::from(from)) {
            *slot = to;
        }
    }

    /// What to end with, where the app ended with `code`.
    pub fn of(&self, code: u8) -> u8 {
        self.0.get(usize::from(code)).copied().unwrap_or(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_for_itself_or_another() {
        let mut codes = ExitCodes::default();
        assert!((0..=255).all(|code| codes.of(code) == code));
        codes.add("143=0").unwrap();
        codes.add("0=3").unwrap();
        assert_eq!([codes.of(143), codes.of(0), codes.of(1)], [0, 3, 1]);
        for text in ["", "143", "143=", "=0", "256=0", "0=256", "-1=0", "+1=0", "1=2=3", "1 =0", "SIGTERM=0"] {
            assert!(codes.add(text).is_err(), "{text}");
        }
    }
}
