//! The one table of all families of metrics: their names, kinds, units, labels and buckets, and what they tell.
//!
//! Whatever publishes, describes or documents a metric reads this table. No other room spells a name.

mod requests;
mod service;

use super::{
    names::Names,
    samples::{Kind, Unit},
};

/// A family of metrics of this crate.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<Unit>,
    pub(crate) help: &'static str,
    pub(crate) buckets: Option<Buckets>,
    /// Only `process_metrics()` publishes it.
    opt_in: bool,
    /// By preset, in the order of [`Names`]. A preset can lack a family.
    spelling: [Option<Spelling>; 2],
}

/// The name of a family and those of its labels, in one preset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    pub(crate) name: &'static str,
    /// A series has those of them that have a value.
    pub(crate) labels: &'static [&'static str],
}

/// The buckets of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buckets {
    /// Times to the head of a response.
    Requests,
    /// Times to the end of a stream.
    Streams,
    Sizes,
    /// Latencies of health checks.
    Checks,
}

/// Tells families apart, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Started,
    Requests,
    Duration,
    Streams,
    InFlight,
    Severities,
    SeveritiesByRoute,
    Outcomes,
    Excluded,
    Errors,
    GrpcHandled,
    GrpcDuration,
    HealthStatus,
    HealthDuration,
    HealthLastSuccess,
    Sessions,
    SessionDuration,
    RequestBytes,
    ResponseBytes,
    Overflow,
    HookFailures,
    ReadinessErrors,
    Dropped,
    Build,
    Target,
    Deployed,
    OperationDuration,
    QueryDuration,
    OutboundCalls,
    OutboundDuration,
    CircuitState,
    CircuitsOpen,
    JobRuns,
    JobDuration,
    JobLastSuccess,
    JobQueueLength,
    PoolSize,
    PoolIdle,
    PoolInUse,
    PoolMax,
    RedisMemoryUsed,
    RedisMemoryMax,
    RedisHitRatio,
    RedisClients,
    RedisEvicted,
    PostgresSize,
    PostgresConnections,
    PostgresMax,
    ProcessCpu,
    ProcessOpenFds,
    ProcessMaxFds,
    ProcessVirtual,
    ProcessVirtualMax,
    ProcessResident,
    ProcessStart,
    ProcessThreads,
    MemoryUsage,
    MemoryPercent,
    CpuPercent,
    DiskRead,
    DiskWritten,
    NetworkReceived,
    NetworkSent,
    DiskFree,
    DiskSize,
    TokioWorkers,
    TokioBusy,
    TokioTasks,
    TokioLag,
    CertificateExpiry,
    SampleAge,
    AlertState,
    AlertEvaluations,
    AlertLastEvaluation,
    Notifications,
    FleetUp,
    FleetWrites,
}

/// All families, in the order in which they are published.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    requests::FAMILIES.iter().chain(&service::FAMILIES)
}

// === impl Entry ===

impl Entry {
    /// How a preset spells the family. `None` if it has no such family.
    pub(crate) const fn spelling(&self, names: Names) -> Option<Spelling> {
        self.spelling[names as usize]
    }

