//! Tables of the docs that the tests of apps write.

use std::fs;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

/// Compares a row with the line of a page that starts like it, or writes it there. Numbers may differ a little: packages
/// have new versions.
pub fn compare(page: &str, start: &str, seen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    // Tests of other apps write theirs.
    let file = fs::File::open(&path).unwrap();
    let _lock = Flock::lock(file, FlockArg::LockExclusive).unwrap();
    let docs = fs::read_to_string(&path).unwrap();
    let documented = docs.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    if std::env::var_os("LITHIFY_BLESS").is_some() {
        assert!(!documented.is_empty(), "{page} has no row `{start}`: add one");
        fs::write(&path, docs.replacen(documented, seen, 1)).unwrap();
    } else if !is_like(seen, documented) {
        assert_eq!(seen, documented, "LITHIFY_BLESS=1 writes {page} anew");
    }
}

/// Whether two lines are the same but for numbers that differ by a tenth, or by two.
fn is_like(seen: &str, documented: &str) -> bool {
    let (seen, documented) = (parts(seen), parts(documented));
    let number = |part: &str| part.parse::<f64>().ok();
    let same = |(seen, documented): (&String, &String)| match (number(seen), number(documented)) {
        (Some(seen), Some(documented)) => (seen - documented).abs() <= f64::max(2.0, documented / 10.0),
        _ => seen == documented,
    };
    seen.len() == documented.len() && seen.iter().zip(&documented).all(same)
}

/// Numbers, and what stands between them.
fn parts(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_number = false;
    for character in line.chars() {
        if character.is_ascii_digit() != is_number {
            is_number = !is_number;
            parts.push(String::new());
        }
        parts.last_mut().unwrap().push(character);
    }
    parts
}
