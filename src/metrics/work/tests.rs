use std::{collections::BTreeMap, time::Duration};

use allocation_counter::measure;

use super::*;
use crate::metrics::{Settings, readings::Key, remember, table::OVERFLOW};

const SUCCESS: CallOutcome = CallOutcome::Success;
const SECOND: Duration = Duration::from_secs(1);

fn isolated() -> Metrics {
    Settings::new().isolated().unwrap()
}

/// A name of 64 characters.
fn name(number: usize) -> &'static str {
    String::leak(format!("{number:064}"))
}

/// How often work of each name was counted.
fn counted(metrics: &Metrics, work: Work) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for series in metrics.work().table(work).series().iter().flatten() {
        *counted.entry(series.endpoint.to_string()).or_default() += series.read().requests;
    }
    counted
}

fn overflow_total(metrics: &Metrics) -> u64 {
    metrics.snapshot().counters["vitals_overflow_total"]
}

#[test]
fn names_above_256_of_a_kind_are_counted_together_and_exactly() {
    for work in Work::ALL {
        let metrics = isolated();
        for number in 0..MOST_NAMES + 50 {
            for _ in 0..3 {
                metrics.count_work(&EndedWork::of(work, name(number), 0, SUCCESS, SECOND));
            }
        }
        let counted = counted(&metrics, work);
        assert_eq!(counted.len(), MOST_NAMES + 1, "{work:?}");
        assert_eq!(counted[OVERFLOW], 150);
        assert_eq!(counted.values().sum::<u64>(), 3 * (MOST_NAMES as u64 + 50));
        assert_eq!(overflow_total(&metrics), 150);
        // The others have room of their own.
        let other = Work::ALL.into_iter().find(|other| *other != work).unwrap();
        metrics.count_work(&EndedWork::of(other, "one", 0, SUCCESS, SECOND));
        assert_eq!(overflow_total(&metrics), 150);
    }
}

#[test]
fn each_name_has_room_for_each_outcome() {
    for work in [Work::Operation, Work::Outbound, Work::Job] {
        let metrics = isolated();
        for number in 0..MOST_NAMES {
            for outcome in CallOutcome::ALL {
                metrics.count_work(&EndedWork::of(work, name(number), 0, outcome, SECOND));
            }
        }
        assert_eq!(overflow_total(&metrics), 0, "{work:?}");
    }
}

#[test]
fn what_is_called_overflow_or_unmatched_is_not_over_the_cap() {
    for work in Work::ALL {
        let metrics = isolated();
        for name in [OVERFLOW, "unmatched"] {
            for outcome in CallOutcome::ALL {
                metrics.count_work(&EndedWork::of(work, name, 0, outcome, SECOND));
            }
            assert_eq!(counted(&metrics, work)[name], 5);
        }
        assert_eq!(overflow_total(&metrics), 0, "{work:?}");
    }
}

#[test]
fn a_text_that_is_gone_after_the_call_is_counted_by_its_letters_and_takes_no_place() {
    let metrics = isolated();
    metrics.count_work(&EndedWork::of(Work::Query, "a", 0, SUCCESS, SECOND));
    let before = remember::remembered();
    // All of them are there at once, so no two have one address.
    let texts: Vec<String> = (0..10_000).map(|n| ["a", "b"][n % 2].to_owned()).collect();
    for text in &texts {
        metrics.count_work(&EndedWork::of(Work::Query, text, 0, SUCCESS, SECOND));
    }
    let counted = counted(&metrics, Work::Query);
    assert_eq!((counted["a"], counted["b"]), (5_001, 5_000));
    assert_eq!(remember::remembered(), before + 1);
    // Above the cap, too.
    for text in 0..MOST_NAMES + 1_000 {
        metrics.count_work(&EndedWork::of(
            Work::Query,
            &text.to_string(),
            0,
            SUCCESS,
            SECOND,
        ));
    }
    assert_eq!(remember::remembered(), before + MOST_NAMES);
    assert_eq!(overflow_total(&metrics), 1_002);
}

#[test]
fn details_and_names_make_no_label_that_is_not_in_its_list() {
    let metrics = isolated();
    for work in Work::ALL {
        for detail in 0..=u8::MAX {
            metrics.count_work(&EndedWork::of(work, "x", detail, SUCCESS, SECOND));
        }
        let series = metrics.work().table(work).series();
        assert_eq!(series[0].len(), work.details(), "{work:?}");
    }
    let snapshot = metrics.snapshot();
    let other = r#"db_query_duration_seconds{operation="other",table="x"}"#;
    assert_eq!(snapshot.histograms[other].count, 256 - 14);
}

