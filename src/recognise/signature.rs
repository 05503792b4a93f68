//! Programs recognised by their content, whatever their names.
//!
//! A signature is a set of byte strings that must all occur. One pass looks for all of them, and it samples: of every
//! five bytes it looks up the first four, which finds a string of eight bytes wherever it lies. The work is the same
//! whatever a file holds, so that nobody can make a search slow: no step depends on what the one before found, and a
//! word that strings do have costs two comparisons for each of the few strings that have it.

mod table;

pub use table::FAMILY;
use table::SIGNATURES;

/// A word of four bytes is looked at every so many bytes.
const STRIDE: usize = 5;

/// [`STRIDE`], as a number for offsets in the searched bytes.
const STEP: u32 = 5;

/// A string of at least this length, in bytes, holds a whole word that is looked at, wherever it lies.
const WINDOW: usize = STRIDE + 3;

/// How many words are looked at before those that strings have are compared. It is less than the length of the list of
/// hits.
const BATCH: usize = 240;

/// How many strings all signatures have together.
const STRINGS: usize = {
    let (mut count, mut at) = (0, 0);
    while at < SIGNATURES.len() {
        // A constant knows no iterators; `at` is below the table's length.
        #[allow(clippy::indexing_slicing)]
        let signature = &SIGNATURES[at];
        count += signature.strings.len();
        at += 1;
    }
    count
};

/// Looks for all strings of all signatures.
pub struct Matcher {
    /// For each hash of a word: the index in `words` of the first word with that hash; 0 if there is none.
    slots: [u16; SLOTS],
    /// The first entry stands for no word.
    words: Vec<Word>,
    /// How many strings there are, and the length of the longest in bytes.
    strings: u16,
    longest: usize,
}

/// Four bytes of one end of a string, and that string: its first and last eight bytes. That is the whole string, except
/// the middle of a string of more than sixteen bytes.
#[derive(Clone, Copy, Default)]
struct Word {
    /// The end that holds the four bytes, as a little-endian number.
    window: u64,
    /// The other end.
    other: u64,
    /// The distance in bytes from `window` to `other`.
    distance: i16,
    /// The offset of the four bytes in `window`.
    offset: u16,
    /// The number of the string.
    string: u16,
    /// As in `slots`: the index of the next word with the same hash.
    next: u16,
}

/// A word in the searched bytes that strings may have.
#[derive(Clone, Copy, Default)]
struct Hit {
    /// Its offset.
    at: u32,
    /// As in [`Matcher::slots`].
    word: u16,
}

/// Which strings were found so far in one file.
#[derive(Clone, Debug)]
pub struct Seen([bool; STRINGS]);

impl Default for Seen {
    fn default() -> Self {
        Self([false; STRINGS])
    }
}

const SLOTS: usize = 1 << 13;

/// Fibonacci hashing: the upper bits of a product with 2^32 divided by the golden ratio.
#[inline(always)]
#[allow(clippy::inline_always)]
fn hash(word: u32) -> usize {
    (word.wrapping_mul(0x9e37_79b9) >> 19) as usize & (SLOTS - 1)
}

/// Adds a hit, if a string may have its word.
#[inline(always)]
#[allow(clippy::inline_always, clippy::indexing_slicing)] // a byte is within the list
fn put(hits: &mut [Hit; 256], count: &mut usize, hit: Hit) {
    hits[*count & 0xff] = hit;
    *count += usize::from(hit.word != 0);
}

/// The eight bytes at an offset.
#[inline(always)]
#[allow(clippy::inline_always)]
fn window(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(WINDOW)?)?.first_chunk().copied().map(u64::from_le_bytes)
}

/// The words of a window, by their offset in it.
#[allow(clippy::cast_possible_truncation)] // the lower half is what is meant
fn words(window: u64) -> impl Iterator<Item = (u16, u32)> {
    (0..5).map(move |offset| (offset, (window >> (8 * offset)) as u32))
}

impl Default for Matcher {
    fn default() -> Self {
        let mut matcher = Self { slots: [0; SLOTS], words: vec![Word::default()], strings: 0, longest: 0 };
        for veiled in SIGNATURES.iter().flat_map(|signature| signature.strings) {
            let string: Vec<u8> = veiled.iter().map(|byte| byte ^ 0x80).collect();
            matcher.add(&string);
        }
        matcher
    }
}

