//! Waits until something holds.

use std::time::Duration;

use tokio::time;
use tower_vitals::{Vitals, metrics::Totals};

/// The totals once `done` holds, within ten seconds.
pub(crate) async fn settled(vitals: &Vitals, done: impl Fn(&Totals) -> bool) -> Totals {
    eventually(|| Some(vitals.metrics().totals()).filter(&done))
        .await
        .unwrap_or_else(|| panic!("never settled: {:?}", vitals.metrics().totals()))
}

/// What `look` finds, within ten seconds.
pub(crate) async fn eventually<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    for _ in 0..5_000 {
        if let Some(found) = look() {
            return Some(found);
        }
        time::sleep(Duration::from_millis(2)).await;
    }
    None
}
