//! Holds what files are generated from.

use std::{borrow::Cow, sync::Arc, time::Duration};

#[cfg(feature = "notify")]
use super::alertmanager::Told;
use super::{
    alerting::{Common, Group, RuleFile},
    dashboards::{self, Dashboard, OwnMetric},
    document::yaml,
    presence, rule_tests,
    served::Served,
    slo::{CheckedSlo, Slo},
    slo_tests,
};
#[cfg(feature = "notify")]
use crate::notify::{CheckedRoutes, Routes};
use crate::{
    alerts::{Alerts, CheckedAlerts, CheckedRule, Published, Runbooks, duration},
    config::ConfigError,
    metrics::{Metrics, Settings},
};

/// The shortest slots of windows, unless the application chose others.
const SLOT: Duration = Duration::from_secs(10);

/// What files for Prometheus and Alertmanager are generated from: the rules of an application, the names of its metrics, and who
/// is told.
///
/// [`Vitals::generated`](crate::Vitals::generated) has all of it. Without a running service, such as in a step of a build:
///
/// ```
/// use tower_vitals::{alerts::Alerts, generate::Generated, metrics::Settings};
///
/// let generated = Generated::new(Alerts::default(), &Settings::new().prefix("shop_"))?
///     .service("shop")
///     .dashboard("https://grafana.example.com/d/shop");
/// assert!(generated.rules().contains("shop_http_requests_total"));
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Generated {
    pub(super) rules: Arc<[CheckedRule]>,
    pub(super) interval: Duration,
    pub(super) runbooks: Runbooks,
    pub(super) metrics: Settings,
    pub(super) slot: Duration,
    pub(super) service: Option<String>,
    pub(super) dashboard: Option<String>,
    pub(super) slos: Vec<CheckedSlo>,
    pub(super) served: Served,
    /// What the application records, in the order of the names.
    own: Vec<OwnMetric>,
    #[cfg(feature = "notify")]
    pub(super) routes: Option<Arc<CheckedRoutes>>,
}

// === impl Generated ===

impl Generated {
    /// Of these rules, over the names with which these settings publish.
    ///
    /// # Errors
    ///
    /// If a rule cannot work.
    pub fn new(alerts: Alerts, metrics: &Settings) -> Result<Self, ConfigError> {
        Ok(Self::of(&alerts.checked()?, metrics))
    }

    pub(crate) fn of(alerts: &CheckedAlerts, metrics: &Settings) -> Self {
        Self {
            rules: Arc::clone(&alerts.rules),
            interval: alerts.interval,
            runbooks: alerts.runbooks.clone(),
            metrics: metrics.clone(),
            slot: SLOT,
            service: None,
            dashboard: None,
            slos: Vec::new(),
            served: Served::default(),
            own: Vec::new(),
            #[cfg(feature = "notify")]
            routes: None,
        }
    }

    /// The name of the service, which alerts have as a label. Defaults to none.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// The page where to look, which alerts have as an annotation. Defaults to none.
    #[must_use]
    pub fn dashboard(mut self, address: impl Into<String>) -> Self {
        self.dashboard = Some(address.into());
        self
    }

