//! Programs recognised by their content, whatever they are called.
//!
//! A signature is a set of byte strings that must all occur. All strings are looked for in one pass (Wu and Manber,
//! "A fast algorithm for multi-pattern searching", 1994): a table of byte pairs tells how far the next match is at least.

/// One signature: the name in the catalogue that it stands for, and strings that must all occur.
struct Signature {
    program: &'static str,
    strings: &'static [&'static [u8]],
}

const fn all(program: &'static str, strings: &'static [&'static [u8]]) -> Signature {
    Signature { program, strings }
}

/// The first that holds decides: the particular ones stand before the general one of the Bourne family.
const SIGNATURES: [Signature; 39] = [
    all("busybox", &[b"BusyBox v", b"multi-call binary"]),
    all("toybox", &[b"Toybox %s multicall binary"]),
    all("coreutils", &[b"--coreutils-prog="]),
    all("coreutils", &[b"(multi-call binary)", b"src/uu/"]),
    all("dropbearmulti", &[b"Dropbear SSH multi-purpose"]),
    all("bash", &[b"GNU bash, version"]),
    all("zsh", &[b"ZSH_VERSION", b"ZDOTDIR"]),
    all("ksh", &[b"KSH_VERSION", b"Version AJM"]),
    all("mksh", &[b"MIRBSD KSH"]),
    all("lksh", &[b"LEGACY KSH"]),
    all("posh", &[b"POSH_VERSION"]),
    all("yash", &[b"Yet another shell"]),
    all("sash", &[b"Stand-alone shell"]),
    all("csh", &[b".cshrc\0", b"Undefined variable"]),
    all("rc", &[b"whatis -p", b"usage: flag f"]),
    all("elvish", &[b"src.elv.sh"]),
    // fish 3 keeps its strings as UTF-32, fish 4 as UTF-8.
    all("fish", &[b"f\0\0\0i\0\0\0s\0\0\0h\0\0\0_\0\0\0p\0\0\0r\0\0\0o\0\0\0m\0\0\0p\0\0\0t\0\0\0"]),
    all("fish", &[b"fish_user_paths", b"fish_prompt", b"fish_greeting"]),
    all("sh", &[b"OPTIND", b"getopts", b"\0PS4", b"\0IFS"]),
    all("sh", &[b"Illegal number: %s", b"Syntax error: "]),
    all("python", &[b"PYTHONSTARTUP", b"PYTHONHASHSEED"]),
    all("perl", &[b"PERL5LIB", b"PERL5OPT"]),
    all("lua", &[b"LUA_INIT", b"LUA_PATH"]),
    all("php", &[b"PHP_INI_SCAN_DIR"]),
    all("ruby", &[b"ruby_init_stack\0", b"ruby_run_node"]),
    all("node", &[b"NODE_OPTIONS", b"NODE_REPL_HISTORY"]),
    all("tclsh", &[b"tcl_rcFileName"]),
    all("gawk", &[b"AWKPATH", b"AWKLIBPATH"]),
    all("mawk", &[b"Usage: mawk"]),
    all("curl", &[b"curl_easy_init", b"curlrc"]),
    all("wget", &[b"SYSTEM_WGETRC"]),
    all("socat", &[b"socat by Gerhard Rieger"]),
    all("nc", &[b"usage: nc [-"]),
    all("nc", &[b"connect to somewhere:"]),
    all("ncat", &[b"NCAT_REMOTE_ADDR"]),
    all("ssh", &[b"usage: ssh [-"]),
    all("dbclient", &[b"Dropbear SSH client"]),
    all("gdb", &[b"GDBHISTFILE"]),
    all("strace", &[b"Usage: strace ["]),
];

/// The shortest string: how far a search can step at most, and one more.
const SHORTEST: usize = 4;

/// Looks for all strings of all signatures.
pub struct Matcher {
    /// For each pair of bytes (hashed): how many bytes to step, 0 where a string may end its first [`SHORTEST`] bytes.
    steps: Vec<u8>,
    /// The strings by the hash of the pair at their bytes 2 and 3: index in `strings`.
    buckets: Vec<Vec<u16>>,
    strings: Vec<&'static [u8]>,
    longest: usize,
}

/// What was found in one file so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(u128);

const TABLE: usize = 1 << 12;

fn hash(pair: [u8; 2]) -> usize {
    (usize::from(pair[0]) << 5 ^ usize::from(pair[1])) & (TABLE - 1)
}

impl Default for Matcher {
    fn default() -> Self {
        let strings: Vec<&'static [u8]> =
            SIGNATURES.iter().flat_map(|signature| signature.strings.iter().copied()).collect();
        let most = u8::try_from(SHORTEST - 1).unwrap_or(1);
        let mut steps = vec![most; TABLE];
        let mut buckets = vec![Vec::new(); TABLE];
        for (index, string) in strings.iter().enumerate() {
            for end in 2..=SHORTEST {
                let Some(&[a, b]) = string.get(end - 2..end) else { continue };
                let slot = hash([a, b]);
                let step = u8::try_from(SHORTEST - end).unwrap_or(0);
                if let Some(known) = steps.get_mut(slot) {
                    *known = step.min(*known);
                }
                if end == SHORTEST {
                    if let (Some(bucket), Ok(index)) = (buckets.get_mut(slot), u16::try_from(index)) {
                        bucket.push(index);
                    }
                }
            }
        }
        let longest = strings.iter().map(|string| string.len()).max().unwrap_or(0);
        Self { steps, buckets, strings, longest }
    }
}

impl Matcher {
    /// How many bytes of one part must be looked at again with the next, so that no string is cut.
    pub fn overlap(&self) -> usize {
        self.longest - 1
    }

    /// Adds what `bytes` holds to `seen`.
    pub fn look(&self, bytes: &[u8], seen: &mut Seen) {
        let mut at = SHORTEST - 2;
        while let Some(&[a, b]) = bytes.get(at..at + 2) {
            let slot = hash([a, b]);
            let step = self.steps.get(slot).copied().unwrap_or(1);
            if step == 0 {
                let start = at + 2 - SHORTEST;
                for &index in self.buckets.get(slot).into_iter().flatten() {
                    let string = self.strings.get(usize::from(index)).copied().unwrap_or_default();
                    if bytes.get(start..).is_some_and(|rest| rest.starts_with(string)) {
                        seen.0 |= 1 << index;
                    }
                }
                at += 1;
            } else {
                at += usize::from(step);
            }
        }
    }

    /// The name in the catalogue of what the file is, by what was seen of it.
    pub fn program(&self, seen: Seen) -> Option<&'static str> {
        if seen == Seen::default() {
            return None;
        }
        let mut first = 0;
        for signature in &SIGNATURES {
            let count = signature.strings.len();
            let mask = ((1u128 << count) - 1) << first;
            if seen.0 & mask == mask {
                return Some(signature.program);
            }
            first += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use proptest::prelude::*;

    #[test]
    fn the_table_holds_together() {
        let catalogue = Catalogue::default();
        let matcher = Matcher::default();
        assert!(matcher.strings.len() <= 128);
        for signature in &SIGNATURES {
            assert!(catalogue.exactly(signature.program).is_some(), "{}", signature.program);
            assert!(signature.strings.iter().all(|string| string.len() >= SHORTEST), "{}", signature.program);
        }
    }

    #[test]
    fn all_strings_of_a_signature_are_needed() {
        let matcher = Matcher::default();
        let program = |bytes: &[u8]| {
            let mut seen = Seen::default();
            matcher.look(bytes, &mut seen);
            matcher.program(seen)
        };
        assert_eq!(program(b"xxGNU bash, version 5"), Some("bash"));
        assert_eq!(program(b"BusyBox v1.36"), None);
        assert_eq!(program(b"BusyBox v1.36 ... multi-call binary"), Some("busybox"));
        assert_eq!(program(b"OPTIND getopts PS4 IFS"), None);
        assert_eq!(program(b"OPTIND\0getopts\0PS4\0IFS"), Some("sh"));
        assert_eq!(program(b""), None);
        assert_eq!(program(b"GNU bash, versio"), None);
    }

    proptest! {
        /// As the plain search, wherever a string lies.
        #[test]
        fn finds_what_a_plain_search_finds(
            before in prop::collection::vec(any::<u8>(), 0..40),
            index in 0usize..40,
            after in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let matcher = Matcher::default();
            let string = matcher.strings[index];
            let bytes = [&before, string, &after].concat();
            let mut seen = Seen::default();
            matcher.look(&bytes, &mut seen);
            for (index, string) in matcher.strings.iter().enumerate() {
                let there = bytes.windows(string.len()).any(|part| part == *string);
                prop_assert_eq!(seen.0 >> index & 1 == 1, there, "{:?}", string);
            }
        }
    }
}
