use std::{
    cell::{OnceCell, RefCell},
    sync::Barrier,
    time::Duration,
};

use super::{
    series::{Sample, SeriesKey},
    *,
};
use crate::facts::{exchange::Outcome, severity::Severity};

const GET_OK: SeriesKey = SeriesKey(0, 200);

fn get() -> MethodLabel {
    MethodLabel::new(&http::Method::GET)
}

fn isolated() -> Metrics {
    Settings::new().isolated().unwrap()
}

fn bound(cpus: usize) -> usize {
    Metrics::on(Settings::new(), cpus).memory_bound()
}

/// One request of 3 ns.
fn count(metrics: &Metrics, endpoint: &'static str) {
    let Inner { shares, http, .. } = &*metrics.inner;
    shares.start(get());
    let sample = Sample {
        severity: Some(Severity::Slow),
        ..Sample::of(Duration::from_nanos(3))
    };
    assert!(http.record(Some(endpoint), GET_OK, sample));
    shares.end(get(), Outcome::Completed);
}

/// The requests that were counted at all endpoints.
fn counted(metrics: &Metrics) -> u64 {
    let series = metrics.inner.http.series();
    series
        .iter()
        .flatten()
        .map(|series| series.read().requests)
        .sum()
}

#[test]
fn the_bound_is_small_on_small_and_on_large_machines() {
    for (cpus, most) in [(2, 25_000_000), (64, 57_000_000)] {
        assert!(bound(cpus) <= most, "{cpus} processors: {}", bound(cpus));
    }
}

#[test]
fn each_processor_has_room_for_the_same_number_of_own_counters() {
    let room = bound(3) - bound(2);
    assert!(room > OWN_PER_CPU, "{room}");
    assert_eq!(bound(64) - bound(63), room);
}

/// More threads than there is room for, one after the other and at once.
#[test]
fn sums_are_exact_while_threads_come_and_go() {
    const GENERATIONS: usize = 20;
    const THREADS: usize = 24;
    const EACH: usize = 150;
    let metrics = Metrics::on(Settings::new(), 1);
    let together = Barrier::new(THREADS);
    for _ in 0..GENERATIONS {
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (metrics, together) = (&metrics, &together);
                scope.spawn(move || {
                    together.wait();
                    for _ in 0..EACH {
                        count(metrics, ["/a", "/b", "/c"][number % 3]);
                    }
                });
            }
        });
    }
    let each = (GENERATIONS * THREADS * EACH) as u64;
    let totals = metrics.totals();
    assert_eq!(
        (totals.started, totals.completed, totals.in_flight),
        (each, each, 0)
    );
    let series = metrics.inner.http.series();
    assert_eq!(series.len(), 3);
    for series in series.iter().flatten() {
        let reading = series.read();
        assert_eq!(reading.requests, each / 3);
        assert_eq!(reading.severities, [0, each / 3, 0, 0]);
        assert_eq!((reading.counts[0], reading.sum), (each / 3, each));
    }
}

#[test]
fn a_thread_counts_after_its_memory_is_gone() {
    /// Counts when the thread ends.
    struct Last(Metrics);

    impl Drop for Last {
        fn drop(&mut self) {
            count(&self.0, "/a");
        }
    }

    thread_local! {
        // It is used before the memory of the thread, and so it is dropped after it.
        static LAST: OnceCell<Last> = const { OnceCell::new() };
    }

    let metrics = isolated();
    let ended = metrics.clone();
    let thread = thread::spawn(move || {
        LAST.with(|last| last.set(Last(ended.clone())).ok().unwrap());
        (0..100).for_each(|_| count(&ended, "/a"));
    });
    thread.join().unwrap();
    assert_eq!(counted(&metrics), 101);
    assert_eq!(metrics.totals().completed, 101);
}

#[test]
fn threads_do_not_keep_counters_that_were_dropped() {
    let metrics = isolated();
    let [go, done] = [(); 2].map(|()| Barrier::new(2));
    thread::scope(|scope| {
        let theirs = RefCell::new(Some(metrics.clone()));
        scope.spawn({
            let theirs = theirs.take();
            let (go, done) = (&go, &done);
            move || {
                (0..100).for_each(|_| count(theirs.as_ref().unwrap(), "/a"));
                drop(theirs);
                done.wait();
                go.wait();
                // Another series that this thread has not met.
                count(&isolated(), "/b");
                done.wait();
                go.wait();
            }
        });
        (0..100).for_each(|_| count(&metrics, "/a"));
        done.wait();
        let series = Arc::downgrade(&metrics.inner.http.series()[0][0]);
        drop(metrics);
        let theirs = series.strong_count();
        go.wait();
        done.wait();
        let nobodys = series.strong_count();
        // Only now, since the other thread waits.
        go.wait();
        assert_eq!((theirs, nobodys), (1, 0));
    });
}
