//! Stands in for the values of the host without feature `host`, and outside Linux: there are none.

use crate::{config::ConfigError, metrics::Metrics};

#[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
pub(super) const fn start(_: &Metrics) -> Result<(), ConfigError> {
    Ok(())
}
