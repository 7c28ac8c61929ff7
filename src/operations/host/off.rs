//! Stands in for the values of the host without feature `host`, and outside Linux: there are none.

use crate::{config::ConfigError, metrics::Metrics};

pub(super) const fn start(_: &Metrics) -> Result<(), ConfigError> {
    Ok(())
}
