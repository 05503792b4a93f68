//! `/etc/ld.so.cache` (ldconfig(8)): which file belongs to the name of a library.
//!
//! There are two formats: the old one (`ld.so-1.7.0`) and the new one (`glibc-ld.so.cache1.1`, glibc 2.2), alone or
//! appended to an old one. This module ignores flags and hardware capabilities: every file of a name may be the one
//! that is loaded.

use std::collections::HashSet;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const OLD_HEAD: usize = 16;
const OLD_ENTRY: usize = 12;
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const NEW_HEAD: usize = 48;
const NEW_ENTRY: usize = 24;

/// Nobody can open longer names and paths. Without a limit, each entry of a cache could lead to the whole cache.
const MAX_STRING: usize = 4096;

/// The paths that the cache holds for the library `name`; none if `cache` is not a cache.
pub fn paths_of(cache: &[u8], name: &[u8]) -> Vec<Vec<u8>> {
    let (mut paths, mut known) = (Vec::new(), HashSet::new());
    each(cache, &mut |key, path| {
        if key == name && known.insert(path) {
            paths.push(path.to_vec());
        }
    });
    paths
}

/// Calls `visit` with each entry's name and path.
pub fn each<'c>(cache: &'c [u8], visit: &mut dyn FnMut(&'c [u8], &'c [u8])) {
    if cache.starts_with(NEW_MAGIC) {
        return new_format(cache, visit);
    }
    if !cache.starts_with(OLD_MAGIC) {
        return;
    }
    let count = number(cache, 12, false).unwrap_or(0);
    let Some(end) = count.checked_mul(OLD_ENTRY).and_then(|size| size.checked_add(OLD_HEAD)) else { return };
    // A cache of the new format begins at the next multiple of 8.
    match end.checked_next_multiple_of(8).and_then(|start| cache.get(start..)) {
        Some(rest) if rest.starts_with(NEW_MAGIC) => new_format(rest, visit),
        // Offsets of names and paths count from the end of the table.
        _ => {
            let old = Table { start: OLD_HEAD, entry: OLD_ENTRY, count, strings: end, big_endian: false };
            table(cache, &old, visit);
        }
    }
}

/// Reads the new format, where offsets of names and paths count from the head.
fn new_format<'c>(cache: &'c [u8], visit: &mut dyn FnMut(&'c [u8], &'c [u8])) {
    let big_endian = cache.get(28).is_some_and(|flags| flags & 3 == 3);
    let count = number(cache, 20, big_endian).unwrap_or(0);
    table(cache, &Table { start: NEW_HEAD, entry: NEW_ENTRY, count, strings: 0, big_endian }, visit);
}

/// Where entries and strings lie.
struct Table {
    start: usize,
    entry: usize,
    count: usize,
    strings: usize,
    big_endian: bool,
}

fn table<'c>(cache: &'c [u8], table: &Table, visit: &mut dyn FnMut(&'c [u8], &'c [u8])) {
    let entries = cache.get(table.start..).unwrap_or_default().chunks_exact(table.entry).take(table.count);
    let string = |entry: &[u8], at| {
        let start = number(entry, at, table.big_endian)?.checked_add(table.strings)?;
        let rest = cache.get(start..)?;
        rest.get(..MAX_STRING).unwrap_or(rest).split(|&byte| byte == 0).next()
    };
    for entry in entries {
        if let (Some(name), Some(path)) = (string(entry, 4), string(entry, 8)) {
            visit(name, path);
        }
    }
}

