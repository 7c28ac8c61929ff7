//! Chooses the rules of the alerts.

use super::VitalsBuilder;
use crate::alerts::{Alerts, Rule};

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// The rules over the numbers of the application, and how often they are evaluated. They replace earlier ones. Defaults to
    /// [`Alerts::default`], with the settings of `ALERT_*` and `MONITORING_*` with [`Vitals::from_env`](crate::Vitals::from_env):
    /// see [the module](crate::alerts).
    ///
    /// A thread evaluates them, first after one interval. `Alerts::none()` turns that off. `Alerts::from_env()?` has the settings of the
    /// environment.
    ///
    /// ```
    /// use tower_vitals::{Vitals, alerts::{Alerts, presets}};
    ///
    /// let alerts = Alerts::default().rules(presets::guides());
    /// let vitals = Vitals::builder().isolated().alerts(alerts).build()?;
    /// assert_eq!(vitals.alerts().rules(), 25);
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    pub fn alerts(mut self, alerts: Alerts) -> Self {
        self.alerting.0 = alerts;
        self
    }

    /// Adds a rule to those that there are. No other one may have its name.
    ///
    /// A rule that names a health check, a [pool](crate::pool) or a [path](crate::operations::disk_space) needs it to be there before `build`.
    ///
    /// ```
    /// use tower_vitals::{Vitals, alerts::{Rule, Signal}};
    ///
    /// let checkout = Rule::new("checkout_fails", Signal::error_rate_percent())
    ///     .endpoint("/orders")
    ///     .above(2.0);
    /// let vitals = Vitals::builder().isolated().alert(checkout).build()?;
    /// assert_eq!(vitals.alerts().rules(), 5);
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    pub fn alert(mut self, rule: Rule) -> Self {
        self.alerting.0 = self.alerting.0.rule(rule);
        self
    }
}
