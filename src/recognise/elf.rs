//! Just enough ELF (elf(5)) to tell a program from a shared library, and to find a program's interpreter.

mod dynamic;
mod file;

use std::borrow::Cow;

use dynamic::pairs;
use nix::unistd::{SysconfVar, sysconf};

pub use dynamic::{Dynamic, Machine};

/// What an ELF file is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elf {
    /// It can be started.
    Program {
        /// The path of its dynamic loader (`PT_INTERP`) inside the root; `None` if it is static.
        interpreter: Option<Vec<u8>>,
        /// Whether a dynamic loader might also load it as a library: it is neither at a fixed address nor marked as a
        /// program (`DF_1_PIE`).
        loadable: bool,
        /// Whether the dynamic loader starts it without an x bit (`ld.so FILE`): it has a dynamic section. The loader
        /// hands a static program to execve(2). A file of debugging information has only the header of that section.
        dynamic: bool,
    },
    /// Others load it. The dynamic loader is a library too.
    Library {
        /// Whether somebody can start it all the same.
        entry: Entry,
    },
}

/// Whether a library has an entry point, at which a process would begin. What a linker writes into a file so that others
/// can load it does not keep anybody from starting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It has none: nobody can start it. So are the libraries that current linkers make.
    Absent,
    /// It has one, but it needs other libraries, and names no loader that brings them. Older linkers gave one to every
    /// library.
    Bare,
    /// It has one, and names its loader: the kernel starts it, as it starts `libc.so.6`, which prints its version.
    WithLoader,
    /// It has one, and needs nothing: the kernel starts it, as it starts the loader.
    Alone,
}

impl Elf {
    /// Whether somebody may be able to start the file: the kernel, if it is `executable` (it has an x bit), or else the
    /// dynamic loader (`ld.so FILE`).
    pub fn starts(&self, executable: bool) -> bool {
        match self {
            Self::Program { .. } | Self::Library { entry: Entry::WithLoader | Entry::Alone } => true,
            Self::Library { entry: Entry::Bare } => executable,
            Self::Library { entry: Entry::Absent } => false,
        }
    }
}

/// Length in bytes of the smallest header of an ELF file (32-bit).
pub const LEAST: u64 = 52;

const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const EM_X86_64: u8 = 62;
const EM_AARCH64: u8 = 183;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const PF_X: u32 = 1;
const PF_R: u32 = 4;
const DT_NEEDED: u64 = 1;
const DT_SONAME: u64 = 14;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DF_1_PIE: u64 = 0x0800_0000;

/// One entry of the program header table.
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// Reads up to so many bytes of a file at an offset. `None` if that fails. One type for all who read: the code for it is
/// there once.
type Reader<'r, 'b> = dyn FnMut(u64, usize) -> Option<Cow<'b, [u8]>> + 'r;

/// The program header table of a file.
struct Headers<'b> {
    kind: u16,
    number: Numbers,
    /// The address of the first instruction; 0 if there is none.
    entry: u64,
    table: Cow<'b, [u8]>,
    entry_size: usize,
}

impl<'b> Headers<'b> {
    /// Reads the headers. `None` if the file is not a complete ELF program or library.
    fn read(read_at: &mut Reader<'_, 'b>) -> Option<Self> {
        let header = read_at(0, 64)?;
        let header = header.as_ref();
        if header.get(..4)? != b"\x7fELF" {
            return None;
        }
        // These machines have one class and byte order, and then the kernel does not look at what the file says.
        let known = matches!(header.get(18..20)?, [EM_X86_64 | EM_AARCH64, 0]);
        let wide = known || *header.get(4)? == 2;
        let number = Numbers { wide, little: known || *header.get(5)? == 1 };
        let kind = number.u16(header, 16)?;
        if kind != ET_EXEC && kind != ET_DYN {
            return None;
        }
        let (table, entry_size, entries) = if wide {
            (number.word(header, 32)?, number.u16(header, 54)?, number.u16(header, 56)?)
        } else {
            (number.word(header, 28)?, number.u16(header, 42)?, number.u16(header, 44)?)
        };
        let entry = number.word(header, 24)?;
        let entry_size = usize::from(entry_size);
        if entry_size < if wide { 56 } else { 32 } {
            return None;
        }
        // The kernel takes no longer table.
        let length = entry_size.checked_mul(usize::from(entries)).filter(|length| *length <= 64 * 1024)?;
        let table = read_at(table, length)?;
        Some(Self { kind, number, entry, table, entry_size })
    }