    /// Where the application listens. Defaults to 8000, where `vitals check` asks.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.served.port = port;
        self
    }

    /// The image of the service, for Kubernetes and Docker. Defaults to none.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.served.image = Some(image.into());
        self
    }

    /// How it is served, but where the application listens, and its image.
    pub(crate) fn served(mut self, served: Served) -> Self {
        self.served = served;
        self
    }

    /// Adds an objective. Defaults to none.
    ///
    /// # Errors
    ///
    /// If it cannot be missed or reached, or there is another one for the same requests or with the same name: `all` is that of the
    /// objective for all requests.
    pub fn slo(mut self, slo: Slo) -> Result<Self, ConfigError> {
        let checked = slo.checked()?;
        if self
            .slos
            .iter()
            .any(|other| other.label() == checked.label())
        {
            let reason = "another objective is for the same requests, or has the same name";
            return Err(ConfigError::new("slo", checked.name(), reason));
        }
        self.slos.push(checked);
        Ok(self)
    }

    /// A metric that the application records, for the dashboard Business. [`Vitals::generated`](crate::Vitals::generated) knows those
    /// that were recorded. Of two with one name, the later one counts. Defaults to none.
    #[must_use]
    pub fn metric(mut self, metric: OwnMetric) -> Self {
        let name = |one: &OwnMetric| one.name().to_owned();
        match self.own.binary_search_by_key(&name(&metric), name) {
            Ok(place) => self.own[place] = metric,
            Err(place) => self.own.insert(place, metric),
        }
        self
    }

    /// What the application has recorded until now.
    pub(crate) fn recorded(self, metrics: &Metrics) -> Self {
        dashboards::recorded(metrics).fold(self, Self::metric)
    }

    pub(crate) fn with_slos(self, slos: Vec<Slo>) -> Result<Self, ConfigError> {
        slos.into_iter().try_fold(self, Self::slo)
    }

    /// Who is told of which alert, by the names of the notifiers that there are. Defaults to nobody.
    ///
    /// # Errors
    ///
    /// If a route leads nowhere, or a rule has none.
    #[cfg(feature = "notify")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "notify")))]
    pub fn routes(mut self, routes: Routes, notifiers: &[&str]) -> Result<Self, ConfigError> {
        let rules = self.rules.iter();
        let rules = rules.map(|rule| (&*rule.name, rule.severity));
        self.routes = Some(Arc::new(routes.checked(notifiers, rules)?));
        Ok(self)
    }

    #[cfg(feature = "notify")]
    pub(crate) fn told_by(mut self, routes: Option<Arc<CheckedRoutes>>) -> Self {
        self.routes = routes;
        self
    }

    /// The length of the shortest slot of the statistics: shares of few requests are judged over multiples of it.
    pub(crate) const fn slot(mut self, slot: Duration) -> Self {
        self.slot = slot;
        self
    }

    /// The rules, as a file for Prometheus or vmalert.
    #[must_use]
    pub fn rules(&self) -> String {
        let published = self.published();
        let common = self.common(&published);
        let (alerts, comments) = common.alerts(&self.rules, &published);
        let service = self.service.as_deref().unwrap_or("service");
        let group = |of: &str, rules| Group {
            name: format!("{service}/{of}"),
            interval: duration(self.interval),
            rules,
        };
        let mut groups = vec![group("alerts", alerts)];
        groups.retain(|group| !group.rules.is_empty());
        groups.push(group("presence", presence::alerts(&common, &published)));
        yaml(&RuleFile { groups }, &comments)
    }

    /// Tests of the rules, for `promtool test rules` beside them in a file `rules.yml`: that each one fires, that it does not at its
    /// threshold, with few requests and without data, and that it ends.
    ///
    /// A comment names the rules without a test, such as those whose window is no multiple of 15 seconds.
    #[must_use]
    pub fn rule_tests(&self) -> String {
        let (tests, comments) = rule_tests::of(&self.rules, &self.published(), self.interval);
        yaml(&tests, &comments)
    }

    /// The rules of the objectives, as a file for Prometheus or vmalert: how fast the budget of errors is spent, by four tiers of two
    /// windows each, and what is left of it. Without an objective, of 99.9 % for all requests.
    #[must_use]
    pub fn slo_rules(&self) -> String {
        let published = self.published();
        let common = self.common(&published);
        let all = self.objectives();
        let groups = all.iter().flat_map(|slo| slo.groups(&common, &published));
        let groups = groups.filter(|group| !group.rules.is_empty());
        yaml(
            &RuleFile {
                groups: groups.collect(),
            },
            &[],
        )
    }

    /// The dashboards `system`, `business`, `performance`, `errors` and `deployments`, in this order, for Grafana 11 and later. Two
    /// generations of the same are the same bytes.
    #[must_use]
    pub fn dashboards(&self) -> Vec<Dashboard> {
        let sources = dashboards::Sources {
            rules: &self.rules,
            metrics: &self.metrics,
            published: self.published(),
            own: &self.own,
            service: self.service.as_deref(),
            page: self.dashboard.as_deref(),
        };
        sources.dashboards()
    }

    /// Tests of the rules of the objectives, for `promtool test rules` beside them in a file `slo.yml`: that each tier fires at its
    /// pace and not below, that it ends, that few requests are no alert, what is left of the budget, and that no data is told.
    #[must_use]
    pub fn slo_tests(&self) -> String {
        let published = self.published();
        let common = self.common(&published);
        let (tests, comments) = slo_tests::of(&self.objectives(), &common, &published);
        yaml(&tests, &comments)
    }

    /// The configuration of an Alertmanager with the routes, the repeats and the inhibitions of the process. Secrets are in files,
    /// whose names it has. `None` if nobody is told.
    ///
    /// Each rule has a route. Alertmanager has no escalation: a comment says whom the process tells later.
    #[cfg(feature = "notify")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "notify")))]
    #[must_use]
    pub fn alertmanager(&self) -> Option<String> {
        let told = Told {
            rules: &self.rules,
            routes: self.routes.as_deref()?,
            service: self.service.as_deref(),
            interval: self.interval,
        };
        let (configuration, comments) = told.configuration();
        Some(yaml(&configuration, &comments))
    }

    /// Those of the application, else one.
    fn objectives(&self) -> Cow<'_, [CheckedSlo]> {
        match self.slos.as_slice() {
            [] => Slo::new(99.9).checked().into_iter().collect(),
            some => some.into(),
        }
    }

    pub(super) fn published(&self) -> Published<'_> {
        Published::new(self.metrics.names, &self.metrics.naming, self.slot)
    }

    pub(super) fn common(&self, published: &Published<'_>) -> Common<'_> {
        let dashboard = self.dashboard.as_deref();
        Common::new(
            self.service.as_deref(),
            dashboard,
            &self.runbooks,
            published,
        )
    }
}
