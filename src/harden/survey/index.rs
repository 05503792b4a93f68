//! Where in a list something stands, by its hash.

/// A hash table of positions: eight bytes an element, because the key is in the list.
#[derive(Default)]
pub(super) struct Index {
    /// Position and one more; 0 where there is none. A power of two of them, at least half of them free.
    slots: Vec<u32>,
    used: usize,
}

impl Index {
    /// The position with this hash that `is` the one.
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

    /// Adds a position; `hash_of` gives the hash of each that was added.
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
