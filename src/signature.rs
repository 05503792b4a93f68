//! Programs recognised by their content, whatever they are called.
//!
//! A signature is a set of byte strings that must all occur. All are looked for in one pass that samples: of every
//! five bytes the first four are looked up, which meets a string of eight bytes wherever it lies, and no step waits for the
//! one before. The few shorter strings are looked for only where everything else of their signature was seen.

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

/// One of a hundred programs, each a file of its own: its name says which, if it has kept that.
pub const FAMILY: &str = "coreutils-tool";

/// The first that holds decides: the particular ones stand before the general one of the Bourne family.
const SIGNATURES: [Signature; 74] = [
    all("busybox", &[veiled!(b"BusyBox v"), veiled!(b"multi-call binary")]),
    all("toybox", &[veiled!(b"Toybox %s multicall binary")]),
    all("coreutils", &[veiled!(b"--coreutils-prog=")]),
    all("coreutils", &[veiled!(b"(multi-call binary)"), veiled!(b"src/uu/")]),
    all("dropbearmulti", &[veiled!(b"Dropbear SSH multi-purpose")]),
    all("bash", &[veiled!(b"GNU bash, version")]),
    all("zsh", &[veiled!(b"ZSH_VERSION"), veiled!(b"ZSH_EVAL_CONTEXT")]),
    all("ksh", &[veiled!(b"KSH_VERSION"), veiled!(b"Version AJM")]),
    all("mksh", &[veiled!(b"MIRBSD KSH")]),
    all("lksh", &[veiled!(b"LEGACY KSH")]),
    all("posh", &[veiled!(b"POSH_VERSION")]),
    all("yash", &[veiled!(b"Yet another shell")]),
    all("sash", &[veiled!(b"Stand-alone shell")]),
    all("csh", &[veiled!(b".cshrc\0"), veiled!(b"Undefined variable")]),
    all("rc", &[veiled!(b"whatis -p"), veiled!(b"usage: flag f")]),
    // Plan 9's own.
    all("rc", &[veiled!(b"`if not' does not follow `if(...)'")]),
    all("elvish", &[veiled!(b"src.elv.sh")]),
    // fish 3 keeps its strings as UTF-32, fish 4 as UTF-8.
    all("fish", &[veiled!(b"f\0\0\0i\0\0\0s\0\0\0h\0\0\0_\0\0\0p\0\0\0r\0\0\0o\0\0\0m\0\0\0p\0\0\0t\0\0\0")]),
    all("fish", &[veiled!(b"fish_user_paths"), veiled!(b"fish_prompt"), veiled!(b"fish_greeting")]),
    all("sh", &[veiled!(b"OPTIND"), veiled!(b"\0getopts"), veiled!(b"\0PS4"), veiled!(b"\0IFS")]),
    all("sh", &[veiled!(b"Illegal number: %s"), veiled!(b"Syntax error: ")]),
    all("python", &[veiled!(b"PYTHONSTARTUP"), veiled!(b"PYTHONHASHSEED")]),
    // Where libpython is shared, the program itself is little more than this call; so with node and libnode.
    all("python", &[veiled!(b"Py_BytesMain\0")]),
    all("perl", &[veiled!(b"PERL5LIB"), veiled!(b"PERL5OPT")]),
    all("lua", &[veiled!(b"LUA_INIT"), veiled!(b"LUA_PATH")]),
    all("php", &[veiled!(b"PHP_INI_SCAN_DIR")]),
    // All that ruby's own main calls: what embeds Ruby calls less.
    all("ruby", &[veiled!(b"ruby_sysinit\0"), veiled!(b"ruby_options\0"), veiled!(b"ruby_run_node\0")]),
    all("deno", &[veiled!(b"DENO_AUTH_TOKENS")]),
    all("bun", &[veiled!(b"BUN_CONFIG_REGISTRY")]),
    all("node", &[veiled!(b"_ZN4node5StartEiPPc\0")]),
    all("node", &[veiled!(b"NODE_OPTIONS"), veiled!(b"NODE_REPL_HISTORY")]),
    all("tclsh", &[veiled!(b"tcl_rcFileName")]),
    all("gawk", &[veiled!(b"AWKPATH"), veiled!(b"AWKLIBPATH")]),
    all("mawk", &[veiled!(b"Usage: mawk")]),
    all("curl", &[veiled!(b"curl_easy_init"), veiled!(b"curlrc")]),
    all("wget", &[veiled!(b"SYSTEM_WGETRC")]),
    all("socat", &[veiled!(b"socat by Gerhard Rieger")]),
    all("nc", &[veiled!(b"usage: nc [-")]),
    all("nc", &[veiled!(b"connect to somewhere:")]),
    // lighttpd, too, knows ncat's environment.
    all("ncat", &[veiled!(b"NCAT_REMOTE_ADDR"), veiled!(b"NCAT_PROTO")]),
    all("ssh", &[veiled!(b"usage: ssh [-")]),
    all("dbclient", &[veiled!(b"Dropbear SSH client")]),
    all("gdb", &[veiled!(b"GDBHISTFILE")]),
    all("strace", &[veiled!(b"Usage: strace [")]),
    all("original-awk", &[veiled!(b"out of memory in awksprintf")]),
    all("slsh", &[veiled!(b"SLSH_LIB_DIR")]),
    all("sqlite3", &[veiled!(b"SQLITE_HISTORY")]),
    all("nvim", &[veiled!(b"VIMRUNTIME"), veiled!(b"NVIM_LOG_FILE")]),
    all("vim", &[veiled!(b"VIMRUNTIME"), veiled!(b"VIMINIT")]),
    all("emacs", &[veiled!(b"EMACSLOADPATH")]),
    all("less", &[veiled!(b"LESSKEYIN")]),
    all("tmux", &[veiled!(b"TMUX_TMPDIR")]),
    all("screen", &[veiled!(b"SCREENDIR"), veiled!(b"SCREENRC")]),
    all("git", &[veiled!(b"git [-v | --version]")]),
    all("rsync", &[veiled!(b"RSYNC_RSH")]),
    all("lftp", &[veiled!(b"LFTP_HOME")]),
    all("wget2", &[veiled!(b"GNU Wget2")]),
    all("nmap", &[veiled!(b"NMAPDIR\0"), veiled!(b"NMAP_PRIVILEGED")]),
    all("telnet", &[veiled!(b".telnetrc")]),
    all("sudo", &[veiled!(b"SUDO_ASKPASS")]),
    all("make", &[veiled!(b"MAKELEVEL"), veiled!(b"MAKEFLAGS")]),
    all("perf", &[veiled!(b"PERF_EXEC_PATH")]),
    all("expect", &[veiled!(b"exp_interpret_cmdfilename\0")]),
    all("jq", &[veiled!(b"JQ_COLORS\0")]),
    all("swipl", &[veiled!(b"PL_toplevel\0")]),
    all("execlineb", &[veiled!(b"EXECLINE_STRICT")]),
    all("foreground", &[veiled!(b"libexecline.so")]),
    all("sed", &[veiled!(b"GNU sed home page")]),
    all("openssl", &[veiled!(b"Invalid command '%s'; type \"help\"")]),
    all("find", &[veiled!(b"categorising predicate")]),
    all("xargs", &[veiled!(b"COMMAND [INITIAL-ARGS]")]),
    all("env", &[veiled!(b"GNU coreutils\0"), veiled!(b"split-string\0")]),
    all("chroot", &[veiled!(b"GNU coreutils\0"), veiled!(b"--userspec=")]),
    all(FAMILY, &[veiled!(b"GNU coreutils\0")]),
];