    fn segments(&self) -> impl Iterator<Item = Segment> {
        let number = self.number;
        self.table.as_ref().chunks_exact(self.entry_size).filter_map(move |entry| {
            let (flags, offset, address, size) = if number.wide {
                (number.u32(entry, 4)?, number.word(entry, 8)?, number.word(entry, 16)?, number.word(entry, 32)?)
            } else {
                (number.u32(entry, 24)?, number.word(entry, 4)?, number.word(entry, 8)?, number.word(entry, 16)?)
            };
            Some(Segment { kind: number.u32(entry, 0)?, flags, offset, address, size })
        })
    }
}

/// Where a search for a program's strings looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strings {
    /// Offset and size of what the kernel maps read-only: constants, names and strings, without the tables for
    /// unwinding that linkers put after them. `None` if the strings may be anywhere: the file has fewer than two such
    /// segments (it is packed, or linked without separate ones), or they overlap, which no linker makes.
    pub ranges: Option<Vec<(u64, u64)>>,
    /// Whether the file names a dynamic loader. A file that does is a program, except for a few libraries ([`classify`]
    /// tells).
    pub has_interpreter: bool,
}

/// Where a file's strings are, by its first bytes `head`; `None` if these hold no complete ELF headers.
pub fn strings(head: &[u8]) -> Option<Strings> {
    let headers = Headers::read(&mut |offset, length| {
        let start = usize::try_from(offset).ok()?;
        head.get(start..start.checked_add(length)?).map(Cow::Borrowed)
    })?;
    let unwinding = headers.segments().find(|segment| segment.kind == PT_GNU_EH_FRAME).map(|segment| segment.offset);
    let mut ranges = Vec::new();
    for segment in headers.segments().filter(|segment| segment.kind == PT_LOAD && segment.flags == PF_R) {
        let before = unwinding.and_then(|offset| offset.checked_sub(segment.offset));
        ranges.push((segment.offset, before.map_or(segment.size, |before| before.min(segment.size))));
    }
    // Otherwise one part of a file could be searched many times over.
    let apart = ranges.windows(2).all(|pair| match pair {
        [(start, size), (next, _)] => start.checked_add(*size).is_some_and(|end| end <= *next),
        _ => true,
    });
    Some(Strings {
        ranges: (ranges.len() >= 2 && apart).then_some(ranges),
        has_interpreter: headers.segments().any(|segment| segment.kind == PT_INTERP),
    })
}

/// How many pages the code of a process that runs this program takes, as `proc_pid_statm(5)` says: from the first
/// executable segment to the end of the last. Older kernels counted from the first of all segments: that is the second
/// number. `None` if the file is not a complete ELF program or library.
pub fn code<'b, B: Into<Cow<'b, [u8]>>>(mut read_at: impl FnMut(u64, usize) -> Option<B>) -> Option<[u64; 2]> {
    let headers = Headers::read(&mut |offset, length| read_at(offset, length).map(Into::into))?;
    let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
    let (mut start, mut executable, mut end) = (u64::MAX, u64::MAX, 0);
    for segment in headers.segments().filter(|segment| segment.kind == PT_LOAD) {
        start = start.min(segment.address);
        if segment.flags & PF_X != 0 {
            executable = executable.min(segment.address);
            end = end.max(segment.address.saturating_add(segment.size));
        }
    }
    let pages = |from: u64| end.div_ceil(page).saturating_sub(from / page);
    Some([pages(executable), pages(start)])
}

