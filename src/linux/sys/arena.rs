//! Memory for a short start: the first of it comes from the program's own pages, without a system call, and is not given
//! back. Reading a command line takes some hundred small pieces, for which the C library's allocator makes dozens of calls;
//! a process that stays as process 1 takes nothing after that.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What reading the longest command line takes, and more. Pages that are never used cost nothing.
const LENGTH: usize = 128 * 1024;

/// The allocator: the arena while there is room, else the C library's.
pub struct Arena {
    memory: Memory,
    used: AtomicUsize,
}

#[repr(align(4096))]
struct Memory(UnsafeCell<[u8; LENGTH]>);

// SAFETY: `used` is moved atomically, so that each part of the memory is given to one caller only.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena that is empty.
    // It is a static, and is never on a stack.
    #[allow(clippy::new_without_default, clippy::large_stack_arrays)]
    pub const fn new() -> Self {
        Self { memory: Memory(UnsafeCell::new([0; LENGTH])), used: AtomicUsize::new(0) }
    }

    fn start(&self) -> *mut u8 {
        self.memory.0.get().cast()
    }

    /// Where in the arena `pointer` lies; `None` if it is the C library's.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        pointer.addr().checked_sub(self.start().addr()).filter(|offset| *offset < LENGTH)
    }

    /// Makes the arena end at `to` if it ends at `from`.
    fn moves(&self, from: usize, to: usize) -> bool {
        to <= LENGTH && self.used.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

// SAFETY: a piece lies within the arena, at an address that is a multiple of its alignment, and no other piece lies there
// until it is the last one and given back; everything else is left to the C library's allocator.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        loop {
            let used = self.used.load(Ordering::Relaxed);
            let start = used.next_multiple_of(layout.align());
            let Some(end) = start.checked_add(layout.size()).filter(|end| *end <= LENGTH && layout.align() <= 4096)
            else {
                // SAFETY: the caller's promises are passed on.
                return unsafe { System.alloc(layout) };
            };
            if self.moves(used, end) {
                // SAFETY: the offset is within the arena.
                return unsafe { self.start().add(start) };
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            // Only the last piece comes back.
            Some(offset) => {
                let _ = self.moves(offset + layout.size(), offset);
            }
            // SAFETY: it is the C library's, as the caller got it.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(pointer) else {
            // SAFETY: it is the C library's, as the caller got it.
            return unsafe { System.realloc(pointer, layout, size) };
        };
        if offset.checked_add(size).is_some_and(|end| self.moves(offset + layout.size(), end)) {
            return pointer;
        }
        // SAFETY: the alignment is valid, and the caller promises that the size is. Both pieces are as long as what is
        // copied, and they do not overlap, as the old one is still there.
        unsafe {
            let other = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !other.is_null() {
                std::ptr::copy_nonoverlapping(pointer, other, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
            other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_overlap_and_the_last_one_comes_back() {
        let arena = Arena::new();
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        // SAFETY: each piece is used as its layout says, and given back once.
        unsafe {
            let first = arena.alloc(layout(3, 1));
            let second = arena.alloc(layout(8, 8));
            assert!(second.addr() >= first.addr() + 3 && second.addr() % 8 == 0);
            second.write_bytes(7, 8);
            // The last one grows where it is, the first one elsewhere.
            assert_eq!(arena.realloc(second, layout(8, 8), 16), second);
            first.write_bytes(5, 3);
            let moved = arena.realloc(first, layout(3, 1), 30);
            assert!(moved != first && std::slice::from_raw_parts(moved, 3) == [5; 3]);
            assert_eq!(std::slice::from_raw_parts(second, 8), [7; 8]);
            arena.dealloc(moved, layout(30, 1));
            assert_eq!(arena.alloc(layout(1, 1)), moved);
            // What does not fit is the C library's.
            let large = arena.alloc(layout(LENGTH, 16));
            assert!(!large.is_null() && arena.offset(large).is_none());
            let larger = arena.realloc(large, layout(LENGTH, 16), 2 * LENGTH);
            assert!(arena.offset(larger).is_none());
            arena.dealloc(larger, layout(2 * LENGTH, 16));
        }
    }
}
