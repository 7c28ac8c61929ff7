//! Hashes addresses, which no client chooses, faster than the standard hasher.

use std::hash::Hasher;

/// Mixes the words that it is given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressHasher(u64);

// === impl AddressHasher ===

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // A hash map uses the low bits, and the product mixes the high ones.
        self.0 ^ (self.0 >> 32)
    }
}