/// Classifies a file's content. `None` if it is not a complete ELF program or library (scripts, object files).
/// `read_at(offset, length)` gives up to `length` bytes from `offset`.
pub fn classify<'b, B: Into<Cow<'b, [u8]>>>(mut read_at: impl FnMut(u64, usize) -> Option<B>) -> Option<Elf> {
    kind(&mut |offset, length| read_at(offset, length).map(Into::into))
}

fn kind(read_at: &mut Reader<'_, '_>) -> Option<Elf> {
    let headers = Headers::read(read_at)?;
    let mut interpreter = None;
    let mut dynamic = None;
    for segment in headers.segments() {
        match segment.kind {
            PT_INTERP => {
                let path = read_at(segment.offset, usize::try_from(segment.size.min(4096)).ok()?)?;
                interpreter = path.as_ref().split(|&byte| byte == 0).next().map(<[u8]>::to_vec);
            }
            PT_DYNAMIC => dynamic = Some((segment.offset, segment.size)),
            _ => {}
        }
    }
    // No loader loads a file without a dynamic section: it is a program at a fixed address that was relabelled.
    let mut loadable = headers.kind == ET_DYN && dynamic.is_some();
    let starts = dynamic.is_some_and(|(_, size)| size > 0);
    if loadable {
        // A static position-independent program has no interpreter either, but the linker marks it DF_1_PIE. libc.so.6
        // has an interpreter, because it can be run to print its version, but its SONAME gives it away. Nothing else that
        // a linker writes tells a program from a library: some write DT_DEBUG into both.
        let tags = dynamic.and_then(|(offset, size)| read_at(offset, usize::try_from(size.min(64 * 1024)).ok()?));
        let tags = tags.map(|tags| pairs(headers.number, tags.as_ref())).unwrap_or_default();
        let has = |tag| tags.iter().any(|(known, _)| *known == tag);
        let flags = tags.iter().rev().find(|(tag, _)| *tag == DT_FLAGS_1).map_or(0, |(_, flags)| *flags);
        let is_program = flags & DF_1_PIE != 0;
        if !is_program && (has(DT_SONAME) || interpreter.is_none()) {
            let entry = match headers.entry {
                0 => Entry::Absent,
                _ if interpreter.is_some() => Entry::WithLoader,
                _ if has(DT_NEEDED) => Entry::Bare,
                _ => Entry::Alone,
            };
            return Some(Elf::Library { entry });
        }
        loadable = !is_program;
    }
    Some(Elf::Program { interpreter, loadable, dynamic: starts })
}

#[derive(Clone, Copy)]
struct Numbers {
    wide: bool,
    little: bool,
}

