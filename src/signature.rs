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

/// The strings are kept with their high bits flipped: lithify itself must not hold what it looks for.
const fn veil<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    let mut at = 0;
    while at < N {
        // A constant function knows no iterators; `at` is below the array's length.
        #[allow(clippy::indexing_slicing)]
        {
            bytes[at] ^= 0x80;
        }
        at += 1;
    }
    bytes
}

macro_rules! veiled {
    ($string:expr) => {{
        const VEILED: &[u8] = &veil(*$string);
        VEILED
    }};
}

/// The first that holds decides: the particular ones stand before the general one of the Bourne family.
const SIGNATURES: [Signature; 39] = [
    all("busybox", &[veiled!(b"BusyBox v"), veiled!(b"multi-call binary")]),
    all("toybox", &[veiled!(b"Toybox %s multicall binary")]),
    all("coreutils", &[veiled!(b"--coreutils-prog=")]),
    all("coreutils", &[veiled!(b"(multi-call binary)"), veiled!(b"src/uu/")]),
    all("dropbearmulti", &[veiled!(b"Dropbear SSH multi-purpose")]),
    all("bash", &[veiled!(b"GNU bash, version")]),
    all("zsh", &[veiled!(b"ZSH_VERSION"), veiled!(b"ZDOTDIR")]),
    all("ksh", &[veiled!(b"KSH_VERSION"), veiled!(b"Version AJM")]),
    all("mksh", &[veiled!(b"MIRBSD KSH")]),
    all("lksh", &[veiled!(b"LEGACY KSH")]),
    all("posh", &[veiled!(b"POSH_VERSION")]),
    all("yash", &[veiled!(b"Yet another shell")]),
    all("sash", &[veiled!(b"Stand-alone shell")]),
    all("csh", &[veiled!(b".cshrc\0"), veiled!(b"Undefined variable")]),
    all("rc", &[veiled!(b"whatis -p"), veiled!(b"usage: flag f")]),
    all("elvish", &[veiled!(b"src.elv.sh")]),
    // fish 3 keeps its strings as UTF-32, fish 4 as UTF-8.
    all("fish", &[veiled!(b"f\0\0\0i\0\0\0s\0\0\0h\0\0\0_\0\0\0p\0\0\0r\0\0\0o\0\0\0m\0\0\0p\0\0\0t\0\0\0")]),
    all("fish", &[veiled!(b"fish_user_paths"), veiled!(b"fish_prompt"), veiled!(b"fish_greeting")]),
    all("sh", &[veiled!(b"OPTIND"), veiled!(b"getopts"), veiled!(b"\0PS4"), veiled!(b"\0IFS")]),
    all("sh", &[veiled!(b"Illegal number: %s"), veiled!(b"Syntax error: ")]),
    all("python", &[veiled!(b"PYTHONSTARTUP"), veiled!(b"PYTHONHASHSEED")]),
    all("perl", &[veiled!(b"PERL5LIB"), veiled!(b"PERL5OPT")]),
    all("lua", &[veiled!(b"LUA_INIT"), veiled!(b"LUA_PATH")]),
    all("php", &[veiled!(b"PHP_INI_SCAN_DIR")]),
    all("ruby", &[veiled!(b"ruby_init_stack\0"), veiled!(b"ruby_run_node")]),
    all("node", &[veiled!(b"NODE_OPTIONS"), veiled!(b"NODE_REPL_HISTORY")]),
    all("tclsh", &[veiled!(b"tcl_rcFileName")]),
    all("gawk", &[veiled!(b"AWKPATH"), veiled!(b"AWKLIBPATH")]),
    all("mawk", &[veiled!(b"Usage: mawk")]),
    all("curl", &[veiled!(b"curl_easy_init"), veiled!(b"curlrc")]),
    all("wget", &[veiled!(b"SYSTEM_WGETRC")]),
    all("socat", &[veiled!(b"socat by Gerhard Rieger")]),
    all("nc", &[veiled!(b"usage: nc [-")]),
    all("nc", &[veiled!(b"connect to somewhere:")]),
    all("ncat", &[veiled!(b"NCAT_REMOTE_ADDR")]),
    all("ssh", &[veiled!(b"usage: ssh [-")]),
    all("dbclient", &[veiled!(b"Dropbear SSH client")]),
    all("gdb", &[veiled!(b"GDBHISTFILE")]),
    all("strace", &[veiled!(b"Usage: strace [")]),
];

/// The shortest string: how far a search can step at most, and one more.
const SHORTEST: usize = 4;

/// Looks for all strings of all signatures.
pub struct Matcher {
    /// For each pair of bytes (hashed): how many bytes to step, 0 where a string may end its first [`SHORTEST`] bytes.
    steps: Vec<u8>,
    /// The strings by the hash of the pair at their bytes 2 and 3: index in `strings`.
    buckets: Vec<Vec<u16>>,
    strings: Vec<Vec<u8>>,
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
        let unveil = |string: &&[u8]| string.iter().map(|byte| byte ^ 0x80).collect::<Vec<u8>>();
        let strings: Vec<Vec<u8>> =
            SIGNATURES.iter().flat_map(|signature| signature.strings.iter().map(unveil)).collect();
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
        let longest = strings.iter().map(Vec::len).max().unwrap_or(0);
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
                    let string = self.strings.get(usize::from(index));
                    let rest = bytes.get(start..).unwrap_or_default();
                    if string.is_some_and(|string| rest.starts_with(string)) {
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
            let string = matcher.strings[index].as_slice();
            let bytes = [&before, string, &after].concat();
            let mut seen = Seen::default();
            matcher.look(&bytes, &mut seen);
            for (index, string) in matcher.strings.iter().enumerate() {
                let there = bytes.windows(string.len()).any(|part| part == string.as_slice());
                prop_assert_eq!(seen.0 >> index & 1 == 1, there, "{:?}", string);
            }
        }
    }
}
