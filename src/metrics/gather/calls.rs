//! Gives the families of gRPC calls. Methods whose names are no names share their labels, so their counts are added up.

use std::collections::BTreeMap;

use super::super::{
    one_family::OneFamily,
    series::{Series, Spread},
    table::Table,
};
use crate::facts::grpc;

/// The counters of calls, by method and code.
pub(super) fn calls(table: &Table, family: &mut OneFamily<'_>) {
    let all = table.series();
    let mut sums = BTreeMap::new();
    for series in all.iter().flatten() {
        let [kind, service, method] = labels(series);
        let code = u8::try_from(series.key.1).map_or("Unknown", grpc::Code::name_of);
        let sum: &mut u64 = sums.entry([kind, service, method, code]).or_default();
        *sum = sum.wrapping_add(series.read().requests);
    }
    for (labels, calls) in sums {
        family.counter(&labels, calls);
    }
}

/// The histograms of calls, by method.
pub(super) fn call_durations(table: &Table, family: &mut OneFamily<'_>) {
    let Some(bounds) = table.bounds() else {
        return;
    };
    let all = table.series();
    let mut sums: BTreeMap<_, Spread> = BTreeMap::new();
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

/// The labels of gRPC's own libraries. They are the same in each preset.
fn labels(series: &Series) -> [&str; 3] {
    let (service, method) = grpc::split(&series.endpoint).unwrap_or(("_OTHER", "_OTHER"));
    let kind = grpc::Kind::ALL.get(usize::from(series.key.0));
    [
        kind.map_or("unknown", |kind| kind.as_str()),
        service,
        method,
    ]
}