impl Numbers {
    fn bytes<const N: usize>(self, from: &[u8], at: usize) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = from.get(at..at.checked_add(N)?)?.try_into().ok()?;
        if !self.little {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn u16(self, from: &[u8], at: usize) -> Option<u16> {
        self.bytes(from, at).map(u16::from_le_bytes)
    }

    fn u32(self, from: &[u8], at: usize) -> Option<u32> {
        self.bytes(from, at).map(u32::from_le_bytes)
    }

    /// An address, offset or size, as wide as the file's class.
    fn word(self, from: &[u8], at: usize) -> Option<u64> {
        if self.wide { self.bytes(from, at).map(u64::from_le_bytes) } else { self.u32(from, at).map(u64::from) }
    }
}

/// Whether a file may be a shared library or the loader. Its name decides only if its content does not, so that nobody
/// saves a shell by calling it `libx.so`.
pub fn may_be_library(name: &[u8], content: Option<&Elf>) -> bool {
    match content {
        Some(Elf::Library { .. }) => true,
        Some(Elf::Program { loadable: false, .. }) => false,
        Some(Elf::Program { .. }) | None => is_library_name(name),
    }
}

/// Whether a file name is that of a shared library or dynamic loader (`libc.so.6`, `ld-musl-x86_64.so.1`, `x.so`).
pub fn is_library_name(name: &[u8]) -> bool {
    let digit_after = |at: usize| name.get(at + 4).is_some_and(u8::is_ascii_digit);
    name.ends_with(b".so") || name.windows(4).enumerate().any(|(at, part)| part == b".so." && digit_after(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_file(path: &str) -> Option<Elf> {
        use std::os::unix::fs::FileExt;
        let file = std::fs::File::open(path).unwrap();
        classify(|offset, length| {
            let mut bytes = vec![0; length];
            let read = file.read_at(&mut bytes, offset).ok()?;
            bytes.truncate(read);
            Some(bytes)
        })
    }

    #[test]
    fn this_test_is_a_program_and_scripts_are_neither() {
        assert!(matches!(of_file("/proc/self/exe"), Some(Elf::Program { .. })));
        assert_eq!(classify(|_, _| Some(b"#!/bin/sh\n".to_vec())), None);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn real_programs_and_libraries() {
        let loader = b"/lib64/ld-linux-x86-64.so.2".to_vec();
        assert_eq!(
            of_file("/bin/ls"),
            Some(Elf::Program { interpreter: Some(loader), loadable: false, dynamic: true })
        );
        for (library, entry) in [
            ("/lib/x86_64-linux-gnu/libc.so.6", Entry::WithLoader),
            ("/lib64/ld-linux-x86-64.so.2", Entry::Alone),
            ("/lib/x86_64-linux-gnu/libm.so.6", Entry::Absent),
        ] {
            assert_eq!(of_file(library), Some(Elf::Library { entry }), "{library}");
        }
    }

    #[test]
    fn a_program_at_a_fixed_address_is_none_under_another_label() {
        let mut header = [0; 64 + 56];
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        for (at, value) in [(16, 3), (32, 64), (54, 56), (56, 1), (64, 1)] {
            header[at] = value;
        }
        let classify =
            |bytes: &[u8]| classify(|at, length| Some(bytes.get(usize::try_from(at).ok()?..)?[..length].to_vec()));
        let program = classify(&header);
        assert_eq!(program, Some(Elf::Program { interpreter: None, loadable: false, dynamic: false }));
        assert!(!may_be_library(b"libx.so", program.as_ref()));
        // With a dynamic section it is a library.
        header[64] = 2;
        assert_eq!(classify(&header), Some(Elf::Library { entry: Entry::Absent }));
    }

    #[test]
    fn the_content_decides_before_the_name() {
        let loadable = Elf::Program { interpreter: None, loadable: true, dynamic: true };
        for entry in [Entry::Absent, Entry::Bare, Entry::WithLoader, Entry::Alone] {
            assert!(may_be_library(b"sh", Some(&Elf::Library { entry })));
        }
        assert!(may_be_library(b"x.so", Some(&loadable)) && !may_be_library(b"sh", Some(&loadable)));
        assert!(may_be_library(b"x.so", None) && !may_be_library(b"sh", None));
    }

    #[test]
    fn names_of_libraries() {
        for name in ["libc.so.6", "ld-musl-x86_64.so.1", "mod_dir.so", "libx.so.1.2.3", "ld.so"] {
            assert!(is_library_name(name.as_bytes()), "{name}");
        }
        for name in ["sh", "also.sort", "x.so.d"] {
            assert!(!is_library_name(name.as_bytes()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(mut bytes: Vec<u8>, elf: bool) {
            if elf {
                bytes.splice(0..0, *b"\x7fELF\x02\x01");
            }
            strings(&bytes);
            code(|offset, length| bytes.get(usize::try_from(offset).ok()?..)?.get(..length));
            classify(|offset, length| {
                let from = usize::try_from(offset).ok()?.min(bytes.len());
                Some(bytes[from..bytes.len().min(from.saturating_add(length))].to_vec())
            });
        }
    }
}
