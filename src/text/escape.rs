//! File names as text. A name is a sequence of bytes that an intruder may have chosen, so it must not forge a line of a
//! report.

use std::fmt::{self, Display, Write};

/// Prints bytes on one line, so that they cannot steer a terminal. It escapes control characters, invisible and
/// direction-changing characters, the backslash, and bytes that are not UTF-8 (`\xff`).
pub struct Escaped<'a>(pub &'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\r' => f.write_str("\\r")?,
                    c if c.is_control() || is_invisible(c) => write!(f, "\\u{{{:x}}}", c as u32)?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Zero-width, line-separating and direction-changing characters (Unicode general categories Cf, Zl and Zp).
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `bytes` as [`Escaped`] prints them.
pub fn escape(bytes: &[u8]) -> String {
    Escaped(bytes).to_string()
}

/// How many bytes of a text [`escape_cut`] shows.
const SHOWN: usize = 1024;

/// The same for a text whose length somebody else chose: what is behind the first KiB is `...`.
pub fn escape_cut(bytes: &[u8]) -> String {
    match bytes.split_at_checked(SHOWN) {
        Some((shown, rest)) if !rest.is_empty() => escape(shown) + "...",
        _ => escape(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_stay() {
        assert_eq!(escape("/usr/bin/[ é-λ".as_bytes()), "/usr/bin/[ é-λ");
    }

    #[test]
    fn hostile_names_are_escaped() {
        assert_eq!(escape(b"a\nremoved /bin/sh"), "a\\nremoved /bin/sh");
        assert_eq!(escape(b"\x1b[2J\xff\\"), "\\u{1b}[2J\\xff\\\\");
        assert_eq!(escape("\u{202e}hs".as_bytes()), "\\u{202e}hs");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(escape_cut(&[b'a'; 1024]), "a".repeat(1024));
        assert_eq!(escape_cut(&[b'a'; 1025]), "a".repeat(1024) + "...");
        // Also in the middle of a character.
        assert_eq!(escape_cut("é".repeat(1024).get(..).unwrap().as_bytes()), "é".repeat(512) + "...");
    }

    proptest! {
        #[test]
        fn never_more_than_one_line(bytes: Vec<u8>) {
            let separator = char::from_u32(0x2028);
            prop_assert!(!escape(&bytes).chars().any(|c| c.is_control() || Some(c) == separator));
        }

        #[test]
        fn different_names_print_differently(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
        }
    }
}
