//! Configures the queue between the threads that log and the writer.

use crate::config::{ConfigError, Environment};

/// What happens to a line for which the queue has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It is lost, and counted in `vitals_dropped_total{sink="log"}`.
    #[default]
    Drop,
    /// The thread that logs it waits for room. A reader that stops then stops the service.
    Block,
}

/// The settings of a queue of lines.
///
/// ```
/// use tower_vitals::logging::{self, Format, QueueSettings, WhenFull};
///
/// let audit = QueueSettings::new()
///     .lines(1_000)
///     .when_full(WhenFull::Block)
///     .start(std::io::stderr())?;
/// let layer = logging::layer(Format::Json, audit, false);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "no queue is there before `start`"]
pub struct QueueSettings {
    pub(super) lines: usize,
    pub(super) bytes: usize,
    pub(super) when_full: WhenFull,
}

// === impl WhenFull ===

impl WhenFull {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "drop" => Some(Self::Drop),
            "block" => Some(Self::Block),
            _ => None,
        }
    }
}

// === impl QueueSettings ===

impl QueueSettings {
    /// Room for 10,000 lines and 8 MiB. What does not fit is dropped.
    pub const fn new() -> Self {
        Self {
            lines: 10_000,
            bytes: 8 * 1024 * 1024,
            when_full: WhenFull::Drop,
        }
    }

    /// What `LOG_QUEUE` and `LOG_WHEN_FULL` say.
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let default = Self::new();
        let number = |text: &str| text.parse().ok().filter(|lines| *lines > 0);
        let lines = environment.parse("LOG_QUEUE", "expected a number of lines from 1", number)?;
        let expected = "expected drop or block";
        let when_full = environment.parse("LOG_WHEN_FULL", expected, WhenFull::parse)?;
        Ok(Self {
            lines: lines.unwrap_or(default.lines),
            bytes: default.bytes,
            when_full: when_full.unwrap_or_default(),
        })
    }

    /// The most lines that wait, from 1. Defaults to 10,000.
    pub const fn lines(mut self, lines: usize) -> Self {
        self.lines = lines;
        self
    }

    /// The most bytes of lines that wait, from 1. A longer line is always dropped. The queue takes at most about four
    /// times as much memory. Defaults to 8 MiB.
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// What happens to a line without room. Defaults to [`WhenFull::Drop`].
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self::new()
    }
}
