//! Measures a function of the application.

use super::{
    finished::{SLOW, Subject},
    measured::Measured,
};
use crate::facts::work::Work;

/// Measures a function of the application under this name, as `monitored_operation_duration_seconds{name,outcome}`.
///
/// The name is `'static`, so it cannot come from a client. 256 names have series of their own; further ones share the name
/// `overflow`.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::monitored;
///
/// # async fn ask() -> Result<String, std::io::Error> { Ok("Ada".into()) }
/// async fn fetch_patient_data() -> Result<String, std::io::Error> {
///     monitored("fetch_patient_data")
///         .threshold(Duration::from_millis(500))
///         .try_run(ask())
///         .await
/// }
/// ```
///
/// See the [module docs](super).
pub const fn monitored(name: &'static str) -> Measured {
    Measured::new(Subject {
        work: Work::Operation,
        name,
        detail: 0,
        threshold: SLOW,
    })
}