impl Matcher {
    fn add(&mut self, string: &[u8]) {
        self.longest = self.longest.max(string.len());
        let to_last = string.len().saturating_sub(WINDOW);
        let (first, last) = window(string, 0).zip(window(string, to_last)).unwrap_or_default();
        let distance = i16::try_from(to_last).unwrap_or_default();
        // Use the end whose words are in fewer other strings.
        let shared = |window| words(window).map(|(_, word)| self.chain(word)).max();
        let (window, other, distance) =
            if shared(first) <= shared(last) { (first, last, distance) } else { (last, first, -distance) };
        for (offset, word) in words(window) {
            let (Ok(number), Some(slot)) = (u16::try_from(self.words.len()), self.slots.get_mut(hash(word))) else {
                continue;
            };
            let next = std::mem::replace(slot, number);
            self.words.push(Word { window, other, distance, offset, string: self.strings, next });
        }
        self.strings += 1;
    }

    /// How many of `words` have the hash of this one: the cost of this word.
    fn chain(&self, word: u32) -> usize {
        let first = self.slots.get(hash(word)).copied();
        let next = |number: &u16| self.words.get(usize::from(*number)).map(|word| word.next);
        std::iter::successors(first, next).take_while(|number| *number != 0).count()
    }

    /// How many bytes of one part must be looked at again with the next part, so that no string is cut.
    pub fn overlap(&self) -> usize {
        self.longest - 1
    }

    /// Adds to `seen` which of the strings `bytes` holds. Returns how many comparisons that took.
    #[allow(clippy::indexing_slicing)] // within a block, and by a hash within the table
    pub fn look(&self, bytes: &[u8], seen: &mut Seen) -> usize {
        let mut hits = [Hit::default(); 256];
        let (mut at, mut compared) = (0, 0);
        for batch in bytes.chunks(STRIDE * BATCH) {
            // The search spends nearly all of its time here, without a branch, so that the processor cannot guess
            // wrong.
            let mut count = 0;
            let blocks = batch.chunks_exact(4 * STRIDE);
            let rest = blocks.remainder();
            for block in blocks {
                let Ok(block) = <&[u8; 4 * STRIDE]>::try_from(block) else { continue };
                let slot = |at| self.slot([block[at], block[at + 1], block[at + 2], block[at + 3]]);
                // Not a loop over a list: where the size of the program counts, that is a call for each word.
                put(&mut hits, &mut count, Hit { at, word: slot(0) });
                put(&mut hits, &mut count, Hit { at: at + STEP, word: slot(STRIDE) });
                put(&mut hits, &mut count, Hit { at: at + 2 * STEP, word: slot(2 * STRIDE) });
                put(&mut hits, &mut count, Hit { at: at + 3 * STEP, word: slot(3 * STRIDE) });
                at += 4 * STEP;
            }
            for word in rest.chunks(STRIDE).filter_map(<[u8]>::first_chunk) {
                put(&mut hits, &mut count, Hit { at, word: self.slot(*word) });
                at += STEP;
            }
            while count > 0 {
                compared += count;
                count = self.compare(bytes, &mut hits, count, seen);
            }
        }
        compared
    }

    /// The index of the first of `words` with the hash of this one.
    #[inline(always)]
    #[allow(clippy::inline_always, clippy::indexing_slicing)] // a hash is within the table
    fn slot(&self, word: [u8; 4]) -> u16 {
        self.slots[hash(u32::from_le_bytes(word))]
    }

    /// Compares each of the first `count` of `hits` with one string, and leaves in `hits` those whose word another
    /// string has. Returns how many these are.
    #[inline(never)]
    fn compare(&self, bytes: &[u8], hits: &mut [Hit; 256], count: usize, seen: &mut Seen) -> usize {
        let mut left = 0;
        for index in 0..count {
            let Some(&Hit { at, word }) = hits.get(index) else { break };
            let Some(word) = self.words.get(usize::from(word)) else { continue };
            let start = at.wrapping_sub(u32::from(word.offset));
            let other = start.wrapping_add_signed(i32::from(word.distance));
            if let (Some(this), Some(other), Some(seen)) =
                (window(bytes, start as usize), window(bytes, other as usize), seen.0.get_mut(usize::from(word.string)))
            {
                *seen |= (this ^ word.window) | (other ^ word.other) == 0;
            }
            put(hits, &mut left, Hit { at, word: word.next });
        }
        left
    }

