use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use metrics::{
    Counter, CounterFn, Gauge, Histogram as Handle, HistogramFn, KeyName, SharedString, Unit,
};

use super::*;

/// The samples that a histogram got, in nanoseconds. There is one histogram for all keys.
#[derive(Debug, Default)]
struct Holding(Arc<Held>);

#[derive(Debug, Default)]
struct Held(Mutex<Vec<(u64, u64)>>);

impl HistogramFn for Held {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let nanos = (value * 1e9).round() as u64;
        self.0.lock().unwrap().push((nanos, count as u64));
    }
}

impl CounterFn for Held {
    fn increment(&self, _: u64) {
        panic!("counters are absolute");
    }

    fn absolute(&self, value: u64) {
        self.0.lock().unwrap().push((value, 1));
    }
}

impl Recorder for Holding {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(&self.0))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Handle {
        Handle::from_arc(Arc::clone(&self.0))
    }
}

/// The samples that a recorder gets for counts and sums that are seen one after the other.
fn seen(bounds: &Bounds, all: &[(&[u64], u64)]) -> Vec<(u64, u64)> {
    let recorder = Holding::default();
    let mut pushed = Pushed::default();
    let edges = bounds.published();
    for (counts, sum) in all {
        let fine = Some(Fine {
            bounds,
            counts,
            sum: *sum,
        });
        let histogram = Histogram {
            edges: &edges,
            counts,
            sum: 0.0,
            range: None,
            exemplars: &[],
            fine,
        };
        Push::new(&recorder, &mut pushed).histogram(&[], &histogram);
    }
    recorder.0.0.lock().unwrap().clone()
}

#[test]
fn a_count_that_is_seen_before_its_sum_stays_in_its_bucket() {
    let bounds = Bounds::new([10, 20].map(Duration::from_nanos));
    // Two requests of 15 and 16 ns, of which one sum is seen. Then both sums, and a third request of 12 ns.
    let samples = seen(&bounds, &[(&[0, 2, 0], 15), (&[0, 3, 0], 43)]);
    assert_eq!(samples, [(11, 2), (20, 1)]);
}

#[test]
fn two_counts_that_are_seen_before_their_sums_make_no_endless_sample() {
    let bounds = Bounds::new([Duration::from_nanos(10)]);
    let samples = seen(&bounds, &[(&[0, 1], 0), (&[0, 2], 0), (&[0, 3], 90)]);
    assert_eq!(samples, [(11, 1), (11, 1), (68, 1)]);
}

#[test]
fn samples_have_the_sum_that_was_counted() {
    let bounds = Bounds::new([Duration::from_nanos(10)]);
    assert_eq!(seen(&bounds, &[(&[3, 0], 4)]), [(1, 2), (2, 1)]);
}

#[test]
fn a_counter_that_begins_anew_goes_on_where_the_recorder_is() {
    let recorder = Holding::default();
    let mut pushed = Pushed::default();
    for value in [0, 1_000, 1_000, 5, 10, 7, 7] {
        Push::new(&recorder, &mut pushed).counter(&[("name", "cache")], value);
    }
    let told: Vec<_> = recorder
        .0
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(value, _)| *value)
        .collect();
    assert_eq!(told, [0, 1_000, 1_005, 1_010, 1_017]);
}