    const fn new(id: Id, kind: Kind, name: &'static str, labels: &'static [&'static str]) -> Self {
        Self {
            id,
            kind,
            unit: None,
            help: "",
            buckets: None,
            opt_in: false,
            spelling: [Some(Spelling { name, labels }); 2],
        }
    }

    const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    const fn unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    const fn buckets(mut self, buckets: Buckets) -> Self {
        self.buckets = Some(buckets);
        self
    }

    const fn opt_in(mut self) -> Self {
        self.opt_in = true;
        self
    }

    const fn otel(mut self, name: &'static str, labels: &'static [&'static str]) -> Self {
        self.spelling[Names::OpenTelemetry as usize] = Some(Spelling { name, labels });
        self
    }

    const fn without_otel(mut self) -> Self {
        self.spelling[Names::OpenTelemetry as usize] = None;
        self
    }
}

const fn counter(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    Entry::new(id, Kind::Counter, name, labels)
}

const fn gauge(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    Entry::new(id, Kind::Gauge, name, labels)
}

const fn seconds(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    let histogram = Entry::new(id, Kind::Histogram, name, labels);
    histogram.unit(Unit::Seconds).buckets(Buckets::Requests)
}

const fn bytes(id: Id, name: &'static str, labels: &'static [&'static str]) -> Entry {
    let histogram = Entry::new(id, Kind::Histogram, name, labels);
    histogram.unit(Unit::Bytes).buckets(Buckets::Sizes)
}

/// Whether a family of requests, of checks or of this crate itself has a label of this name, in any preset. Those of everything
/// else have common words as labels, such as `service`.
pub(crate) fn has_label(name: &str) -> bool {
    let spellings = requests::FAMILIES.iter().flat_map(|entry| entry.spelling);
    let mut labels = spellings.flatten().flat_map(|spelling| spelling.labels);
    labels.any(|label| *label == name)
}

/// Whether samples of a family have this name in a preset. Without `process`, those of the process are not published.
pub(crate) fn has_sample(name: &str, names: Names, process: bool) -> bool {
    let mut published = all().filter(|entry| process || !entry.opt_in);
    published.any(|entry| {
        let family = entry.spelling(names).map(|spelling| spelling.name);
        let rest = family.and_then(|family| name.strip_prefix(family));
        rest.is_some_and(|rest| entry.kind.suffixes().contains(&rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_family_in_its_place_and_describes_it() {
        for (index, entry) in all().enumerate() {
            assert_eq!(entry.id as usize, index, "{entry:?}");
            assert!(entry.help.ends_with('.'), "{entry:?}");
            let histogram = entry.kind == Kind::Histogram;
            assert_eq!(entry.buckets.is_some(), histogram, "{entry:?}");
        }
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for names in [Names::Prometheus, Names::OpenTelemetry] {
            let spelt = all().filter_map(|entry| Some((entry, entry.spelling(names)?.name)));
            let mut seen = Vec::new();
            for (entry, name) in spelt {
                assert!(!seen.contains(&name), "{name}");
                seen.push(name);
                assert_eq!(
                    name.ends_with("_total"),
                    entry.kind == Kind::Counter,
                    "{name}"
                );
                let unit = match entry.unit {
                    Some(Unit::Seconds) => "_seconds",
                    Some(Unit::Bytes) => "_bytes",
                    None => "",
                };
                let name = name.trim_end_matches("_total");
                assert!(name.ends_with(unit), "{name}");
            }
        }
    }

    #[test]
    fn every_name_that_a_sample_of_a_family_can_have_is_known() {
        let has = |name: &str| has_sample(name, Names::Prometheus, true);
        for end in ["", "_bucket", "_sum", "_count", "_created"] {
            assert!(has(&format!("http_request_duration_seconds{end}")), "{end}");
            let counter = format!("errors_total{end}");
            assert_eq!(has(&counter), end.is_empty(), "{counter}");
        }
        assert!(!has("http_server_request_duration_seconds"));
    }

    #[test]
    fn the_names_of_the_process_are_kept_only_where_it_is_measured() {
        let free = |name: &str| !has_sample(name, Names::Prometheus, false);
        let gated: Vec<_> = all().filter(|entry| entry.opt_in).collect();
        assert_eq!(gated.len(), 19);
        for entry in gated {
            let name = entry.spelling(Names::Prometheus).unwrap().name;
            assert!(free(name) && has_sample(name, Names::Prometheus, true));
            let sampler = ["process_", "memory_", "cpu_", "host_", "tokio_"];
            assert!(
                sampler.iter().any(|begin| name.starts_with(begin)),
                "{name}"
            );
        }
        assert!(!free("http_requests_total"));
        assert!(!free("db_connection_pool_size"));
    }

    /// The names between backquotes.
    fn quoted(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_page_on_metrics_has_a_row_for_each_family() {
        let page = include_str!("../../docs/metrics.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut told: Vec<_> = rows
            .map(|row| {
                let mut cells = row.split('|').map(str::trim);
                let name = cells.next().unwrap().trim_end_matches('`');
                let kind = cells.next().unwrap();
                let kind = kind.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                (name, kind, quoted(cells.next().unwrap()))
            })
            .collect();
        let mut families: Vec<_> = all()
            .map(|entry| {
                let Spelling { name, labels } = entry.spelling(Names::Prometheus).unwrap();
                (name, entry.kind.as_str(), labels.to_vec())
            })
            .collect();
        told.sort();
        families.sort();
        assert_eq!(told, families);
    }
}