    /// The catalogue's name of the program, by the strings that were seen; `None` if no signature holds.
    pub fn program(seen: &Seen) -> Option<&'static str> {
        let mut seen = seen.0.iter();
        let holds = SIGNATURES.iter().find(|signature| {
            let strings = seen.by_ref().take(signature.strings.len());
            strings.fold(true, |all, seen| all & seen)
        });
        holds.map(|signature| signature.program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::catalogue::Catalogue;
    use proptest::prelude::*;

    fn strings() -> Vec<Vec<u8>> {
        let veiled = SIGNATURES.iter().flat_map(|signature| signature.strings);
        veiled.map(|string| string.iter().map(|byte| byte ^ 0x80).collect()).collect()
    }

    fn program(bytes: &[u8]) -> Option<&'static str> {
        let mut seen = Seen::default();
        Matcher::default().look(bytes, &mut seen);
        Matcher::program(&seen)
    }

    #[test]
    fn the_table_holds_together() {
        let catalogue = Catalogue::default();
        for signature in SIGNATURES {
            assert!(catalogue.exactly(signature.program).is_some(), "{}", signature.program);
            assert!(!signature.strings.is_empty(), "{}", signature.program);
        }
        for string in strings() {
            assert!(string.len() >= WINDOW, "{:?}: add the NUL before or after it", String::from_utf8_lossy(&string));
        }
        let matcher = Matcher::default();
        assert_eq!((usize::from(matcher.strings), matcher.words.len()), (STRINGS, 5 * STRINGS + 1));
    }

    #[test]
    fn all_strings_of_a_signature_are_needed() {
        assert_eq!(program(b"xxGNU bash, version 5"), Some("bash"));
        assert_eq!(program(b"BusyBox v1.36"), None);
        assert_eq!(program(b"BusyBox v1.36 ... multi-call binary"), Some("busybox"));
        assert_eq!(program(b"OPTIND getopts OPTARG CDPATH"), None);
        assert_eq!(program(b"getopts"), None);
        assert_eq!(program(b"\0OPTIND\0getopts\0OPTARG\0CDPATH\0"), Some("sh"));
        assert_eq!(program(b""), None);
        assert_eq!(program(b"GNU bash, versio"), None);
        assert_eq!(program(b"NU bash, version"), None);
    }

    /// The worst that a file can hold: words that strings have wherever one is looked up, whole ends, strings but for a
    /// byte. Counted, because time depends on the machine.
    #[test]
    fn no_content_costs_much_more_than_another() {
        let matcher = Matcher::default();
        let length = 5_000;
        let most = |piece: &[u8]| {
            let phases = (0..STRIDE).map(|phase| {
                let bytes: Vec<u8> =
                    vec![b'?'; phase].into_iter().chain(piece.iter().copied().cycle()).take(length).collect();
                matcher.look(&bytes, &mut Seen::default())
            });
            phases.max().unwrap()
        };
        let mut worst = most(&[0]);
        for string in strings() {
            worst = worst.max(most(&string)).max(most(&string[1..])).max(most(&string[..string.len() - 1]));
            for word in string.windows(4) {
                worst = worst.max(most(&[word, b"?"].concat()));
            }
        }
        let words = length / STRIDE;
        assert!(worst >= words, "the words are not looked up where they lie: {worst}");
        assert!(worst <= 4 * (words + 1), "{} comparisons for a word: spread the strings", worst / words);
        // What is nothing: a comparison for few of them.
        let mut number = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (number >> 56) as u8
        })
        .take(length)
        .collect();
        assert!(matcher.look(&noise, &mut Seen::default()) < words / 4);
    }

    proptest! {
        /// As the plain search, wherever a string lies.
        #[test]
        fn finds_what_a_plain_search_finds(
            before in prop::collection::vec(any::<u8>(), 0..2500),
            index in any::<prop::sample::Index>(),
            after in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let strings = strings();
            let string = index.get(&strings);
            let bytes = [&before, string.as_slice(), &after].concat();
            let mut seen = Seen::default();
            Matcher::default().look(&bytes, &mut seen);
            for (seen, string) in seen.0.iter().zip(&strings) {
                let there = bytes.windows(string.len()).any(|part| part == string.as_slice());
                prop_assert_eq!(*seen, there, "{:?}", string);
            }
        }
    }
}
