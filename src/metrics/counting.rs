//! Counts requests as they begin and end.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::{
    Inner, Metrics,
    bounds::nanos,
    samples::Exemplar,
    series::{Sample, SeriesKey},
    sink::Sink,
    table::OVERFLOW,
};
use crate::{
    facts::{
        Facts,
        category::ErrorCategory,
        exchange::Outcome,
        grpc, judge,
        labels::{MethodLabel, StatusLabel},
        route::{Endpoint, UNMATCHED},
        trace_context::TraceContext,
    },
    timestamp,
};

// === impl Metrics ===

impl Metrics {
    /// Counts the beginning of a request.
    pub(crate) fn start(&self, method: MethodLabel) {
        self.inner.shares.start(method);
    }

    /// Counts the end of a request, which can be an example of its `trace`. Returns `true` if its endpoint is the first that is
    /// over the cap.
    pub(crate) fn end(
        &self,
        method: MethodLabel,
        facts: &Facts,
        trace: Option<&TraceContext>,
    ) -> bool {
        let Inner { shares, http, .. } = &*self.inner;
        let cancelled = facts.outcome == Outcome::Cancelled;
        let sample = Sample {
            value: (!cancelled).then(|| nanos(facts.own_time())),
            severity: judge::severity(facts),
        };
        let endpoint = facts.endpoint.as_ref().map(Endpoint::as_str);
        let key = SeriesKey(method.index() as u8, StatusLabel::of(facts).code());
        let mut fits = http.record(endpoint, key, sample);
        if let Some((value, trace)) = sample.value.zip(trace) {
            self.exemplify(within(fits, endpoint), key, value, trace);
        }
        if facts.streamed && facts.status.is_some() {
            fits = self.streamed(within(fits, endpoint), key, facts.total) && fits;
        }
        if facts.body_sizes && !cancelled {
            let key = self.inner.settings.names.key_of_duration(key);
            fits = self.sized(within(fits, endpoint), key, facts) && fits;
        }
        if let Some(status) = &facts.grpc {
            fits = self.called(within(fits, endpoint), status, facts.total) && fits;
        }
        if fits {
            shares.end(method, facts.outcome);
            return false;
        }
        shares.end_over_the_cap(method, facts.outcome);
        !shares.warned.swap(true, Relaxed)
    }

    /// Keeps a request as an example of its duration, if its trace is recorded.
    fn exemplify(&self, endpoint: Option<&str>, key: SeriesKey, value: u64, trace: &TraceContext) {
        let Inner {
            settings,
            http,
            exemplars,
            ..
        } = &*self.inner;
        if let Some(bounds) = http.bounds().filter(|_| trace.is_sampled())
            && let Ok(trace_id) = trace.trace_id().as_bytes().try_into()
        {
            let key = settings.names.key_of_duration(key);
            let example = Exemplar {
                trace_id,
                value: bounds.shown(value),
                at: timestamp::seconds_since_1970(),
            };
            let endpoint = endpoint.unwrap_or(UNMATCHED);
            exemplars.note(endpoint, key, bounds.published_index(value), example);
        }
    }

    /// Counts the end of a streamed body. Returns `false` if its endpoint is over the cap.
    fn streamed(&self, endpoint: Option<&str>, key: SeriesKey, total: Duration) -> bool {
        let key = self.inner.settings.names.key_of_duration(key);
        self.inner.streams.record(endpoint, key, Sample::of(total))
    }

    /// Counts the end of a gRPC call. Returns `false` if its method is over the cap.
    fn called(&self, endpoint: Option<&str>, status: &grpc::Status, total: Duration) -> bool {
        let Inner {
            settings,
            grpc,
            grpc_seconds,
            ..
        } = &*self.inner;
        let kind = settings.grpc_kind(endpoint) as u8;
        let key = SeriesKey(kind, status.code.number().into());
        let fits = grpc.record(endpoint, key, Sample::default());
        let key = SeriesKey(kind, 0);
        grpc_seconds.record(within(fits, endpoint), key, Sample::of(total)) && fits
    }

    /// Counts the end of a request that was counted when it began, and then reached a route that is not observed.
    pub(crate) fn end_unobserved(&self, method: MethodLabel, outcome: Outcome, failed: bool) {
        self.inner.shares.end_unobserved(method, outcome, failed);
    }

    /// Counts a failure. Endpoints with failures have a cap of their own, since a layer may count them alone. `error_type` is told
    /// only where it is known.
    pub(crate) fn failed(&self, endpoint: &str, category: ErrorCategory, error_type: Option<&str>) {
        let key = SeriesKey(0, category as u16);
        let Inner {
            errors,
            error_types,
            ..
        } = &*self.inner;
        errors.record(Some(endpoint), key, Sample::default());
        if let Some(error_type) = error_type {
            error_types.record(endpoint, category, error_type);
        }
    }

    /// Counts a request on an excluded path.
    pub(crate) fn excluded(&self, failed: bool) {
        self.inner.shares.excluded(failed);
    }

    /// Counts a failure of a function that the application plugged in.
    pub(crate) fn hook_failed(&self) {
        self.inner.shares.hook_failed();
    }

    /// Counts a service that failed before it took a request.
    pub(crate) fn not_ready(&self) {
        self.inner.shares.not_ready();
    }

    /// Counts a drop of a sink.
    pub(crate) fn dropped(&self, sink: Sink) {
        self.dropped_times(sink, 1);
    }

    /// Counts so many drops of a sink.
    pub(super) fn dropped_times(&self, sink: Sink, times: u64) {
        self.inner.shares.dropped(sink, times);
    }
}

/// The endpoint, or the one for all that are over the cap.
fn within(fits: bool, endpoint: Option<&str>) -> Option<&str> {
    if fits { endpoint } else { Some(OVERFLOW) }
}