/// Every how many bytes a word of four is looked at.
const STRIDE: usize = 5;

/// A string at least this long holds a whole word that is looked at, wherever it lies.
const WINDOW: usize = STRIDE + 3;

/// Looks for all strings of all signatures.
pub struct Matcher {
    /// By the hash of a word: index in `words` of the first with that hash, and one more; 0 where there is none.
    slots: [u16; SLOTS],
    words: Vec<Word>,
    strings: Vec<Vec<u8>>,
    longest: usize,
}

/// Four bytes within the first [`WINDOW`] of a string.
struct Word {
    /// As a number, little-endian.
    bytes: u32,
    /// Where they lie in it.
    offset: usize,
    /// Which string, in `strings`.
    string: usize,
    /// As in `slots`: the next with the same hash.
    next: u16,
}

/// What was found in one file so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(u128);

const SLOTS: usize = 1 << 13;

/// Fibonacci hashing: the upper bits of a product with 2^32 divided by the golden ratio.
#[inline(always)]
#[allow(clippy::inline_always)]
fn hash(word: u32) -> usize {
    (word.wrapping_mul(0x9e37_79b9) >> 19) as usize & (SLOTS - 1)
}

impl Default for Matcher {
    fn default() -> Self {
        let unveil = |string: &&[u8]| string.iter().map(|byte| byte ^ 0x80).collect::<Vec<u8>>();
        let strings: Vec<Vec<u8>> =
            SIGNATURES.iter().flat_map(|signature| signature.strings.iter().map(unveil)).collect();
        let mut slots = [0; SLOTS];
        let mut words = Vec::new();
        for (string, window) in
            strings.iter().enumerate().filter_map(|(index, text)| Some((index, text.get(..WINDOW)?)))
        {
            for (offset, bytes) in window.windows(4).enumerate() {
                let (Ok(bytes), Ok(number)) = (bytes.try_into(), u16::try_from(words.len() + 1)) else { continue };
                let bytes = u32::from_le_bytes(bytes);
                let Some(slot) = slots.get_mut(hash(bytes)) else { continue };
                words.push(Word { bytes, offset, string, next: std::mem::replace(slot, number) });
            }
        }
        let longest = strings.iter().map(Vec::len).max().unwrap_or(0);
        Self { slots, words, strings, longest }
    }
}

