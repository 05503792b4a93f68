//! The least program: what is written and executed where nothing should be.

use crate::linux::sys::program::own_header;

/// Where it is mapped: the start of a page of any size.
const ADDRESS: u64 = 0x40_0000;

/// Length in bytes of the header and of the one program header (elf(5)).
const HEADER: u16 = 64;
const SEGMENT: u16 = 56;

/// A program of this machine that has one segment, and in it one instruction that no program may run.
pub(super) fn program() -> Vec<u8> {
    let own = own_header();
    let length = u64::from(HEADER + SEGMENT + 8);
    let mut file = Vec::new();
    file.extend_from_slice(own.get(..16).unwrap_or_default());
    let kind_executable = 2u16;
    file.extend(kind_executable.to_ne_bytes());
    // The machine and the version are those of lithify.
    file.extend_from_slice(own.get(18..24).unwrap_or_default());
    for word in [ADDRESS + u64::from(HEADER + SEGMENT), HEADER.into(), 0] {
        file.extend(word.to_ne_bytes());
    }
    // The flags, which name what the machine must have.
    file.extend_from_slice(own.get(48..52).unwrap_or_default());
    for half in [HEADER, SEGMENT, 1, 0, 0, 0] {
        file.extend(half.to_ne_bytes());
    }
    let (load, read_and_execute) = (1u32, 5u32);
    file.extend(load.to_ne_bytes());
    file.extend(read_and_execute.to_ne_bytes());
    for word in [0, ADDRESS, ADDRESS, length, length, 0x1_0000] {
        file.extend(word.to_ne_bytes());
    }
    file.extend([0; 8]);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::elf::{Elf, classify};

    #[test]
    fn is_a_program_of_this_machine() {
        let program = program();
        assert_eq!(program.len(), 128);
        let read = |offset: u64, length: usize| {
            let start = usize::try_from(offset).ok()?;
            Some(program.get(start..program.len().min(start + length))?.to_vec())
        };
        assert_eq!(classify(read), Some(Elf::Program { interpreter: None, loadable: false, dynamic: false }));
        assert_eq!(program[18..20], own_header()[18..20]);
    }
}
