//! Names the numbers that rules judge.

use std::{fmt, sync::Arc};

use super::{
    own::{CounterOf, Own},
    unit::SignalUnit,
};
use crate::facts::category::ErrorCategory;

/// A named number that a rule compares with its threshold.
///
/// Most are counted over the window of the rule. Those that say how something is now, such as [`in_flight`](Self::in_flight),
/// have no window. A signal without data is neither above nor below a threshold.
///
/// Signals of pools, checks, services, jobs, queues, hosts, paths and servers of Redis have a number for each, and each is an
/// alert of its own. [`only`](Self::only) takes one of them.
#[derive(Clone)]
pub struct Signal {
    pub(crate) kind: Kind,
    pub(crate) only: Option<String>,
    pub(crate) category: Option<ErrorCategory>,
}

/// Which number it is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    ErrorRate,
    ErrorsPerMinute,
    /// What so many per cent of the requests do not exceed.
    Latency(u8),
    RequestsPerSecond,
    InFlight,
    ErrorSpike,
    NewErrors,
    NewErrorsSinceDeployment,
    QueryLatency,
    SlowQueries,
    OutboundErrorRate,
    JobFailures,
    Now(Gauge),
    Own(Own),
}

/// A number that says how something is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Gauge {
    MemoryPercent,
    CpuPercent,
    CircuitsOpen,
    RuntimeLagMillis,
    /// 1 if the check found its dependency unhealthy or does not know, else 0.
    CheckFailed,
    DiskFreePercent,
    PoolPercent,
    CertificateDays,
    JobAgeSeconds,
    QueueLength,
    RedisPercent,
    CacheHitPercent,
}

// === impl Signal ===

impl Signal {
    /// The share of requests with a status of 5xx, in per cent. By [category](Self::category): the failures of that category.
    ///
    /// With few requests, rules do more than compare: see [the module](super#few-requests).
    #[must_use]
    pub const fn error_rate_percent() -> Self {
        Self::of(Kind::ErrorRate)
    }

    /// The requests with a status of 5xx, or the failures of a [category](Self::category), in a minute.
    #[must_use]
    pub const fn errors_per_minute() -> Self {
        Self::of(Kind::ErrorsPerMinute)
    }

    /// The median of the times to the head of the response, in milliseconds.
    #[must_use]
    pub const fn p50_ms() -> Self {
        Self::of(Kind::Latency(50))
    }

    /// What 95 % of the times to the head of the response do not exceed, in milliseconds.
    #[must_use]
    pub const fn p95_ms() -> Self {
        Self::of(Kind::Latency(95))
    }

    /// What 99 % of the times to the head of the response do not exceed, in milliseconds.
    #[must_use]
    pub const fn p99_ms() -> Self {
        Self::of(Kind::Latency(99))
    }

    /// The requests that ended in a second, over the time that was observed.
    #[must_use]
    pub const fn requests_per_second() -> Self {
        Self::of(Kind::RequestsPerSecond)
    }

    /// The requests that have begun and not ended.
    #[must_use]
    pub const fn in_flight() -> Self {
        Self::of(Kind::InFlight)
    }

    /// By how many per cent there are more errors than in the window before. If that one had none, it counts as one. No data if
    /// less than nine tenths as much of that one was observed. The rule's `at_least` counts the errors of the window.
    #[must_use]
    pub const fn error_spike_percent() -> Self {
        Self::of(Kind::ErrorSpike)
    }

    /// How many kinds of failures occurred in the window and not in the rest of the last 24 hours. A kind is a category, an endpoint and
    /// a type of error: `PaymentError: Timeout` is one whose root is a `Timeout`, and `panic`, `503` or `UNAVAILABLE` stand for failures
    /// without an error. Types are known of failures of the server, and after 512 names all others are one. Without a [category](Self::category) these are the failures of the server: `server_error`, `database`, `external_service` and
    /// `timeout`. No data before an hour was observed.
    #[must_use]
    pub const fn new_errors() -> Self {
        Self::of(Kind::NewErrors)
    }

    /// How many kinds of failures, as in [`new_errors`](Self::new_errors), occurred since the last
    /// deployment and not in the hour before it. The window of the rule is how long after a deployment this is asked: then it is 0.
    /// Without a deployment there is no data, and neither if less than half of that hour was observed: this needs a state file.
    #[must_use]
    pub const fn new_errors_since_deployment() -> Self {
        Self::of(Kind::NewErrorsSinceDeployment)
    }

    /// The memory in use, in per cent of the container's limit, else of the host's memory.
    #[must_use]
    pub const fn memory_usage_percent() -> Self {
        Self::of(Kind::Now(Gauge::MemoryPercent))
    }

