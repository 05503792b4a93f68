//! The digest: one short string that states what the files of a root are.

use std::fmt;

use super::encode;
use super::entry::Sha256;
use crate::text::escape::escape;

/// Which files a manifest lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Every file.
    #[default]
    All,
    /// Regular files with an x bit, ELF files and scripts.
    Executables,
}

impl Scope {
    /// The beginning of a digest.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::All => "lithify1-sha256:",
            Self::Executables => "lithify1x-sha256:",
        }
    }
}

/// A digest, with what it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// What it was made of.
    pub scope: Scope,
    /// The SHA-256 of the entry lines.
    pub sha256: Sha256,
}

/// Why a text is no digest.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DigestError {
    /// There is nothing.
    #[error("the digest is empty")]
    Empty,
    /// It is a digest of another version.
    #[error("`{0}` was made by another version of lithify")]
    Version(String),
    /// It does not begin as a digest does.
    #[error("`{0}` does not begin with `lithify1-sha256:` or `lithify1x-sha256:`")]
    Prefix(String),
    /// A character is not a lower-case hex digit.
    #[error("character {position} of the digest, `{character}`, is not one of 0-9 and a-f")]
    Character {
        /// Its place in the text, from 1.
        position: usize,
        /// The character, escaped.
        character: String,
    },
    /// It is too short or too long.
    #[error("the digest has {found} hex digits instead of 64")]
    Length {
        /// How many there are.
        found: usize,
    },
}

impl Digest {
    /// Reads a digest.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        if text.is_empty() {
            return Err(DigestError::Empty);
        }
        let known = [Scope::All, Scope::Executables]
            .into_iter()
            .find_map(|scope| Some((scope, text.strip_prefix(scope.prefix())?)));
        let Some((scope, hex)) = known else {
            let begin: String = text.chars().take(24).collect();
            let begin = escape(begin.as_bytes());
            let other = text.strip_prefix("lithify").is_some_and(|rest| rest.contains("-sha256:"));
            return Err(if other { DigestError::Version(begin) } else { DigestError::Prefix(begin) });
        };
        let mut sha256 = [0; 32];
        let mut found = 0;
        for (place, character) in hex.chars().enumerate() {
            let value = match character {
                '0'..='9' => character as u8 - b'0',
                'a'..='f' => character as u8 - b'a' + 10,
                _ => {
                    let position = scope.prefix().len() + place + 1;
                    return Err(DigestError::Character {
                        position,
                        character: escape(character.to_string().as_bytes()),
                    });
                }
            };
            if let Some(byte) = sha256.get_mut(place / 2) {
                *byte = *byte << 4 | value;
            }
            found = place + 1;
        }
        if found == 64 { Ok(Self { scope, sha256 }) } else { Err(DigestError::Length { found }) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.scope.prefix().as_bytes().to_vec();
        encode::hex(&mut text, &self.sha256);
        to.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_wrong_with_a_digest_is_said() {
        let whole = format!("lithify1-sha256:{}", "0a".repeat(32));
        for (text, error) in [
            ("", "the digest is empty"),
            ("sha256:00", "`sha256:00` does not begin with `lithify1-sha256:` or `lithify1x-sha256:`"),
            ("lithify2-sha256:00", "`lithify2-sha256:00` was made by another version of lithify"),
            (&whole.replacen("0a0", "0g0", 1), "character 18 of the digest, `g`, is not one of 0-9 and a-f"),
            (&whole.replacen("0a0", "0A0", 1), "character 18 of the digest, `A`, is not one of 0-9 and a-f"),
            (&whole[..whole.len() - 1], "the digest has 63 hex digits instead of 64"),
            (&format!("{whole}0"), "the digest has 65 hex digits instead of 64"),
            (&format!("{whole}\n"), "character 81 of the digest, `\\n`, is not one of 0-9 and a-f"),
        ] {
            assert_eq!(Digest::parse(text).unwrap_err().to_string(), error);
        }
    }

    proptest! {
        #[test]
        fn a_printed_digest_is_read_again(sha256: [u8; 32], executables: bool) {
            let digest = Digest { scope: if executables { Scope::Executables } else { Scope::All }, sha256 };
            prop_assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
        }

        #[test]
        fn any_text_is_taken(text: String) {
            let _ = Digest::parse(&text);
        }
    }
}
