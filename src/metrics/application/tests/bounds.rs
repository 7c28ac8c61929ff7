use allocation_counter::measure;

use super::*;

/// Records from eight threads at once, each with its own values of a label.
fn from_eight_threads(record: impl Fn(u64, &str) + Sync) {
    thread::scope(|scope| {
        for thread in 0..8_u64 {
            let record = &record;
            scope.spawn(move || {
                for n in 0..2_000 {
                    record(thread, &(fastrand::u64(0..50) + 50 * (n % 7)).to_string());
                }
            });
        }
    });
}

#[test]
fn a_million_values_of_a_label_take_no_memory_and_lose_no_count() {
    const VALUES: u64 = 1_000_000;
    let recorder = recorder();
    let record = |n: u64| {
        let labels = vec![Label::new("product_id", n.to_string())];
        let key = Key::from_parts("product_views_total", labels);
        recorder.register_counter(&key, &METADATA).increment(n);
    };
    // One more than fits, which makes the overflow series.
    (0..2_001).for_each(record);
    let allocated = measure(|| (2_001..VALUES).for_each(record));
    assert_eq!(allocated.bytes_current, 0);
    let page = Page::of(&recorder);
    assert_eq!(page.0.len(), 1 + 2_000 + 1);
    assert_eq!(page.sum("{"), (0..VALUES).sum::<u64>());
    let first: u64 = (0..2_000).sum();
    assert_eq!(page.sum("{product_id=overflow}"), page.sum("{") - first);
    assert_eq!(recorder.overflowed(), VALUES - 2_000);
    assert_eq!(recorder.dropped(), 0);
}

#[test]
fn totals_are_exact_when_eight_threads_overflow_a_family() {
    for _ in 0..5 {
        let recorder = recorder().with_limit(20).unwrap();
        from_eight_threads(|thread, value| {
            counter(&recorder, "views", &[("product", value)]).increment(thread);
            histogram(&recorder, "seconds", &[("product", value)]).record(1.0);
        });
        let page = Page::of(&recorder).0;
        let at = page
            .iter()
            .position(|line| line.starts_with("views"))
            .unwrap();
        let (seconds, views) = (Page(page[1..at].to_vec()), Page(page[at + 1..].to_vec()));
        assert_eq!((seconds.0.len(), views.0.len()), (21, 21));
        assert_eq!((seconds.sum("{"), views.sum("{")), (16_000, 2_000 * 28));
        let overflow = "{product=overflow}";
        let overflowed = seconds.sum(overflow);
        assert!(overflowed > 0 && views.sum(overflow) > 0);
        assert!(recorder.overflowed() > overflowed);
    }
}

#[test]
fn one_label_set_is_one_series_whichever_threads_ask_for_it_first() {
    for _ in 0..50 {
        let recorder = recorder().with_limit(3).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for value in ["1", "2", "3"] {
                        counter(&recorder, "a.b", &[("x", value)]).increment(1);
                    }
                });
            }
        });
        assert_eq!(
            Page::of(&recorder).0[1..],
            ["{x=1} 4", "{x=2} 4", "{x=3} 4"]
        );
        assert_eq!(recorder.overflowed(), 0);
    }
}

#[test]
fn a_kept_handle_counts_on_when_its_family_overflows() {
    let recorder = recorder().with_limit(2).unwrap();
    let kept = counter(&recorder, "views", &[("product", "1")]);
    let overflowing: Vec<_> = (2..10)
        .map(|n: u32| counter(&recorder, "views", &[("product", &n.to_string())]))
        .collect();
    kept.increment(1);
    overflowing.iter().for_each(|handle| handle.increment(10));
    counter(&recorder, "views", &[("product", "1")]).increment(1);
    let expected = ["{product=1} 2", "{product=2} 10", "{product=overflow} 70"];
    assert_eq!(Page::of(&recorder).0[1..], expected);
    assert_eq!(recorder.overflowed(), 7);
}

