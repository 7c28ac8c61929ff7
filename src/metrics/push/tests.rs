use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, HistogramFn, KeyName, SharedString, Unit};

use super::{
    super::{
        Settings,
        publish::SharedPublisher,
        series::{Sample, SeriesKey},
    },
    *,
};

/// The samples that a histogram got, in nanoseconds, and how many it keeps until it is drained.
#[derive(Debug, Default)]
struct Given {
    samples: Vec<(u64, u64)>,
    held: u64,
    most: u64,
}

/// Has one histogram for all keys.
#[derive(Debug, Default)]
struct Holding(Arc<Held>);

#[derive(Debug, Default)]
struct Held(Mutex<Given>);

impl HistogramFn for Held {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let mut given = self.0.lock().unwrap();
        let count = count as u64;
        given.samples.push(((value * 1e9).round() as u64, count));
        given.held += count;
        given.most = given.most.max(given.held);
    }
}

impl Recorder for Holding {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(&self.0))
    }
}

/// The samples that a recorder gets for requests of these nanoseconds.
fn given(nanos: impl IntoIterator<Item = u64>) -> Given {
    let metrics = Settings::new().isolated().unwrap();
    for nanos in nanos {
        let sample = Sample::of(Duration::from_nanos(nanos));
        metrics.inner.http.record(None, SeriesKey(0, 200), sample);
    }
    let recorder = Holding::default();
    let drain = || recorder.0.0.lock().unwrap().held = 0;
    drop(SharedPublisher::default().publish(&metrics, &recorder, &drain));
    std::mem::take(&mut *recorder.0.0.lock().unwrap())
}

#[test]
fn a_recorder_is_drained_before_it_holds_too_much() {
    const REQUESTS: u64 = 3 * SAMPLES_AT_ONCE + 7;
    let given = given((0..REQUESTS).map(|_| 1_000));
    assert_eq!(given.most, SAMPLES_AT_ONCE);
    assert_eq!(given.held, 0, "drained in the end");
    let all: u64 = given.samples.iter().map(|(_, count)| count).sum();
    assert_eq!(all, REQUESTS);
}

#[test]
fn samples_have_the_sum_that_was_counted() {
    assert_eq!(given([1, 1, 2]).samples, [(1, 2), (2, 1)]);
}

#[test]
fn a_count_that_is_seen_before_its_sum_stays_in_its_bucket() {
    let recorder = Holding::default();
    let naming = Naming::default();
    let mut push = Push::new(&recorder, &naming, &|| {});
    let bounds = Bounds::new([10, 20].map(Duration::from_nanos));
    let key = Key::from_static_name("duration");
    let mut before = Vec::new();
    // Two requests of 15 and 16 ns, of which one sum is seen. Then both sums, and a third request of 12 ns.
    for now in [(2, 15), (3, 43)] {
        push.histogram(&key, &[(0, 0), now, (0, 0)], &mut before, &bounds);
    }
    let given = recorder.0.0.lock().unwrap();
    assert_eq!(given.samples, [(11, 2), (20, 1)]);
}

#[test]
fn two_counts_that_are_seen_before_their_sums_make_no_endless_sample() {
    let recorder = Holding::default();
    let naming = Naming::default();
    let mut push = Push::new(&recorder, &naming, &|| {});
    let bounds = Bounds::new([Duration::from_nanos(10)]);
    let key = Key::from_static_name("duration");
    let mut before = Vec::new();
    for now in [(1, 0), (2, 0), (3, 90)] {
        push.histogram(&key, &[(0, 0), now], &mut before, &bounds);
    }
    let given = recorder.0.0.lock().unwrap();
    assert_eq!(given.samples, [(11, 1), (11, 1), (68, 1)]);
}
