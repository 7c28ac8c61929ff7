use super::*;
use ErrorCategory::{Database, NotFound, Timeout};

/// Category, endpoint, count, the count before, and the change.
type Row<'a> = (ErrorCategory, &'a str, u64, u64, Option<i64>);

fn rows(statistics: &Statistics) -> Vec<Row<'_>> {
    let errors = statistics.errors.iter();
    errors
        .map(|error| {
            let ErrorStatistics {
                category,
                endpoint,
                count,
                previous,
                change,
                ..
            } = error;
            (*category, &**endpoint, *count, *previous, *change)
        })
        .collect()
}

#[test]
fn failures_stand_beside_those_of_the_window_before() {
    let (mut before, mut now) = (Window::new(), Window::new());
    before.failures(Database, "/orders", 4);
    before.failures(Timeout, "/orders", 7);
    now.failures(Database, "/orders", 6);
    now.failures(NotFound, "/orders", 1);
    now.failures(NotFound, "/users", 1);
    let statistics = now.after(&before.sums);
    let expected = [
        (Database, "/orders", 6, 4, Some(2)),
        (NotFound, "/orders", 1, 0, Some(1)),
        (NotFound, "/users", 1, 0, Some(1)),
        (Timeout, "/orders", 0, 7, Some(-7)),
    ];
    assert_eq!(rows(&statistics), expected);
    let shares = statistics.errors.iter().map(|error| error.share);
    assert_eq!(
        shares.collect::<Vec<_>>(),
        [0.75, 0.125, 0.125, 0.0].map(Some)
    );
    let by_category = [("database", 6), ("not_found", 2)].into();
    assert_eq!(statistics.errors_by_category(), by_category);
    let shown = serde_json::to_value(&statistics.errors[0]).unwrap();
    let expected = json!({
        "category": "database", "endpoint": "/orders", "count": 6, "share": 0.75, "previous": 4, "change": 2,
    });
    assert_eq!(shown, expected);
}

#[test]
fn a_window_that_was_hardly_observed_is_not_compared() {
    let (mut before, mut now) = (Window::new(), Window::new());
    before.failures(Database, "/", 4);
    now.failures(Database, "/", 6);
    for (observed, change) in [(0, None), (269, None), (270, Some(2)), (300, Some(2))] {
        before.sums.covered = Duration::from_secs(observed);
        let statistics = now.after(&before.sums);
        assert_eq!(
            rows(&statistics),
            [(Database, "/", 6, 4, change)],
            "{observed} s"
        );
    }
    // Of neither window anything was observed.
    before.sums.covered = Duration::ZERO;
    now.sums.covered = Duration::ZERO;
    assert_eq!(now.after(&before.sums).errors[0].change, None);
}

#[test]
fn where_nothing_fails_any_more_there_is_no_share() {
    let mut before = Window::new();
    before.failures(Database, "/", u64::MAX);
    let error = &Window::new().after(&before.sums).errors[0];
    assert_eq!(
        (error.count, error.share, error.change),
        (0, None, Some(i64::MIN))
    );
}