    /// The time of processors that the process uses, in per cent of one processor. Needs
    /// [`process_metrics`](crate::vitals::VitalsBuilder::process_metrics), with feature `process`.
    #[must_use]
    pub const fn cpu_usage_percent() -> Self {
        Self::of(Kind::Now(Gauge::CpuPercent))
    }

    /// The free space of each file system that [`disk_space`](crate::operations::disk_space) watches, in per cent. Label: `path`.
    /// Needs feature `disk`.
    #[must_use]
    pub const fn disk_free_percent() -> Self {
        Self::of(Kind::Now(Gauge::DiskFreePercent))
    }

    /// How many circuit breakers are open.
    #[must_use]
    pub const fn circuit_breaker_open_count() -> Self {
        Self::of(Kind::Now(Gauge::CircuitsOpen))
    }

    /// 1 for a health check that finds its dependency unhealthy or does not know, else 0. Label: `check`.
    #[must_use]
    pub const fn health_check_failed() -> Self {
        Self::of(Kind::Now(Gauge::CheckFailed))
    }

    /// What 95 % of the queries do not exceed, in milliseconds. [`only`](Self::only) takes a table.
    #[must_use]
    pub const fn query_p95_ms() -> Self {
        Self::of(Kind::QueryLatency)
    }

    /// How many queries took longer than a second. [`only`](Self::only) takes a table.
    #[must_use]
    pub const fn slow_queries() -> Self {
        Self::of(Kind::SlowQueries)
    }

    /// The connections in use, in per cent of the most that a pool may have. Label: `pool`.
    #[must_use]
    pub const fn pool_usage_percent() -> Self {
        Self::of(Kind::Now(Gauge::PoolPercent))
    }

    /// The share of calls of another service that failed, in per cent. Label: `service`.
    #[must_use]
    pub const fn external_error_rate_percent() -> Self {
        Self::of(Kind::OutboundErrorRate)
    }

    /// The longest time lately that a task of the Tokio runtime waited for its turn, in milliseconds. Needs
    /// [`process_metrics`](crate::vitals::VitalsBuilder::process_metrics), with feature `process`.
    #[must_use]
    pub const fn runtime_lag_ms() -> Self {
        Self::of(Kind::Now(Gauge::RuntimeLagMillis))
    }

    /// In how many days the certificate of a host expires. Label: `host`.
    #[must_use]
    pub const fn certificate_days_left() -> Self {
        Self::of(Kind::Now(Gauge::CertificateDays))
    }

    /// How many runs of a job failed. Label: `job`.
    #[must_use]
    pub const fn job_failures() -> Self {
        Self::of(Kind::JobFailures)
    }

    /// How many seconds ago a job last succeeded. Label: `job`. One that has not succeeded lately is as old as all that is known: the
    /// last 24 hours at most, as far as they were observed. With [`only`](Self::only) that holds for a job that never ran, too.
    #[must_use]
    pub const fn job_age() -> Self {
        Self::of(Kind::Now(Gauge::JobAgeSeconds))
    }

    /// How many jobs wait in a queue. Label: `queue`.
    #[must_use]
    pub const fn queue_length() -> Self {
        Self::of(Kind::Now(Gauge::QueueLength))
    }

    /// The memory of Redis in use, in per cent of its limit. Label: `name`.
    #[must_use]
    pub const fn redis_memory_percent() -> Self {
        Self::of(Kind::Now(Gauge::RedisPercent))
    }

    /// The share of lookups in Redis that found their key, in per cent. Label: `name`.
    #[must_use]
    pub const fn cache_hit_percent() -> Self {
        Self::of(Kind::Now(Gauge::CacheHitPercent))
    }

