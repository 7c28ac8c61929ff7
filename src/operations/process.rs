//! Asks what the process uses: processors, memory, open files, threads.

use metrics_process::collector::{self, Metrics as Collected};
use tokio::time::Instant;

use super::{
    asking::{self, EVERY},
    host, memory_use, tokio_runtime,
};
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// The answer before, for what is used in between.
#[derive(Debug, Default)]
struct Before(Option<(Instant, f64)>);

/// Asks for all that is known of the process, its container, its host and its runtime, from now on. Each has a thread of its own,
/// so that one that hangs keeps no other from answering.
///
/// # Errors
///
/// If a thread cannot start.
pub(crate) fn start(metrics: &Metrics) -> Result<(), ConfigError> {
    let mut before = Before::default();
    asking::on_thread("process", EVERY, Some(metrics), move || {
        values(&collector::collect(), &mut before, Instant::now())
    })?;
    memory_use::start(metrics)?;
    host::start(metrics)?;
    tokio_runtime::start(metrics)
}

fn values(collected: &Collected, before: &mut Before, now: Instant) -> Vec<Sampled> {
    let gauge = |id, value: Option<u64>| Some(Sampled::gauge(id, &[], value? as f64));
    // The crate says 0 where there is no limit.
    let limit = |value: Option<u64>| value.filter(|limit| *limit > 0);
    let cpu = collected.cpu_seconds_total;
    let cpu = cpu.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    let values = [
        cpu.map(|seconds| Sampled::seconds_counter(Id::ProcessCpu, &[], seconds)),
        gauge(Id::ProcessOpenFds, collected.open_fds),
        gauge(Id::ProcessMaxFds, limit(collected.max_fds)),
        gauge(Id::ProcessVirtual, collected.virtual_memory_bytes),
        gauge(
            Id::ProcessVirtualMax,
            limit(collected.virtual_memory_max_bytes),
        ),
        gauge(Id::ProcessResident, collected.resident_memory_bytes),
        gauge(Id::ProcessStart, collected.start_time_seconds),
        gauge(Id::ProcessThreads, collected.threads),
        cpu.and_then(|seconds| before.percent(seconds, now))
            .map(|percent| Sampled::gauge(Id::CpuPercent, &[], percent)),
    ];
    values.into_iter().flatten().collect()
}

// === impl Before ===

impl Before {
    /// Per cent of one processor since the answer before. `None` for the first one.
    fn percent(&mut self, seconds: f64, now: Instant) -> Option<f64> {
        let (at, used) = self.0.replace((now, seconds))?;
        let passed = now.saturating_duration_since(at).as_secs_f64();
        let percent = (seconds - used) / passed * 100.0;
        (passed > 0.0 && percent >= 0.0).then_some(percent)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shown(values: &[Sampled]) -> Vec<String> {
        let shown = values.iter();
        shown
            .map(|Sampled { id, value, .. }| format!("{id:?} {value:?}"))
            .collect()
    }

    #[test]
    fn what_a_platform_lacks_is_absent_and_so_is_a_limit_that_is_not_there() {
        let nothing = Collected::default();
        let mut before = Before::default();
        assert_eq!(values(&nothing, &mut before, Instant::now()), []);
        let unlimited = Collected {
            max_fds: Some(0),
            virtual_memory_max_bytes: Some(0),
            open_fds: Some(0),
            cpu_seconds_total: Some(f64::NAN),
            ..nothing
        };
        let values = values(&unlimited, &mut before, Instant::now());
        assert_eq!(shown(&values), ["ProcessOpenFds Gauge(0.0)"]);
    }

    #[test]
    fn every_value_has_its_family() {
        let collected = Collected {
            cpu_seconds_total: Some(1.25),
            open_fds: Some(2),
            max_fds: Some(3),
            virtual_memory_bytes: Some(4),
            virtual_memory_max_bytes: Some(5),
            resident_memory_bytes: Some(6),
            start_time_seconds: Some(7),
            threads: Some(8),
        };
        let values = values(&collected, &mut Before::default(), Instant::now());
        let expected = [
            "ProcessCpu Seconds(1.25)",
            "ProcessOpenFds Gauge(2.0)",
            "ProcessMaxFds Gauge(3.0)",
            "ProcessVirtual Gauge(4.0)",
            "ProcessVirtualMax Gauge(5.0)",
            "ProcessResident Gauge(6.0)",
            "ProcessStart Gauge(7.0)",
            "ProcessThreads Gauge(8.0)",
        ];
        assert_eq!(shown(&values), expected);
    }

    #[test]
    fn the_processors_in_use_are_those_since_the_last_question() {
        let begin = Instant::now();
        let mut before = Before::default();
        let mut percent =
            |cpu, passed| before.percent(cpu, begin + Duration::from_secs_f64(passed));
        assert_eq!(percent(100.0, 0.0), None, "the first");
        assert_eq!(percent(102.5, 10.0), Some(25.0));
        assert_eq!(percent(142.5, 20.0), Some(400.0), "four processors");
        assert_eq!(percent(142.5, 30.0), Some(0.0));
        assert_eq!(percent(143.0, 30.0), None, "no time has passed");
        assert_eq!(percent(1.0, 40.0), None, "it cannot shrink");
        assert_eq!(percent(2.0, 50.0), Some(10.0));
    }
}
