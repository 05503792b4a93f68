//! Sizes on the command line: a number of bytes, with K, M, G or T for powers of 1024.

/// Reads a size such as `4096` or `16G`, in bytes. The error is a sentence for the user.
pub fn parse(text: &str) -> Result<u64, String> {
    let unit = ['K', 'M', 'G', 'T'].iter().position(|unit| text.ends_with(*unit));
    let digits = if unit.is_some() { text.get(..text.len() - 1).unwrap_or_default() } else { text };
    let shift = unit.map_or(0, |unit| 10 * (unit + 1));
    let number = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse::<u64>().ok() } else { None };
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "give a number of bytes, or one with K, M, G or T, such as 16G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        for (text, size) in [("0", 0), ("4096", 4096), ("1K", 1024), ("16G", 16 << 30), ("2T", 2 << 40)] {
            assert_eq!(parse(text), Ok(size));
        }
        for text in ["", "K", "+1", "-1", "1k", "1.5G", "1 G", "1GB", "18446744073709551616", "99999999999T"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text: String, number: u64) {
            let _ = parse(&text);
            prop_assert_eq!(parse(&number.to_string()), Ok(number));
        }
    }
}
