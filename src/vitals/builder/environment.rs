//! Reads the settings of the ready-made stack from environment variables.

use super::VitalsBuilder;
use crate::{
    config::{ConfigError, Environment},
    exclude::Patterns,
    metrics::Names,
    release::{Release, service as service_name},
    vitals::{
        admin::AdminSettings, alerting::AlertingSettings, lately::LatelySettings,
        monitoring::MonitoringSettings, notifications::NotificationSettings,
    },
};

// === impl VitalsBuilder ===

impl VitalsBuilder {
    #[cfg(feature = "statistics")]
    pub(in crate::vitals) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let (builder, variables) = environment.noting(Self::of_variables);
        Ok(builder?.with_origin(variables))
    }

    #[cfg(not(feature = "statistics"))]
    pub(in crate::vitals) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Self, ConfigError> {
        Self::of_variables(environment)
    }

    fn of_variables(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let mut builder = Self::new().release(Release::from_environment(environment));
        builder.service = service_name::from_environment(environment)?;
        if let Some(list) = environment.get("MONITORING_EXCLUDE") {
            let patterns = Patterns::new(list.split(',').map(str::trim));
            let patterns = patterns.map_err(|error| error.within("MONITORING_EXCLUDE"))?;
            builder.exclude = Ok(patterns);
        }
        let expected = "expected prometheus or otel";
        if let Some(names) = environment.parse("MONITORING_METRIC_NAMES", expected, Names::parse)? {
            builder = builder.names(names);
        }
        builder.admin = AdminSettings::from_environment(environment)?;
        builder.lately = LatelySettings::from_environment(environment)?;
        builder.alerting = AlertingSettings::from_environment(environment)?;
        builder.notifications = NotificationSettings::from_environment(environment)?;
        builder.monitoring = MonitoringSettings::from_environment(environment)?;
        Ok(builder)
    }
}
