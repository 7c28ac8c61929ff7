//! Judges how long a request took.

mod bands;

pub use self::bands::{Severity, SeverityBands};
