//! Gives the families of work beside requests, and of circuit breakers.

use std::collections::BTreeMap;

use super::super::{
    Metrics,
    catalog::Id,
    circuits::{CircuitState, Circuits},
    one_family::OneFamily,
    series::{Series, Spread},
    table::Table,
    work::WorkCounts,
};
use crate::facts::{
    query::Operation,
    work::{CallOutcome, Work},
};

/// Gives a family of work or of circuit breakers. Of another family it gives nothing.
pub(super) fn give(metrics: &Metrics, family: &mut OneFamily<'_>) {
    match family.id() {
        Id::CircuitState | Id::CircuitsOpen => {
            circuits(Metrics::circuits_of(Some(metrics)), family);
        }
        _ => {
            if let Some(counts) = metrics.inner.work.get() {
                work(counts, family);
            }
        }
    }
}

/// Gives one family of work.
fn work(counts: &WorkCounts, family: &mut OneFamily<'_>) {
    use CallOutcome::{Error, Panicked, Timeout};
    let of = |work| counts.table(work);
    match family.id() {
        Id::OperationDuration => durations(of(Work::Operation), family, |series| {
            vec![&series.endpoint, series.outcome().as_str()]
        }),
        Id::QueryDuration => durations(of(Work::Query), family, |series| {
            vec![Operation::at(series.key.0).as_str(), &series.endpoint]
        }),
        // A panic of a call counts as an error.
        Id::OutboundCalls => calls(of(Work::Outbound), &[Error, Timeout], family),
        Id::OutboundDuration => {
            durations(of(Work::Outbound), family, |series| vec![&*series.endpoint])
        }
        Id::JobRuns => calls(of(Work::Job), &[Error, Timeout, Panicked], family),
        Id::JobDuration => durations(of(Work::Job), family, |series| vec![&*series.endpoint]),
        Id::JobLastSuccess => {
            // A copy: nobody waits for this lock.
            let last_success = counts.last_success().clone();
            for (job, last) in last_success {
                family.gauge(&[job], last.at);
            }
        }
        _ => {}
    }
}

/// Gives one family of circuit breakers.
fn circuits(circuits: &Circuits, family: &mut OneFamily<'_>) {
    let all = circuits.all();
    if family.id() == Id::CircuitState {
        for (name, now) in all {
            for state in CircuitState::ALL {
                let is_it = if state == now { 1.0 } else { 0.0 };
                family.gauge(&[name, state.as_str()], is_it);
            }
        }
    } else if !all.is_empty() {
        let open = all.values().filter(|state| **state == CircuitState::Open);
        family.gauge(&[], open.count() as f64);
    }
}

/// A counter of each outcome of each name. A name has each failure from its first call on: else `increase()` would not see the
/// first.
fn calls(table: &Table, failures: &[CallOutcome], family: &mut OneFamily<'_>) {
    for of_name in table.series() {
        for series in &of_name {
            let labels = [&*series.endpoint, series.outcome().as_str()];
            family.counter(&labels, series.read().requests);
        }
        let was = |outcome| of_name.iter().any(|series| series.outcome() == outcome);
        for outcome in failures.iter().filter(|outcome| !was(**outcome)) {
            if let Some(series) = of_name.first() {
                family.counter(&[&series.endpoint, outcome.as_str()], 0);
            }
        }
    }
}

/// The histograms of a table. Series with the same labels are added up.
fn durations(
    table: &Table,
    family: &mut OneFamily<'_>,
    labels: impl for<'s> Fn(&'s Series) -> Vec<&'s str>,
) {
    let Some(bounds) = table.bounds() else {
        return;
    };
    let all = table.series();
    let mut sums: BTreeMap<Vec<&str>, Spread> = BTreeMap::new();
    for series in all.iter().flatten() {
        let reading = series.read();
        let spread = Spread::new(reading.counts, reading.sum, bounds, family.wants_fine());
        match sums.get_mut(&labels(series)) {
            Some(sum) => sum.add(&spread),
            None => _ = sums.insert(labels(series), spread),
        }
    }
    for (labels, spread) in sums {
        family.spread(&labels, &spread, table, &[]);
    }
}

#[cfg(test)]
mod tests;
