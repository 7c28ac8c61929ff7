//! Names the service of which the ready-made stack is a part.

use super::VitalsBuilder;
use crate::{
    config::ConfigError,
    release::{Release, service},
};

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// The name of the service: 1 to 200 characters. It is `service` on JSON lines of [`logging`](crate::logging), the tag
    /// `service` of events for Sentry, and a label of `target_info` in the metrics.
    ///
    /// Defaults to the name that [`Vitals::from_env`](crate::Vitals::from_env) found, else to that of the program.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().service_name("shop").build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }
}

/// The release with the name of its service: that of the program, unless somebody has given one.
pub(super) fn named(
    release: Option<Release>,
    name: Option<String>,
) -> Result<Release, ConfigError> {
    let name = name.map(|name| service::checked("service_name", name));
    let name = name.transpose()?.unwrap_or_else(service::of_program);
    Ok(Release {
        service: Some(name.into()),
        ..release.unwrap_or_else(Release::unknown)
    })
}
