//! Tells what counting takes from the allocator.

/// What the allocator takes for a request of this size: eight bytes of its own, in steps of 16, and at least 32.
pub(super) const fn allocated(bytes: usize) -> usize {
    let all = bytes.saturating_add(8 + 15) / 16 * 16;
    if all < 32 { 32 } else { all }
}
