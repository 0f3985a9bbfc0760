//! Small facts about items of a PLC, remembered by item number in a table of fixed size: the newest item of those
//! that share a place is the one remembered. PLCs number items one after the other, so a table of N places remembers
//! about the last N items; what is forgotten is simply not known. One look-up touches one line of memory and nothing
//! is allocated after the table was made.

/// Facts by item.
#[derive(Clone, Debug)]
pub(super) struct ItemMemory<T> {
    places: Vec<Option<(u32, T)>>,
}

impl<T: Copy> ItemMemory<T> {
    /// A memory of `places` places, a power of two.
    pub(super) fn new(places: usize) -> Self {
        assert!(places.is_power_of_two(), "the place is taken from the low bits of the item");
        Self { places: vec![None; places] }
    }

    /// What is remembered of `item`.
    pub(super) fn find(&self, item: u32) -> Option<T> {
        self.places[self.place(item)].filter(|(of, _)| *of == item).map(|(_, fact)| fact)
    }

    /// Remembers `fact` of `item`, in the place of whatever stood there.
    pub(super) fn keep(&mut self, item: u32, fact: T) {
        let place = self.place(item);
        self.places[place] = Some((item, fact));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.places.fill(None);
    }

    fn place(&self, item: u32) -> usize {
        item as usize & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_items_are_remembered_exactly() {
        let mut memory = ItemMemory::new(8);
        for item in 0..20_u32 {
            memory.keep(item, item * 10);
        }
        for item in 0..40 {
            assert_eq!(memory.find(item), (12..20).contains(&item).then_some(item * 10));
        }
        memory.clear();
        assert_eq!(memory.find(19), None);
    }
}
