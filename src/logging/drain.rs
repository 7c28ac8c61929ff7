//! Writes the lines of a queue, on a thread of its own.

use std::{
    io::{self, ErrorKind, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use super::queue::{Batch, LineQueue, become_writer};
use crate::metrics::log_lines;

/// The most bytes of several lines in one write. A pipe takes so many as a whole, so that no other process writes between.
const AT_ONCE: usize = 4096;

/// How long to wait before a writer that cannot wait itself is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// The writer's side of a queue.
pub(super) struct Drain {
    queue: Arc<LineQueue>,
    writer: Box<dyn Write + Send>,
    /// The last line was cut off. The next one must not continue it.
    torn: bool,
}

// === impl Drain ===

impl Drain {
    pub(super) const fn new(queue: Arc<LineQueue>, writer: Box<dyn Write + Send>) -> Self {
        Self {
            queue,
            writer,
            torn: false,
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        become_writer();
        let mut batch = Batch::default();
        while self.queue.take(&mut batch) {
            self.batch(&batch);
        }
    }

    fn batch(&mut self, Batch { bytes, ends }: &Batch) {
        let mut first = 0;
        let mut start = 0;
        while let Some(rest) = ends.get(first..).filter(|rest| !rest.is_empty()) {
            let fit = rest.partition_point(|end| end - start <= AT_ONCE).max(1);
            let (written, result) = self.write(&bytes[start..rest[fit - 1]]);
            let whole = rest[..fit].partition_point(|end| end - start <= written);
            // After an error the line in the middle of which it came is lost. The lines behind it are tried again.
            let failed = usize::from(result.is_err() && whole < fit);
            let finished = whole + failed;
            let end = rest[finished - 1];
            if result.is_err() {
                let line = if whole > 0 { rest[whole - 1] } else { start };
                self.torn |= start + written > line;
                log_lines::lost(1);
            }
            self.queue.finish(finished, end - start);
            first += finished;
            start = end;
        }
    }

    /// Writes all bytes. Returns how many were written before an error.
    fn write(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let mut written = 0;
        if self.torn {
            if let Err(error) = self.call(|writer| writer.write_all(b"\n")) {
                return (0, Err(error));
            }
            self.torn = false;
        }
        while written < bytes.len() {
            match self.call(|writer| writer.write(&bytes[written..])) {
                Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
                Ok(more) => written += more.min(bytes.len() - written),
                Err(error) => return (written, Err(error)),
            }
        }
        (written, self.call(|writer| writer.flush()))
    }

    /// Calls the writer until it neither is interrupted nor asks to come back later. A panic is an error.
    fn call<T>(&mut self, mut call: impl FnMut(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        loop {
            let called = catch_unwind(AssertUnwindSafe(|| call(&mut self.writer)));
            match called.unwrap_or_else(|_| Err(io::Error::other("panicked"))) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                other => return other,
            }
        }
    }
}
