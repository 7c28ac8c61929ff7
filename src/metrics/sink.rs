//! Names the sinks whose drops are counted.

/// A sink whose drops are counted in `vitals_dropped_total{sink}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sink {
    /// Log events that the subscriber did not write, and in the counters of the process lines that were not written: their
    /// queue was full, or the writer failed.
    Log,
    /// Events that were not sent to Sentry: the queue was full, the network failed, or Sentry refused them.
    Sentry,
    /// Transactions that were not sent to Sentry, for the same reasons, or because an event took their place.
    SentryTransactions,
    /// Batches of logs that were not sent to Sentry, as transactions.
    SentryLogs,
    /// Batches of metrics that were not sent to Sentry, as transactions.
    SentryMetrics,
    /// Reports to Sentry that were over their rate limit.
    SentryFlood,
    /// Events for Sentry that could not be scrubbed, and so were not sent.
    SentryScrubbing,
    /// Writes of the [state file](crate::vitals::VitalsBuilder::state_file) that failed. 0 without feature `statistics`.
    State,
    /// Pieces of [work beside requests](crate::operations) that ended before there were counters, above the first 1,048,576. Only
    /// the counters of the process have them.
    EarlyWork,
}

// === impl Sink ===

impl Sink {
    /// Every sink with its label, in the order of the variants. A new sink is a new variant and a new row.
    const TABLE: [(Self, &'static str); 9] = [
        (Self::Log, "log"),
        (Self::Sentry, "sentry"),
        (Self::SentryTransactions, "sentry_transactions"),
        (Self::SentryLogs, "sentry_logs"),
        (Self::SentryMetrics, "sentry_metrics"),
        (Self::SentryFlood, "sentry_flood"),
        (Self::SentryScrubbing, "sentry_scrubbing"),
        (Self::State, "state"),
        (Self::EarlyWork, "early_work"),
    ];

    /// How many sinks there are.
    pub(super) const COUNT: usize = Self::TABLE.len();

    /// Every sink.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.into_iter().map(|(sink, _)| sink)
    }

    /// The value of the label `sink`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::TABLE[self.index()].1
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_sink_in_its_place() {
        for (index, sink) in Sink::all().enumerate() {
            assert_eq!(sink.index(), index);
        }
    }
}
