//! Keeps the memory of a thread's last line for its next one.

use std::cell::Cell;

/// The capacity of a new line in bytes. Most lines fit.
const ROOM: usize = 512;

/// The most bytes that a thread keeps for its next line.
const KEPT: usize = 8_192;

thread_local! {
    /// The memory of the last line. Empty while a line is written: a value that writes itself can log.
    static LAST: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty line, in the memory of the last one if that is free.
pub(super) fn empty_line() -> Vec<u8> {
    let mut line = LAST.try_with(Cell::take).unwrap_or_default();
    line.reserve(ROOM);
    line
}

/// Keeps the memory of a line that was written.
pub(super) fn keep(mut line: Vec<u8>) {
    if line.capacity() <= KEPT {
        line.clear();
        // A thread that is ending keeps nothing.
        let _ = LAST.try_with(|last| last.set(line));
    }
}
