//! Stands in for the values of the process without feature `process`: nobody can ask for them.

use crate::{config::ConfigError, metrics::Metrics};

pub(crate) const fn start(_: &Metrics) -> Result<(), ConfigError> {
    Ok(())
}
