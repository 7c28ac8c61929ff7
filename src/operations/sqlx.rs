//! Reads sqlx's own events of queries, so that they are measured without a line of code.

mod read;
mod request;
mod slow;

use std::{sync::OnceLock, time::Duration};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    dispatcher::WeakDispatch,
    level_filters::LevelFilter,
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, filter::filter_fn, layer::Context, registry::LookupSpan};

use self::{
    read::Read,
    request::{Elsewhere, within},
    slow::Slow,
};
use super::{
    finished::{self, SLOW},
    own_query,
};
use crate::{
    facts::{
        table_names,
        work::{EndedWork, Work},
    },
    metrics::Metrics,
};

/// The target of sqlx's events of queries.
const TARGET: &str = "sqlx::query";

/// The level up to which events must be let through, so that sqlx sends them.
pub(crate) const LEVEL: LevelFilter = LevelFilter::DEBUG;

/// The table of a statement that names none.
const UNKNOWN: &str = "unknown";

/// Measures the queries of sqlx. See [`sqlx_queries`].
#[derive(Clone, Debug)]
#[must_use = "it measures as a layer of a subscriber"]
pub struct SqlxQueries {
    threshold: Duration,
    metrics: Option<Metrics>,
}

/// Hears of events, and measures those of queries.
#[derive(Debug)]
pub(crate) struct QueryReader {
    queries: SqlxQueries,
    /// The subscriber of this layer, to which a slow query is told later.
    subscriber: OnceLock<WeakDispatch>,
    elsewhere: Elsewhere,
}

/// Measures the queries of `sqlx` by a layer of the application's `tracing` subscriber.
///
/// [`logging::init`](crate::logging::init) and [`logging::from_env`](crate::logging::from_env) have it. Another subscriber gets it
/// so:
///
/// ```
/// use tower_vitals::operations::sqlx_queries;
/// use tracing_subscriber::{filter::LevelFilter, Layer, layer::SubscriberExt};
///
/// let lines = tracing_subscriber::fmt::layer().with_filter(LevelFilter::INFO);
/// let queries = sqlx_queries().layer();
/// let subscriber = tracing_subscriber::registry().with(lines).with(queries);
/// ```
///
/// sqlx sends an event at `DEBUG` when a query has ended, also after an error and when it was dropped. Each is one count in
/// `db_query_duration_seconds{operation,table}`: as [`query`](super::query()) counts, and with the same report if it is slow. No line is
/// written for it, unless the other layers want one, and no other event at `DEBUG` is let through.
///
/// # Operation and table
///
/// They come from the first words of the statement, of which at most 4 KiB are read. The operation is from a closed list, else it is
/// `other`. The table is the first one with which the statement works, in lower case and without its schema. It is `unknown` if the
/// statement names none, if what it names is a function or is given by a `WITH`, or if the name is no plain word: up to 63 ASCII
/// letters, digits and `_`. 256 tables have counters of their own. The statement itself is not kept, and no literal of it becomes a
/// label.
///
/// # Within a measured query
///
/// While [`query`](super::query()) runs a future or a closure, a query of sqlx on this thread is part of it, and is not measured
/// by itself: so it counts once, with the outcome that sqlx does not tell. A guard of `start` does not do that. With SQLite,
/// which works on a thread of its own, both count: do not use `query` around its queries, or leave this layer out.
///
/// # What it cannot see
///
/// * **Queries without an event.** `disable_statement_logging`, `log_statements(Off)` and `log_statements(Trace)` silence sqlx. So
///   does `log_slow_statements(Off, _)` for all slow ones: the slowest queries are missing then. To keep statements out of log
///   lines, give slow ones the level of the others: `log_slow_statements(LevelFilter::Debug, …)`. By default sqlx itself logs each
///   statement over 1 s at `WARN`, with its text: a line of the application, and with Sentry's layer a breadcrumb.
/// * **A filter around everything**, such as `registry().with(EnvFilter::new("info"))`, drops the events before any layer has them.
///   Give the filter to the layer that writes, as above.
/// * **The outcome.** sqlx does not tell errors and dropped queries from others. So nobody claims one: breadcrumb, warning and
///   log event of a slow query have no `outcome`, the child span has no status, and statistics count the query in no outcome.
/// * **The wait for a connection.** The time begins when the connection gets the statement. It ends when the result is dropped, so
///   it includes what the application does between two rows of a stream.
/// * **What is not a query for sqlx**: pings, statements that are only prepared, what `COPY` and `PgListener` send. `BEGIN`, and the
///   rollback of a dropped transaction, have no event. With SQLite `COMMIT` and `ROLLBACK` of a transaction have none either.
/// * **The request, with SQLite and this layer alone.** SQLite works on a thread of its own, where no exchange is current. The layer
///   of `logging` finds the request by its span: if spans at `INFO` are chosen and requests have one, from the second query on
///   that a request sends. With PostgreSQL and MySQL the request is always known.
#[cfg_attr(
    tower_vitals_docsrs,
    doc(cfg(all(feature = "logging", feature = "sqlx")))
)]
pub const fn sqlx_queries() -> SqlxQueries {
    SqlxQueries {
        threshold: SLOW,
        metrics: None,
    }
}

