//! Values that name each other by small numbers instead of pointers.

use std::ops::{Index, IndexMut};

/// The number of no value.
pub const NONE: u32 = u32::MAX;

/// Numbers leave their highest bit free.
const MAX: usize = 1 << 31;

/// A vector whose places are used again. What was removed leaves its place at once, so a number
/// must not be kept beyond it.
#[derive(Debug)]
pub struct Slab<T> {
    places: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T: Copy> Slab<T> {
    /// Keeps a value; returns its number.
    ///
    /// # Panics
    ///
    /// If there are 2^31 values already; callers are bounded far below.
    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self[number] = value;
            return number;
        }
        assert!(self.places.len() < MAX, "a slab has no more numbers");
        self.places.push(value);
        self.places.len() as u32 - 1
    }

    /// Forgets a value that is there.
    pub fn remove(&mut self, number: u32) -> T {
        self.free.push(number);
        self[number]
    }

    /// Returns how many values are kept.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        &self.places[number as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.places[number as usize]
    }
}