impl Matcher {
    /// How many bytes of one part must be looked at again with the next, so that no string is cut.
    pub fn overlap(&self) -> usize {
        self.longest - 1
    }

    /// Adds to `seen` which of the strings of at least [`WINDOW`] bytes `bytes` holds.
    pub fn look(&self, bytes: &[u8], seen: &mut Seen) {
        // Nearly all of the time is spent here. Most words are nothing, so that of several one look tells.
        let blocks = bytes.chunks_exact(4 * STRIDE);
        let rest = blocks.remainder();
        for (index, block) in blocks.enumerate() {
            let Ok(block) = <&[u8; 4 * STRIDE]>::try_from(block) else { return };
            let any = self.slot(block, 0) | self.slot(block, 1) | self.slot(block, 2) | self.slot(block, 3);
            if any != 0 {
                self.look_closely(bytes, 4 * STRIDE * index, block, seen);
            }
        }
        self.look_closely(bytes, bytes.len() - rest.len(), rest, seen);
    }

    /// The strings that may have the `number`th of the words of `block`.
    #[inline(always)]
    #[allow(clippy::inline_always, clippy::indexing_slicing)] // all within the block, and a hash within the table
    fn slot(&self, block: &[u8; 4 * STRIDE], number: usize) -> u16 {
        let at = STRIDE * number;
        self.slots[hash(u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]))]
    }

    /// As [`Self::look`] in `block`, which lies at `start`.
    #[cold]
    fn look_closely(&self, bytes: &[u8], start: usize, block: &[u8], seen: &mut Seen) {
        for (index, chunk) in block.chunks(STRIDE).enumerate() {
            let Some(word) = chunk.first_chunk().copied().map(u32::from_le_bytes) else { return };
            let slot = self.slots.get(hash(word)).copied().unwrap_or(0);
            self.compare(bytes, start + STRIDE * index, word, slot, seen);
        }
    }

    /// The strings that may have `word`, which lies at `at`.
    fn compare(&self, bytes: &[u8], at: usize, word: u32, mut slot: u16, seen: &mut Seen) {
        while let Some(known) = usize::from(slot).checked_sub(1).and_then(|index| self.words.get(index)) {
            slot = known.next;
            if known.bytes == word {
                let rest = at.checked_sub(known.offset).and_then(|start| bytes.get(start..));
                let string = self.strings.get(known.string);
                if rest.zip(string).is_some_and(|(rest, string)| rest.starts_with(string)) {
                    seen.0 |= 1 << known.string;
                }
            }
        }
    }

    /// Adds to `seen` the shorter strings, which a plain search finds.
    pub fn look_for_short(&self, bytes: &[u8], seen: &mut Seen) {
        for (index, string) in self.strings.iter().enumerate().filter(|(_, string)| string.len() < WINDOW) {
            if bytes.windows(string.len()).any(|part| part == string) {
                seen.0 |= 1 << index;
            }
        }
    }

    /// Whether the first signature that may still hold lacks only short strings, so that these are worth looking for.
    pub fn wants_short(&self, seen: Seen) -> bool {
        let first = longest_missing(seen).find(|(_, missing)| *missing < WINDOW);
        seen != Seen::default() && first.is_some_and(|(_, missing)| missing > 0)
    }

    /// The name in the catalogue of what the file is, by what was seen of it.
    pub fn program(&self, seen: Seen) -> Option<&'static str> {
        if seen == Seen::default() {
            return None;
        }
        longest_missing(seen).find(|(_, missing)| *missing == 0).map(|(program, _)| program)
    }
}

