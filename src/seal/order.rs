//! The order of a manifest's entries.

use std::cmp::Ordering;

/// Compares two paths as a walk meets them: the names of each directory bytewise, and what is in a directory right after
/// it. That is the order of the bytes with `/` as the lowest.
pub fn compare_paths(a: &[u8], b: &[u8]) -> Ordering {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let next = |path: &[u8]| path.get(same).map(|&byte| (byte != b'/', byte));
    next(a).cmp(&next(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn by_their_names(a in "(/[ a!~-]{1,2}){1,3}", b in "(/[ a!~-]{1,2}){1,3}") {
            let names = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(compare_paths(a.as_bytes(), b.as_bytes()), names(&a).cmp(&names(&b)));
        }
    }
}
