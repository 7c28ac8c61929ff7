//! Stands in for the values of the process without feature `process`: nobody can ask for them.

use crate::{config::ConfigError, metrics::Metrics};

#[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
pub(crate) const fn start(_: &Metrics) -> Result<(), ConfigError> {
    Ok(())
}
