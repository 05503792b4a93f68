//! Finds positions in a list by hash.

/// A hash table of positions. It takes eight bytes an element, because the keys are in the list.
#[derive(Default)]
pub(super) struct Index {
    /// Position plus one; 0 for a free slot. The length is a power of two, and at least half of the slots are free.
    slots: Vec<u32>,
    used: usize,
}

impl Index {
    /// The position with this hash for which `is` holds.
    pub(super) fn get(&self, hash: u64, is: &dyn Fn(usize) -> bool) -> Option<usize> {
        let mut at = self.first(hash)?;
        loop {
            let position = (*self.slots.get(at)? as usize).checked_sub(1)?;
            if is(position) {
                return Some(position);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a position. `hash_of` gives the hash of every position that was added.
    pub(super) fn insert(&mut self, hash: u64, position: usize, hash_of: &dyn Fn(usize) -> u64) {
        if 2 * self.used >= self.slots.len() {
            let larger = vec![0; (2 * self.slots.len()).max(64)];
            for slot in std::mem::replace(&mut self.slots, larger).into_iter().filter(|slot| *slot > 0) {
                self.put(hash_of(slot as usize - 1), slot);
            }
        }
        self.used += 1;
        self.put(hash, u32::try_from(position + 1).unwrap_or(0));
    }

    fn put(&mut self, hash: u64, slot: u32) {
        let Some(mut at) = self.first(hash) else { return };
        while self.slots.get(at).is_some_and(|taken| *taken > 0) {
            at = (at + 1) & (self.slots.len() - 1);
        }
        if let Some(free) = self.slots.get_mut(at) {
            *free = slot;
        }
    }

    fn first(&self, hash: u64) -> Option<usize> {
        // The remainder is less than the length.
        usize::try_from(hash % u64::try_from(self.slots.len()).ok()?.max(1)).ok()
    }
}