fn number(from: &[u8], at: usize, big_endian: bool) -> Option<usize> {
    let bytes: [u8; 4] = from.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A new cache with these entries, as ldconfig writes it on a little-endian machine.
    fn new(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut table = Vec::new();
        let base = NEW_HEAD + entries.len() * NEW_ENTRY;
        let mut place = |text: &str| {
            let at = u32::try_from(base + strings.len()).unwrap();
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at.to_le_bytes()
        };
        for (name, path) in entries {
            table.extend([3, 3, 0, 0]);
            table.extend(place(name));
            table.extend(place(path));
            table.extend([0; 12]);
        }
        let mut cache = NEW_MAGIC.to_vec();
        cache.extend(u32::try_from(entries.len()).unwrap().to_le_bytes());
        cache.extend(u32::try_from(strings.len()).unwrap().to_le_bytes());
        cache.extend([2, 0, 0, 0]);
        cache.resize(NEW_HEAD, 0);
        cache.extend(table);
        cache.extend(strings);
        cache
    }

    fn old(name: &str, path: &str) -> Vec<u8> {
        let mut cache = OLD_MAGIC.to_vec();
        cache.push(0);
        cache.extend(1_u32.to_le_bytes());
        cache.extend(3_u32.to_le_bytes());
        cache.extend(0_u32.to_le_bytes());
        cache.extend(u32::try_from(name.len() + 1).unwrap().to_le_bytes());
        cache.extend(format!("{name}\0{path}\0").into_bytes());
        cache
    }

    #[test]
    fn every_entry_of_a_name() {
        let cache = new(&[("a.so.1", "/lib/a.so.1"), ("b.so", "/lib/b.so"), ("a.so.1", "/lib/glibc-hwcaps/x/a.so.1")]);
        assert_eq!(paths_of(&cache, b"a.so.1"), [b"/lib/a.so.1".to_vec(), b"/lib/glibc-hwcaps/x/a.so.1".to_vec()]);
        assert!(paths_of(&cache, b"a.so").is_empty());
    }

    #[test]
    fn the_old_format_and_a_new_one_appended_to_it() {
        let mut cache = old("a.so.1", "/usr/lib/a.so.1");
        assert_eq!(paths_of(&cache, b"a.so.1"), [b"/usr/lib/a.so.1".to_vec()]);
        cache.truncate(OLD_HEAD + OLD_ENTRY);
        cache.resize(cache.len().next_multiple_of(8), 0);
        cache.extend(new(&[("a.so.1", "/opt/a.so.1")]));
        assert_eq!(paths_of(&cache, b"a.so.1"), [b"/opt/a.so.1".to_vec()]);
    }

    #[test]
    fn this_systems_cache() {
        let cache = std::fs::read("/etc/ld.so.cache").unwrap();
        let paths = paths_of(&cache, b"libc.so.6");
        assert!(!paths.is_empty() && paths.iter().all(|path| path.ends_with(b"/libc.so.6")), "{paths:?}");
    }

    /// Each of many entries leads to the same text without an end: what is looked at is a path's length for each.
    #[test]
    fn a_cache_leads_nowhere_for_ever() {
        let count = 1000;
        let mut cache = new(&[("libx.so", "/lib/libx.so")]);
        cache[20..24].copy_from_slice(&u32::try_from(count).unwrap().to_le_bytes());
        cache.truncate(NEW_HEAD);
        let strings = u32::try_from(NEW_HEAD + count * NEW_ENTRY).unwrap().to_le_bytes();
        for _ in 0..count {
            cache.extend([&[3, 3, 0, 0], strings.as_slice(), &strings, &[0; 12]].concat());
        }
        cache.resize(cache.len() + (1 << 20), b'x');
        let (mut entries, mut looked_at) = (0, 0);
        each(&cache, &mut |name, path| {
            entries += 1;
            looked_at += name.len() + path.len();
        });
        assert_eq!((entries, looked_at), (count, 2 * count * MAX_STRING));
    }

    proptest! {
        #[test]
        fn never_panics(mut bytes: Vec<u8>, magic in 0..3) {
            let magic: &[u8] = [b"".as_slice(), OLD_MAGIC, NEW_MAGIC][usize::try_from(magic).unwrap()];
            bytes.splice(0..0, magic.iter().copied());
            paths_of(&bytes, b"libc.so.6");
        }
    }
}
