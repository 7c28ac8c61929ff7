//! Refuses what cannot be, with its field and its value.

use std::time::Duration;

use tower_vitals::{Vitals, vitals::VitalsBuilder};

use crate::support::directory::Directory;

#[test]
fn a_bad_setting_of_statistics_or_metrics_fails_at_build_with_field_and_value() {
    let directory = Directory::new("bad-settings");
    let (folder, nowhere) = (directory.path(""), directory.path("nowhere/state"));
    let file = directory.path("state");
    let shown = |path: &std::path::Path| path.display().to_string();
    let seconds = Duration::from_secs;
    let of = |set: &dyn Fn(VitalsBuilder) -> VitalsBuilder| set(Vitals::builder().isolated());
    let bytes = |bytes| of(&|builder| builder.state_file(&file).state_file_bytes(bytes));
    let slot = |slot| of(&|builder| builder.statistics_slot(slot));
    let memory = |bytes| of(&|builder| builder.statistics_memory(bytes));
    let log = |every| of(&|builder| builder.log_metrics(every));
    let series = |most| of(&|builder| builder.application_series(most));
    let edges = |edges: &[f64]| {
        of(&|builder| builder.application_buckets("basket.items", edges.iter().copied()))
    };
    let edges_field = "metrics.application_buckets.basket_items";
    for (builder, field, value) in [
        (
            of(&|builder| builder.state_file("")),
            "state_file",
            String::new(),
        ),
        (
            of(&|builder| builder.state_file(&folder)),
            "state_file",
            shown(&folder),
        ),
        (
            of(&|builder| builder.state_file(&nowhere)),
            "state_file",
            shown(&nowhere),
        ),
        (bytes(65_535), "state_file_bytes", "65535".into()),
        (
            bytes((1 << 30) + 1),
            "state_file_bytes",
            "1073741825".into(),
        ),
        (slot(Duration::ZERO), "statistics_slot", "0ns".into()),
        (
            slot(Duration::from_micros(999)),
            "statistics_slot",
            "999µs".into(),
        ),
        (slot(seconds(3_601)), "statistics_slot", "3601s".into()),
        (memory(0), "statistics_memory", "0".into()),
        (memory((1 << 20) - 1), "statistics_memory", "1048575".into()),
        (
            log(Duration::from_millis(999)),
            "log_metrics",
            "999ms".into(),
        ),
        (series(0), "metrics.application_series", "0".into()),
        (
            series(100_001),
            "metrics.application_series",
            "100001".into(),
        ),
        (edges(&[]), edges_field, "[]".into()),
        (
            edges(&[1.0, f64::NAN]),
            "metrics.application_buckets.basket_items[1]",
            "NaN".into(),
        ),
        (
            edges(&[2.0, 1.5]),
            "metrics.application_buckets.basket_items[1]",
            "1.5".into(),
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!((error.field(), error.value()), (field, &*value));
    }
    // Nothing was made for those that were refused.
    assert!(!file.exists());
    // The limits themselves are good.
    for builder in [
        bytes(65_536),
        slot(Duration::from_millis(1)),
        slot(seconds(3_600)),
        memory(1 << 20),
        log(seconds(1)),
        series(1),
        series(100_000),
        edges(&[-1.0, 0.0]),
    ] {
        builder.build().unwrap();
    }
}
