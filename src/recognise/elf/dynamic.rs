//! The dynamic section (elf(5), ld.so(8)): which libraries an ELF file needs, and where it says to look for them.

use std::borrow::Cow;

use super::{DT_NEEDED, DT_SONAME, Elf, Headers, Numbers, PT_DYNAMIC, PT_LOAD, Reader, Segment};

const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
/// Libraries that the loader asks for symbols first: `DT_AUXILIARY`, `DT_FILTER`.
const FILTERS: [u64; 2] = [0x7fff_fffd, 0x7fff_ffff];

/// Limits in bytes: of the dynamic section, of the string table, of one read of that table, and of one string.
const MAX_SECTION: u64 = 64 * 1024;
const MAX_STRINGS: u64 = 16 * 1024 * 1024;
const CHUNK: usize = 32 * 1024;
const MAX_STRING: usize = 4096;

/// The machine that a file was made for. A program loads only libraries for the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// 64-bit.
    pub wide: bool,
    /// Little-endian.
    pub little: bool,
    /// `e_machine`.
    pub number: u16,
}

/// What the dynamic loader reads in a program or library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// Program or library.
    pub kind: Elf,
    /// The machine that it was made for.
    pub machine: Machine,
    /// `DT_NEEDED`: names; an entry with a slash is a path.
    pub needed: Vec<Vec<u8>>,
    /// `DT_AUXILIARY` and `DT_FILTER`: the loader loads them if they exist.
    pub filters: Vec<Vec<u8>>,
    /// `DT_SONAME`.
    pub soname: Option<Vec<u8>>,
    /// `DT_RPATH`, colon-separated. It has no meaning beside a `DT_RUNPATH`.
    pub rpath: Option<Vec<u8>>,
    /// `DT_RUNPATH`, colon-separated.
    pub runpath: Option<Vec<u8>>,
    /// Whether its symbols name `dlopen`: it may load libraries that are written nowhere.
    pub names_dlopen: bool,
}

impl Dynamic {
    /// Reads a file's dynamic section. `None` if the file is not a complete ELF program or library, or a needed name
    /// cannot be read. A static program needs nothing. `read_at(offset, length)` gives up to `length` bytes from
    /// `offset`.
    pub fn read<'b, B: Into<Cow<'b, [u8]>>>(mut read_at: impl FnMut(u64, usize) -> Option<B>) -> Option<Self> {
        Self::read_by(&mut |offset, length| read_at(offset, length).map(Into::into))
    }

    fn read_by(read_at: &mut Reader<'_, '_>) -> Option<Self> {
        let kind = super::kind(read_at)?;
        let headers = Headers::read(read_at)?;
        let (number, segments) = (headers.number, headers.segments().collect::<Vec<_>>());
        let machine = Machine { wide: number.wide, little: number.little, number: number.u16(&read_at(0, 64)?, 18)? };
        let mut found = Self {
            kind,
            machine,
            needed: Vec::new(),
            filters: Vec::new(),
            soname: None,
            rpath: None,
            runpath: None,
            names_dlopen: false,
        };
        let Some(section) = segments.iter().find(|segment| segment.kind == PT_DYNAMIC) else { return Some(found) };
        let tags = read_at(section.offset, usize::try_from(section.size.min(MAX_SECTION)).ok()?)?;
        let tags = pairs(number, &tags);
        let value = |tag| tags.iter().find(|(known, _)| *known == tag).map(|(_, value)| *value);
        let (Some(address), Some(size)) = (value(DT_STRTAB), value(DT_STRSZ)) else { return Some(found) };
        let start = offset_of(&segments, address)?;
        let mut string = |at: u64| -> Option<Vec<u8>> {
            let bytes = read_at(start.checked_add(at).filter(|_| at < size)?, MAX_STRING)?;
            bytes.split(|&byte| byte == 0).next().map(<[u8]>::to_vec)
        };
        for &(tag, at) in &tags {
            match tag {
                // A name that cannot be read is an unknown need, so that nothing is known of this file.
                DT_NEEDED => found.needed.push(string(at)?),
                DT_SONAME => found.soname = string(at),
                DT_RPATH => found.rpath = Some(string(at)?),
                DT_RUNPATH => found.runpath = Some(string(at)?),
                tag if FILTERS.contains(&tag) => found.filters.push(string(at)?),
                _ => {}
            }
        }
        found.names_dlopen = holds(read_at, start, size.min(MAX_STRINGS), b"dlopen\0");
        Some(found)
    }
}