#[test]
fn each_use_of_a_handle_that_overflows_is_counted() {
    let recorder = recorder().with_limit(1).unwrap();
    for name in ["a", "b"] {
        let labels: &[(&str, &str)] = &[("label", name)];
        let counter = counter(&recorder, "counter", labels);
        counter.increment(5);
        counter.absolute(3);
        let gauge = gauge(&recorder, "gauge", labels);
        gauge.increment(1.0);
        gauge.decrement(1.0);
        gauge.set(7.0);
        let histogram = histogram(&recorder, "histogram", labels);
        histogram.record(1.0);
        histogram.record_many(1.0, 10);
    }
    assert_eq!(recorder.overflowed(), 2 + 3 + 11);
}

#[test]
fn the_last_value_of_a_gauge_stays_where_it_overflows() {
    let recorder = recorder().with_limit(1).unwrap();
    for n in 1..=5_u32 {
        gauge(&recorder, "open", &[("tenant", &n.to_string())]).set(f64::from(n));
    }
    let expected = ["{tenant=1} 1.0", "{tenant=overflow} 5.0"];
    assert_eq!(Page::of(&recorder).0[1..], expected);
}

#[test]
fn an_overflow_series_is_not_there_twice() {
    let recorder = recorder().with_limit(2).unwrap();
    counter(&recorder, "views", &[("product", "overflow")]).increment(1);
    counter(&recorder, "views", &[]).increment(1);
    for value in ["1", "2", "overflow"] {
        counter(&recorder, "views", &[("product", value)]).increment(10);
    }
    let expected = ["{} 1", "{product=overflow} 31"];
    assert_eq!(Page::of(&recorder).0[1..], expected);
    assert_eq!(recorder.overflowed(), 2);
}

#[test]
fn an_overflow_series_has_the_labels_of_its_family() {
    let recorder = recorder().with_limit(2).unwrap();
    counter(&recorder, "mixed", &[("a", "1")]).increment(1);
    counter(&recorder, "mixed", &[("b", "1"), ("a", "1")]).increment(1);
    counter(&recorder, "mixed", &[]).increment(1);
    let expected = ["{a=1} 1", "{a=1,b=1} 1", "{a=overflow,b=overflow} 1"];
    assert_eq!(Page::of(&recorder).0[1..], expected);

    // Without labels in the family, it gets those of what overflows: else it would be the series without labels.
    let recorder = super::recorder().with_limit(1).unwrap();
    counter(&recorder, "bare", &[]).increment(1);
    counter(&recorder, "bare", &[("a", "1")]).increment(1);
    assert_eq!(Page::of(&recorder).0[1..], ["{} 1", "{a=overflow} 1"]);
}

#[test]
fn spellings_of_one_label_set_take_no_more_memory_than_its_family_may() {
    let recorder = recorder().with_limit(10).unwrap();
    let record = |n: u32| {
        // Each name becomes the same one.
        let name: String = (0..20)
            .map(|bit| if n >> bit & 1 == 0 { '.' } else { '-' })
            .collect();
        counter(&recorder, "views", &[(&format!("a{name}"), "1")]).increment(1);
    };
    (0..10).for_each(record);
    let allocated = measure(|| (10..10_000).for_each(record));
    assert_eq!(allocated.bytes_current, 0);
    let page = Page::of(&recorder);
    assert_eq!((page.0.len(), page.sum("{")), (2, 10_000));
}

#[test]
fn histograms_take_no_memory_for_what_is_observed() {
    let recorder = recorder();
    let observed = histogram(&recorder, "wait_seconds", &[]);
    let allocated = measure(|| (0..100_000).for_each(|n| observed.record(f64::from(n))));
    assert_eq!(allocated.count_total, 0);
    assert_eq!(Page::of(&recorder).0[1], "{} 4999950000.0 100000");
}

#[test]
fn a_limit_that_cannot_be_is_refused_with_field_and_value() {
    for limit in [0, 100_001] {
        let refused = recorder().with_limit(limit).unwrap_err();
        let expected = format!(
            "metrics.application_series: invalid value \"{limit}\": 1 to 100000 series of a family"
        );
        assert_eq!(refused.to_string(), expected);
    }
    assert!(recorder().with_limit(100_000).is_ok());
}
