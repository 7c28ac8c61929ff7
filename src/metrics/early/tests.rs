use super::*;
use crate::metrics::Settings;

/// A query of `table` that took so long.
fn query(table: &str, duration: Duration) -> EndedWork<'_> {
    EndedWork::of(Work::Query, table, 0, CallOutcome::Success, duration)
}

#[test]
fn a_million_pieces_are_kept_and_of_the_others_the_number_is_known() {
    let mut early = Early::default();
    for nanos in 0..MOST as u64 + 3 {
        early.keep(&query("products", Duration::from_nanos(nanos)));
    }
    let metrics = Settings::new()
        .buckets([0.000_1, 0.000_5])
        .isolated()
        .unwrap();
    early.count_in(&metrics);
    assert_eq!(metrics.totals().dropped(Sink::EarlyWork), 3);
    let table = metrics.inner.work.get().unwrap().table(Work::Query);
    let reading = table.series()[0][0].read();
    let nanos = 0..MOST as u64;
    assert_eq!(reading.sum, nanos.sum::<u64>());
    // Each is in its bucket, also where no step of the grid ends.
    let published = table.bounds().unwrap().published_counts(&reading.counts);
    assert_eq!(published[..2], [100_001, 400_000]);
    assert_eq!(published.iter().sum::<u64>(), 1_048_576);
}

#[test]
fn names_without_end_share_one_and_lose_no_count() {
    let mut early = Early::default();
    for n in 0..MOST_SERIES + 1_000 {
        early.keep(&query(&format!("t{n}"), Duration::from_millis(1)));
    }
    assert_eq!(early.work.len(), MOST_SERIES + 1);
    let metrics = Settings::new().isolated().unwrap();
    early.count_in(&metrics);
    let snapshot = metrics.snapshot();
    let counts = snapshot.histograms.values().map(|all| all.count);
    assert_eq!(counts.sum::<u64>(), MOST_SERIES as u64 + 1_000);
    let expected = MOST_SERIES as u64 + 1_000 - 256;
    assert_eq!(snapshot.counters["vitals_overflow_total"], expected);
}