/// Whether this is the place from where sqlx sends its events of queries.
pub(crate) fn is_query(metadata: &Metadata<'_>) -> bool {
    // `enabled!` asks with metadata that are of no event.
    !metadata.is_span() && metadata.target() == TARGET && *metadata.level() <= Level::DEBUG
}

/// What measures in the layers of the room `logging`.
pub(crate) fn reader() -> QueryReader {
    sqlx_queries().reader()
}

// === impl SqlxQueries ===

impl SqlxQueries {
    /// From when on a query is slow. Defaults to 1 s.
    pub const fn threshold(mut self, threshold: Duration) -> Self {
        self.threshold = threshold;
        self
    }

    /// Counts in these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// The layer.
    #[must_use]
    pub fn layer<S>(self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let filter = filter_fn(is_query).with_max_level_hint(LEVEL);
        self.reader().with_filter(filter)
    }

    fn reader(self) -> QueryReader {
        QueryReader {
            queries: self,
            subscriber: OnceLock::new(),
            elsewhere: Elsewhere::default(),
        }
    }
}

// === impl QueryReader ===

impl QueryReader {
    /// Notes the subscriber. It has this layer, so this layer does not keep it.
    pub(crate) fn on_register(&self, subscriber: &Dispatch) {
        let _ = self.subscriber.set(subscriber.downgrade());
    }

    /// Notes the request of a new span.
    pub(crate) fn note_span<S>(&self, attributes: &Attributes<'_>, id: &Id, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        self.elsewhere.note(attributes, id, ctx);
    }

    /// Measures the query of this event.
    pub(crate) fn take<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        if own_query::is_running() {
            return;
        }
        let Some((statement, duration)) = Read::of(event) else {
            return;
        };
        let SqlxQueries { threshold, metrics } = &self.queries;
        let exchange = self.elsewhere.request(event, ctx);
        let table = statement.table.as_deref().unwrap_or(UNKNOWN);
        let operation = statement.operation.index();
        let ended = EndedWork {
            work: Work::Query,
            // Threads find counters by the address of the name.
            name: table_names::kept(table).unwrap_or(table),
            detail: operation,
            outcome: None,
            duration,
            ago: Duration::ZERO,
            threshold: *threshold,
        };
        within(exchange.as_ref(), || {
            finished::note(&ended, metrics.as_ref());
        });
        if ended.is_slow() {
            let slow = Slow {
                table: table.into(),
                operation,
                threshold: *threshold,
                duration,
                metrics: metrics.clone(),
                subscriber: self.subscriber.get().and_then(WeakDispatch::upgrade),
                exchange,
            };
            slow.tell_later();
        }
    }
}

impl<S> Layer<S> for QueryReader
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.on_register(subscriber);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        self.take(event, &ctx);
    }
}
