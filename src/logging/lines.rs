//! Gives a queue of lines to the threads that log, as a writer and as a handle.

use std::{
    io::{self, Write},
    sync::Arc,
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::{drain::Drain, process, queue::LineQueue, queue_settings::QueueSettings, scrubbed};
use crate::{config::ConfigError, metrics::log_lines};

/// A handle to a queue of lines and its writer. Clones share them.
///
/// It is a `MakeWriter`, for the layers of this crate and of `tracing-subscriber`: each call of `write` queues one line, and
/// never fails. Nothing happens when it is dropped while another clone or a layer holds the queue.
#[derive(Clone, Debug)]
pub struct Lines {
    open: Arc<Open>,
}

/// Closes the queue when the last handle is gone.
#[derive(Debug)]
struct Open {
    queue: Arc<LineQueue>,
}

// === impl QueueSettings ===

impl QueueSettings {
    /// Starts the thread that writes to `writer`. It ends when the last clone of the handle is dropped and all lines are
    /// written.
    ///
    /// # Errors
    ///
    /// If there is room for no line, or the thread cannot start.
    pub fn start<W>(self, writer: W) -> Result<Lines, ConfigError>
    where
        W: Write + Send + 'static,
    {
        for (field, room) in [("logging.lines", self.lines), ("logging.bytes", self.bytes)] {
            if room == 0 {
                return Err(ConfigError::new(field, "0", "a line needs room"));
            }
        }
        Lines::start(self, Box::new(writer))
    }
}

// === impl Lines ===

impl Lines {
    /// Starts the thread that writes. It ends after the last handle.
    pub(super) fn start(
        settings: QueueSettings,
        writer: Box<dyn Write + Send>,
    ) -> Result<Self, ConfigError> {
        let queue = Arc::new(LineQueue::new(settings));
        let writer = scrubbed::writer(None, writer);
        let drain = Drain::new(Arc::clone(&queue), Box::new(writer));
        let drained = Arc::clone(&queue);
        thread::Builder::new()
            .name("vitals-log".into())
            .spawn(move || {
                drain.run();
                process::forget(&drained);
            })
            .map_err(|error| ConfigError::new("logging", "queue", error.to_string()))?;
        process::remember(&queue);
        Ok(Self {
            open: Arc::new(Open { queue }),
        })
    }

    /// Waits until the lines that are queued now are written, but not longer than `timeout`. Returns how many still wait.
    ///
    /// A line that the writer refused does not wait: it is counted in `vitals_dropped_total{sink="log"}`. The call
    /// blocks its thread. [`Vitals::run`](crate::Vitals) and [`Vitals::flush`](crate::Vitals::flush) do the same for all queues of the
    /// process.
    #[expect(
        clippy::must_use_candidate,
        reason = "a caller that only waits does not need the number"
    )]
    pub fn flush(&self, timeout: Duration) -> u64 {
        self.open.queue.flush(timeout)
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.open.queue.push(line) {
            log_lines::lost(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Open ===

impl Drop for Open {
    fn drop(&mut self) {
        self.queue.close();
    }
}
