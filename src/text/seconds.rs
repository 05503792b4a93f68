//! Times on the command line: seconds as a decimal number.

use std::time::Duration;

/// Reads seconds such as `8` or `0.25`, with at most nine digits after the point. The error is a sentence for the user.
pub fn parse(text: &str) -> Result<Duration, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let error = || "give seconds as a decimal number, such as 8 or 0.5".to_owned();
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(error());
    }
    let seconds = whole.parse().map_err(|_| error())?;
    let nanoseconds = format!("{fraction:0<9}").parse().map_err(|_| error())?;
    Ok(Duration::new(seconds, nanoseconds))
}

/// The shortest form that [`parse`] reads as `time`.
pub fn format(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        return time.as_secs().to_string();
    }
    let text = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seconds() {
        assert_eq!(parse("8"), Ok(Duration::from_secs(8)));
        assert_eq!(parse("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("1.000000001"), Ok(Duration::new(1, 1)));
        for wrong in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1s", " 1", "0.0000000001", "99999999999999999999"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back(seconds: u64, nanoseconds in 0u32..1_000_000_000) {
            let time = Duration::new(seconds, nanoseconds);
            prop_assert_eq!(parse(&format(time)), Ok(time));
        }
    }
}
