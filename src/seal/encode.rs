//! How a manifest (`mtree(5)`) writes names, numbers and bytes.

/// Appends a name, as vis(3) with `VIS_OCTAL` does. Bytes outside `!` to `~`, and `\ # = * ? [`, become `\ooo`.
pub(super) fn name(line: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_graphic() && !b"\\#=*?[".contains(&byte) {
            line.push(byte);
        } else {
            line.push(b'\\');
            octal(line, u32::from(byte), 3);
        }
    }
}

/// The bytes that `text` stands for; `None` if [`name`] would write them otherwise.
pub(super) fn decode_name(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(3)?;
        rest = after;
        let value = digits.iter().try_fold(0, |value: u32, digit| {
            matches!(digit, b'0'..=b'7').then(|| value * 8 + u32::from(digit - b'0'))
        })?;
        bytes.push(u8::try_from(value).ok()?);
    }
    let mut again = Vec::with_capacity(text.len());
    name(&mut again, &bytes);
    (again == text).then_some(bytes)
}

/// Appends `value` in octal, with at least `digits` digits.
pub(super) fn octal(line: &mut Vec<u8>, value: u32, digits: u32) {
    let mut most = digits;
    while most < 11 && value >> (3 * most) != 0 {
        most += 1;
    }
    for digit in (0..most).rev() {
        line.push(b'0' + ((value >> (3 * digit)) & 7) as u8);
    }
}

/// Appends `value` in decimal.
pub(super) fn decimal(line: &mut Vec<u8>, mut value: u64) {
    let start = line.len();
    loop {
        line.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if let Some(digits) = line.get_mut(start..) {
        digits.reverse();
    }
}

/// Appends `bytes` in lower-case hex.
pub(super) fn hex(line: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    for byte in bytes {
        line.push(digit(byte >> 4));
        line.push(digit(byte & 15));
    }
}

/// Appends `bytes` in base64 (RFC 4648, section 4), with padding.
pub(super) fn base64(line: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0, |word: u32, at| word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let value = (word >> (18 - 6 * place) & 63) as u8;
            line.push(match value {
                _ if place > chunk.len() => b'=',
                0..=25 => b'A' + value,
                26..=51 => b'a' + value - 26,
                52..=61 => b'0' + value - 52,
                62 => b'+',
                _ => b'/',
            });
        }
    }
}

/// The number that `text` writes in base 8 or 10; `None` if it is none, or too large.
pub(super) fn number(text: &[u8], base: u32) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let value = char::from(*digit).to_digit(base)?;
        number.checked_mul(base.into())?.checked_add(value.into())
    };
    if text.is_empty() { None } else { text.iter().try_fold(0, add) }
}

/// The bytes that `text` writes in hex; `None` unless it has exactly as many.
pub(super) fn decode_hex(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.chunks(2)) {
        *byte = digits.iter().try_fold(0, |value: u8, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(value << 4 | u8::try_from(digit).ok()?)
        })?;
    }
    Some(bytes)
}

/// The bytes that `text` writes in base64. It is lenient: whoever must know writes them again and compares.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        word = word << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits & 255) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(bytes: &[u8]) -> String {
        let mut line = Vec::new();
        name(&mut line, bytes);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn special_bytes() {
        assert_eq!(encoded(b"/a b[1]\\#=*?\n\xff~!\x7f"), "/a\\040b\\1331]\\134\\043\\075\\052\\077\\012\\377~!\\177");
    }

    #[test]
    fn only_one_text_for_each_name() {
        for text in ["\\141", "\\04", "\\0400 ", "a b", "\\999", "\\777", "#", "\\"] {
            assert_eq!(decode_name(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            prop_assert_eq!(decode_name(encoded(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn any_text_is_read(text: Vec<u8>) {
            if let Some(bytes) = decode_name(&text) {
                prop_assert_eq!(encoded(&bytes).into_bytes(), text);
            }
        }

        #[test]
        fn numbers_as_the_standard_library_writes_them(value: u64, small: u32, bytes: Vec<u8>) {
            let mut text = Vec::new();
            decimal(&mut text, value);
            text.push(b' ');
            octal(&mut text, small, 3);
            text.push(b' ');
            hex(&mut text, &bytes);
            let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            prop_assert_eq!(String::from_utf8(text).unwrap(), format!("{value} {small:03o} {hex}"));
        }

        #[test]
        fn base64_has_a_unique_length_and_alphabet(bytes: Vec<u8>) {
            let mut text = Vec::new();
            base64(&mut text, &bytes);
            prop_assert_eq!(text.len(), bytes.len().div_ceil(3) * 4);
            prop_assert_eq!(text.iter().filter(|&&byte| byte == b'=').count(), (3 - bytes.len() % 3) % 3);
            prop_assert_eq!(decode_base64(&text), Some(bytes));
        }
    }
}
