//! Counts what the application itself wants to know, through the `metrics` facade.

use axum::extract::Query;
use metrics::Label;
use serde::Deserialize;

/// A counter of the application, and how often it counts.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    name: String,
    /// The name of its label. Without one it has no label.
    #[serde(default)]
    label: String,
    #[serde(default)]
    value: String,
    #[serde(default = "once")]
    n: u32,
}

const fn once() -> u32 {
    1
}

pub(crate) async fn count(Query(wanted): Query<Wanted>) -> &'static str {
    let Wanted {
        name,
        label,
        value,
        n,
    } = wanted;
    let label = (!label.is_empty()).then(|| Label::new(label, value));
    let counter = metrics::counter!(name, Vec::from_iter(label));
    for _ in 0..n {
        counter.increment(1);
    }
    "counted\n"
}
