//! Holds a number with a fraction that several threads change.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed},
};

/// A number with a fraction that several threads change.
#[derive(Debug)]
pub(super) struct Float(AtomicU64);

// === impl Float ===

impl Float {
    pub(super) const fn new(value: f64) -> Self {
        Self(AtomicU64::new(value.to_bits()))
    }

    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Acquire))
    }

    pub(super) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// Changes the number, so that no change of another thread is lost.
    pub(super) fn change(&self, with: impl Fn(f64) -> f64) {
        let changed = |now: u64| {
            let next = with(f64::from_bits(now)).to_bits();
            (next != now).then_some(next)
        };
        // An error says that the number is already as it should be.
        let _ = self.0.fetch_update(Relaxed, Relaxed, changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_loses_none_that_came_meanwhile() {
        let float = Float::new(1.0);
        float.change(|now| {
            if now < 10.0 {
                float.set(10.0);
            }
            now + 0.5
        });
        assert_eq!(float.get(), 10.5);
    }
}