    /// A number that the application gives, asked at each evaluation on the thread of the alerts. `None` is no data.
    ///
    /// If `ask` panics, its rule is in state `error`, and the others go on. It should answer from memory: while it waits, no rule
    /// is evaluated. It must not call [`AlertsHandle::evaluate`](super::AlertsHandle::evaluate), which waits for it.
    #[must_use]
    pub fn asked(
        name: impl Into<String>,
        unit: SignalUnit,
        ask: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Kind::Own(Own::Asked {
            name: name.into(),
            unit,
            ask: Arc::new(ask),
        }))
    }

    /// Each series of a gauge of the application with this name, as `/metrics` shows it, and with at least these labels.
    #[must_use]
    pub fn gauge(name: impl Into<String>, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter();
        Self::of(Kind::Own(Own::Gauge {
            name: name.into(),
            labels: labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }))
    }

    /// What share of one counter of the application another one is, in per cent, by how much they grew in the window.
    ///
    /// It is judged as the error rate of requests is, also where there are [few](super#few-requests). What the counters had at the
    /// first evaluation of a process is not growth, and growth is not kept across a restart.
    ///
    /// ```
    /// use tower_vitals::alerts::{CounterOf, Signal};
    ///
    /// let all = CounterOf::named("payments_processed_total");
    /// let failed = all.clone().label("status", "failed");
    /// let signal = Signal::share_percent("payment_failure_percent", failed, all);
    /// ```
    #[must_use]
    pub fn share_percent(name: impl Into<String>, part: CounterOf, whole: CounterOf) -> Self {
        Self::of(Kind::Own(Own::Share {
            name: name.into(),
            part,
            whole,
        }))
    }

    /// Only the failures of this category. For signals of errors.
    #[must_use]
    pub const fn category(mut self, category: ErrorCategory) -> Self {
        self.category = Some(category);
        self
    }

    /// Only this pool, check, service, job, queue, host, path, table or server of Redis.
    #[must_use]
    pub fn only(mut self, name: impl Into<String>) -> Self {
        self.only = Some(name.into());
        self
    }

    /// The name in messages, such as `error_rate_percent`.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::ErrorRate => "error_rate_percent",
            Kind::ErrorsPerMinute => "errors_per_minute",
            Kind::Latency(50) => "p50_ms",
            Kind::Latency(99) => "p99_ms",
            Kind::Latency(_) => "p95_ms",
            Kind::RequestsPerSecond => "requests_per_second",
            Kind::InFlight => "in_flight",
            Kind::ErrorSpike => "error_spike_percent",
            Kind::NewErrors => "new_error",
            Kind::NewErrorsSinceDeployment => "new_errors_since_deployment",
            Kind::QueryLatency => "query_p95_ms",
            Kind::SlowQueries => "slow_queries",
            Kind::OutboundErrorRate => "external_error_rate_percent",
            Kind::JobFailures => "job_failures",
            Kind::Now(gauge) => gauge.name(),
            Kind::Own(own) => own.name(),
        }
    }

    /// In what it is measured.
    #[must_use]
    pub const fn unit(&self) -> SignalUnit {
        match &self.kind {
            Kind::ErrorRate | Kind::ErrorSpike | Kind::OutboundErrorRate => SignalUnit::Percent,
            Kind::ErrorsPerMinute => SignalUnit::PerMinute,
            Kind::RequestsPerSecond => SignalUnit::PerSecond,
            Kind::Latency(_) | Kind::QueryLatency => SignalUnit::Milliseconds,
            Kind::Now(gauge) => gauge.unit(),
            Kind::Own(own) => own.unit(),
            _ => SignalUnit::Count,
        }
    }

    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            only: None,
            category: None,
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signal").field(&self.name()).finish()
    }
}

// === impl Gauge ===

impl Gauge {
    /// The label that tells its series apart.
    pub(crate) const fn label(self) -> Option<&'static str> {
        match self {
            Self::MemoryPercent
            | Self::CpuPercent
            | Self::CircuitsOpen
            | Self::RuntimeLagMillis => None,
            Self::CheckFailed => Some("check"),
            Self::DiskFreePercent => Some("path"),
            Self::PoolPercent => Some("pool"),
            Self::CertificateDays => Some("host"),
            Self::JobAgeSeconds => Some("job"),
            Self::QueueLength => Some("queue"),
            Self::RedisPercent | Self::CacheHitPercent => Some("name"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::MemoryPercent => "memory_usage_percent",
            Self::CpuPercent => "cpu_usage_percent",
            Self::CircuitsOpen => "circuit_breaker_open_count",
            Self::RuntimeLagMillis => "runtime_lag_ms",
            Self::CheckFailed => "health_check_failed",
            Self::DiskFreePercent => "disk_free_percent",
            Self::PoolPercent => "pool_usage_percent",
            Self::CertificateDays => "certificate_days_left",
            Self::JobAgeSeconds => "job_age",
            Self::QueueLength => "queue_length",
            Self::RedisPercent => "redis_memory_percent",
            Self::CacheHitPercent => "cache_hit_percent",
        }
    }

    const fn unit(self) -> SignalUnit {
        match self {
            Self::MemoryPercent
            | Self::CpuPercent
            | Self::DiskFreePercent
            | Self::PoolPercent
            | Self::RedisPercent
            | Self::CacheHitPercent => SignalUnit::Percent,
            Self::RuntimeLagMillis => SignalUnit::Milliseconds,
            Self::CertificateDays => SignalUnit::Days,
            Self::JobAgeSeconds => SignalUnit::Seconds,
            Self::CircuitsOpen | Self::CheckFailed | Self::QueueLength => SignalUnit::Count,
        }
    }
}