/// For each signature, its program and the length of the longest string that was not seen.
fn longest_missing(seen: Seen) -> impl Iterator<Item = (&'static str, usize)> {
    let mut left = seen.0;
    SIGNATURES.iter().map(move |signature| {
        let mut longest = 0;
        for string in signature.strings {
            if left & 1 == 0 {
                longest = longest.max(string.len());
            }
            left >>= 1;
        }
        (signature.program, longest)
    })
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
            // Else every file would be searched for the short ones.
            assert!(signature.strings.iter().any(|string| string.len() >= WINDOW), "{}", signature.program);
        }
    }

    #[test]
    fn all_strings_of_a_signature_are_needed() {
        let matcher = Matcher::default();
        let program = |bytes: &[u8]| {
            let mut seen = Seen::default();
            matcher.look(bytes, &mut seen);
            if matcher.wants_short(seen) {
                matcher.look_for_short(bytes, &mut seen);
            }
            matcher.program(seen)
        };
        assert_eq!(program(b"xxGNU bash, version 5"), Some("bash"));
        assert_eq!(program(b"BusyBox v1.36"), None);
        assert_eq!(program(b"BusyBox v1.36 ... multi-call binary"), Some("busybox"));
        assert_eq!(program(b"OPTIND getopts PS4 IFS"), None);
        assert_eq!(program(b"getopts"), None);
        assert_eq!(program(b"OPTIND\0getopts\0PS4\0IFS"), Some("sh"));
        assert_eq!(program(b""), None);
        assert_eq!(program(b"GNU bash, versio"), None);
    }

    proptest! {
        /// As the plain search, wherever a string lies.
        #[test]
        fn finds_what_a_plain_search_finds(
            before in prop::collection::vec(any::<u8>(), 0..40),
            index in 0usize..60,
            after in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let matcher = Matcher::default();
            let string = matcher.strings[index].as_slice();
            let bytes = [&before, string, &after].concat();
            let mut seen = Seen::default();
            matcher.look(&bytes, &mut seen);
            matcher.look_for_short(&bytes, &mut seen);
            for (index, string) in matcher.strings.iter().enumerate() {
                let there = bytes.windows(string.len()).any(|part| part == string.as_slice());
                prop_assert_eq!(seen.0 >> index & 1 == 1, there, "{:?}", string);
            }
        }
    }
}