#[test]
fn reading_makes_no_counters_of_work() {
    let metrics = isolated();
    let bound = metrics.memory_bound();
    drop((metrics.snapshot(), metrics.readings()));
    assert!(metrics.inner.work.get().is_none());
    assert_eq!(metrics.readings().counts.len(), 1, "the totals");
    metrics.count_work(&EndedWork::of(Work::Job, "rollup", 0, SUCCESS, SECOND));
    let with = metrics.memory_bound();
    assert!(bound < with && with < bound + 16_000_000, "{bound} {with}");
}

#[test]
fn all_names_with_all_their_series_stay_within_the_bound() {
    let names: Vec<&str> = (0..MOST_NAMES + 100).map(name).collect();
    let special = [OVERFLOW, "unmatched"];
    for works in [&Work::ALL[..], &[Work::Query], &[Work::Operation]] {
        let metrics = isolated();
        let bound = metrics.memory_bound();
        let info = measure(|| {
            for work in works {
                for detail in (0..work.details()).rev() {
                    for name in names.iter().chain(&special) {
                        for outcome in CallOutcome::ALL {
                            metrics.count_work(&EndedWork::of(
                                *work,
                                name,
                                detail as u8,
                                outcome,
                                SECOND,
                            ));
                        }
                    }
                }
            }
        });
        // The bound of work alone, and what a thread remembers.
        let bound = (metrics.memory_bound() - bound + (700 << 10)) as u64;
        assert!(info.bytes_max < bound, "{} of {bound}", info.bytes_max);
        if works.len() > 1 {
            assert!(info.bytes_max > bound / 2, "{} of {bound}", info.bytes_max);
        }
    }
}

#[test]
fn a_reading_has_each_outcome_and_the_durations_of_each_operation() {
    let metrics = isolated();
    let error = CallOutcome::Error;
    for (detail, outcome, seconds) in [(0, SUCCESS, 1), (0, error, 2), (3, error, 4), (0, error, 1)]
    {
        let duration = Duration::from_secs(seconds);
        metrics.count_work(&EndedWork::of(
            Work::Query,
            "orders",
            detail,
            outcome,
            duration,
        ));
    }
    let readings = metrics.readings();
    let name: Arc<str> = "orders".into();
    let mut counts: Vec<_> = readings.counts.into_iter().skip(1).collect();
    counts.sort_by_key(|(_, counts)| counts.clone());
    let key = |detail, outcome| Key::Work {
        work: Work::Query,
        name: Arc::clone(&name),
        detail,
        outcome: Some(outcome),
    };
    let second = 1_000_000_000;
    let expected = [
        (key(0, SUCCESS), vec![1, second]),
        (key(3, error), vec![1, 4 * second]),
        (key(0, error), vec![2, 3 * second]),
    ];
    assert_eq!(counts, expected);

    let bounds = metrics.inner.settings.bounds().on_grid();
    let durations = |seconds: &[u64]| {
        let mut counts = vec![0; bounds.buckets()];
        for seconds in seconds {
            counts[bounds.index(seconds * second)] += 1;
        }
        counts
    };
    let key = |detail| Key::WorkDurations {
        work: Work::Query,
        name: Arc::clone(&name),
        detail,
    };
    let expected = [(key(0), durations(&[1, 1, 2])), (key(3), durations(&[4]))];
    assert_eq!(readings.durations, expected);
    println!(
        "KEY {} {}",
        size_of::<Key>(),
        metrics.memory_bound() - isolated().memory_bound()
    );
    println!("BOUND {}", isolated().memory_bound());
}

#[test]
fn of_two_successes_of_a_job_the_later_one_stays_whoever_comes_first() {
    let metrics = Settings::new().isolated().unwrap();
    let older = LastSuccess {
        at: 1.0,
        measured: Instant::now(),
    };
    let later = LastSuccess {
        at: 2.0,
        measured: older.measured + SECOND,
    };
    for last in [later, older] {
        metrics.note_success("rollup", last);
    }
    let shown = metrics.snapshot().gauges;
    assert_eq!(
        shown[r#"job_last_success_timestamp_seconds{job="rollup"}"#],
        2.0
    );
}