/// Tags and values up to `DT_NULL`.
pub(super) fn pairs(number: Numbers, tags: &[u8]) -> Vec<(u64, u64)> {
    let width = if number.wide { 8 } else { 4 };
    tags.chunks_exact(2 * width)
        .map_while(|pair| Some((number.word(pair, 0)?, number.word(pair, width)?)))
        .take_while(|(tag, _)| *tag != 0)
        .collect()
}

/// The offset in the file of what the loader maps at `address`.
fn offset_of(segments: &[Segment], address: u64) -> Option<u64> {
    let mut loaded = segments.iter().filter(|segment| segment.kind == PT_LOAD);
    let segment = loaded.find(|load| address.checked_sub(load.address).is_some_and(|into| into < load.size))?;
    segment.offset.checked_add(address.checked_sub(segment.address)?)
}

/// Whether the string table of `size` bytes at `start` holds `name`, which ends with a NUL byte. A linker may store it as
/// the end of a longer name, so that a longer name such as `lt_dlopen` counts too.
fn holds(read_at: &mut Reader<'_, '_>, start: u64, size: u64, name: &[u8]) -> bool {
    let mut at = 0;
    while at < size {
        let length = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
        let Some(bytes) = start.checked_add(at).and_then(|offset| read_at(offset, length)) else { return false };
        let bytes = bytes.as_ref();
        if bytes.windows(name.len()).any(|part| part == name) {
            return true;
        }
        let step = bytes.len().saturating_sub(name.len() - 1);
        if step == 0 {
            return false;
        }
        at = at.saturating_add(u64::try_from(step).unwrap_or(u64::MAX));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_bytes(bytes: &[u8]) -> Option<Dynamic> {
        Dynamic::read(|offset, length| {
            let from = usize::try_from(offset).ok()?.min(bytes.len());
            Some(bytes[from..bytes.len().min(from.saturating_add(length))].to_vec())
        })
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_real_program_and_a_real_library() {
        let program = of_bytes(&std::fs::read("/bin/ls").unwrap()).unwrap();
        assert!(matches!(program.kind, Elf::Program { .. }) && !program.names_dlopen);
        assert!(program.needed.contains(&b"libc.so.6".to_vec()), "{program:?}");
        let library = of_bytes(&std::fs::read("/lib/x86_64-linux-gnu/libc.so.6").unwrap()).unwrap();
        assert_eq!(library.soname.as_deref(), Some(b"libc.so.6".as_slice()));
        assert_eq!(library.needed, [b"ld-linux-x86-64.so.2".to_vec()]);
        assert!(library.names_dlopen && library.machine == program.machine);
    }

    #[test]
    fn a_name_may_be_the_end_of_another() {
        let holds = |table: &'static [u8]| {
            let mut read_at = |offset: u64, length: usize| {
                let from = usize::try_from(offset).ok()?.min(table.len());
                Some(Cow::Borrowed(&table[from..table.len().min(from.saturating_add(length))]))
            };
            super::holds(&mut read_at, 0, table.len() as u64, b"dlopen\0")
        };
        assert!(holds(b"\0dlopen\0") && holds(b"\0interceptor_dlopen\0x\0"));
        assert!(!holds(b"\0dlopen2\0dlclose\0") && !holds(b"\0dlope\0") && !holds(b""));
    }

    #[test]
    fn scripts_are_neither() {
        assert_eq!(of_bytes(b"#!/bin/sh\n"), None);
    }

    proptest! {
        #[test]
        fn never_panics(at in 0..4000_usize, bytes: [u8; 8]) {
            // A real file with some bytes of its head, where the tables are, changed.
            let mut file = std::fs::read("/bin/ls").unwrap();
            file[at..at + 8].copy_from_slice(&bytes);
            of_bytes(&file);
        }
    }
}
