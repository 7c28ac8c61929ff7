//! Says who is told of which alert.

use std::{collections::BTreeSet, time::Duration};

use crate::{alerts::AlertSeverity, config::ConfigError};

/// The longest time until an alert is escalated.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Who is told of which alert.
///
/// A route of a rule comes before one of a severity. Without routes, an alert goes where five guides to monitoring have it, as far
/// as these notifiers are there: critical ones to `pagerduty`, `slack` and `whatsapp`, others to `slack`, those of disks also to
/// `email`, critical ones to `sentry`, and all to `alertmanager`, `webhook` and notifiers of the application. What would reach nobody goes
/// to all.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::{alerts::AlertSeverity, notify::Routes};
///
/// let routes = Routes::new()
///     .severity(AlertSeverity::Critical, ["pagerduty", "slack"])
///     .severity(AlertSeverity::Warning, ["slack"])
///     .severity(AlertSeverity::Info, ["slack"])
///     .rule("disk_space_low", ["email", "slack"])
///     .escalate(AlertSeverity::Critical, Duration::from_secs(300), ["whatsapp"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    routes: Vec<(Who, Vec<String>)>,
    escalations: Vec<(Who, Duration, Vec<String>)>,
}

/// Which alerts a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Severity(AlertSeverity),
    Rule(String),
}

/// Where each rule goes, by the index of its notifiers.
#[derive(Clone, Debug)]
pub(crate) struct CheckedRoutes {
    routes: Routes,
    notifiers: Vec<String>,
}

/// After how long an alert that nobody has acknowledged goes to somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Escalation {
    pub(crate) after: Duration,
    pub(crate) to: BTreeSet<usize>,
}

// === impl Routes ===

impl Routes {
    /// No routes: see the type.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Alerts of this severity go to these notifiers.
    #[must_use]
    pub fn severity<N: Into<String>>(
        mut self,
        severity: AlertSeverity,
        to: impl IntoIterator<Item = N>,
    ) -> Self {
        self.add(Who::Severity(severity), to);
        self
    }

    /// Alerts of this rule go to these notifiers, whatever their severity.
    #[must_use]
    pub fn rule<N: Into<String>>(
        mut self,
        rule: impl Into<String>,
        to: impl IntoIterator<Item = N>,
    ) -> Self {
        self.add(Who::Rule(rule.into()), to);
        self
    }

    /// Alerts of this severity that nobody has acknowledged after this time go to these notifiers, too: at most 24 hours, and with
    /// zero at once.
    #[must_use]
    pub fn escalate<N: Into<String>>(
        mut self,
        severity: AlertSeverity,
        after: Duration,
        to: impl IntoIterator<Item = N>,
    ) -> Self {
        self.add_escalation(Who::Severity(severity), after, to);
        self
    }

    /// The same for alerts of one rule.
    #[must_use]
    pub fn escalate_rule<N: Into<String>>(
        mut self,
        rule: impl Into<String>,
        after: Duration,
        to: impl IntoIterator<Item = N>,
    ) -> Self {
        self.add_escalation(Who::Rule(rule.into()), after, to);
        self
    }

    fn add<N: Into<String>>(&mut self, who: Who, to: impl IntoIterator<Item = N>) {
        self.routes.retain(|(known, _)| *known != who);
        let to = to.into_iter().map(Into::into);
        self.routes.push((who, to.collect()));
    }

    fn add_escalation<N: Into<String>>(
        &mut self,
        who: Who,
        after: Duration,
        to: impl IntoIterator<Item = N>,
    ) {
        self.escalations.retain(|(known, ..)| *known != who);
        let to = to.into_iter().map(Into::into);
        self.escalations.push((who, after, to.collect()));
    }

    /// The routes, if every one leads to notifiers that are there, and each of the `rules` with its severity reaches somebody.
    pub(crate) fn checked<'r>(
        self,
        notifiers: &[&str],
        rules: impl Iterator<Item = (&'r str, AlertSeverity)>,
    ) -> Result<CheckedRoutes, ConfigError> {
        let rules: Vec<_> = rules.collect();
        let wrong = |field: String, value: &str, reason: String| {
            Err(ConfigError::new(format!("routes.{field}"), value, reason))
        };
        for (index, name) in notifiers.iter().enumerate() {
            if name.is_empty() || notifiers[..index].contains(name) {
                let reason = "expected a name that no other notifier has";
                return Err(ConfigError::new("notifiers", *name, reason));
            }
        }
        let routes = self.routes.iter().map(|(who, to)| (who, to, ""));
        let escalations = self.escalations.iter();
        let escalations = escalations.map(|(who, _, to)| (who, to, "escalate."));
        for (who, to, kind) in routes.chain(escalations) {
            let field = format!("{kind}{}", who.name());
            if to.is_empty() {
                return wrong(field, "", "it leads to nobody".to_owned());
            }
            if let Some(unknown) = to.iter().find(|name| !notifiers.contains(&name.as_str())) {
                let reason = match notifiers {
                    [] => "there is no notifier".to_owned(),
                    known => format!("no notifier has this name: there is {}", known.join(", ")),
                };
                return wrong(field, unknown, reason);
            }
            if let Who::Rule(rule) = who
                && !rules.iter().any(|(known, _)| known == rule)
            {
                return wrong(field, rule, "no rule has this name".to_owned());
            }
        }
        if let Some((who, after, _)) = self.escalations.iter().find(|one| one.1 > LONGEST) {
            let field = format!("escalate.{}", who.name());
            return wrong(field, &format!("{after:?}"), "at most 24 hours".to_owned());
        }
        let checked = CheckedRoutes {
            routes: self,
            notifiers: notifiers.iter().map(|name| (*name).to_owned()).collect(),
        };
        let lost = rules
            .iter()
            .find(|(rule, severity)| checked.of(rule, *severity).is_empty());
        match lost.filter(|_| !notifiers.is_empty()) {
            Some((rule, severity)) => {
                let reason = format!("no route leads from it or from `{severity}` to a notifier");
                wrong((*rule).to_owned(), rule, reason)
            }
            None => Ok(checked),
        }
    }
}

// === impl Who ===

impl Who {
    fn name(&self) -> &str {
        match self {
            Self::Severity(severity) => severity.as_str(),
            Self::Rule(rule) => rule,
        }
    }

    fn fits(&self, rule: &str, severity: AlertSeverity) -> bool {
        match self {
            Self::Severity(known) => *known == severity,
            Self::Rule(known) => known == rule,
        }
    }
}

// === impl CheckedRoutes ===

impl CheckedRoutes {
    /// Who is told of alerts of this rule.
    pub(crate) fn of(&self, rule: &str, severity: AlertSeverity) -> BTreeSet<usize> {
        if self.routes.routes.is_empty() {
            return self.usual(rule, severity);
        }
        let to = best(&self.routes.routes, rule, severity, |(who, _)| who);
        to.map(|(_, to)| self.places(to)).unwrap_or_default()
    }

    /// Who is told later, and when.
    pub(crate) fn escalation(&self, rule: &str, severity: AlertSeverity) -> Option<Escalation> {
        let found = best(&self.routes.escalations, rule, severity, |(who, ..)| who);
        found.map(|(_, after, to)| Escalation {
            after: *after,
            to: self.places(to),
        })
    }

    /// The name of each notifier, and whether alerts of one of the rules reach it, at once or later.
    pub(crate) fn reached<'r>(
        &self,
        rules: impl Iterator<Item = (&'r str, AlertSeverity)>,
    ) -> Vec<(&str, bool)> {
        let mut reached = BTreeSet::new();
        for (rule, severity) in rules {
            reached.extend(self.of(rule, severity));
            let later = self.escalation(rule, severity);
            reached.extend(later.into_iter().flat_map(|later| later.to));
        }
        let all = self.notifiers.iter().enumerate();
        all.map(|(index, name)| (name.as_str(), reached.contains(&index)))
            .collect()
    }

    /// Who is told of what the application says.
    pub(crate) fn of_severity(&self, severity: AlertSeverity) -> BTreeSet<usize> {
        // No rule has an empty name.
        self.of("", severity)
    }

    /// Who is told of deployments: whoever is told of information, and PagerDuty, which has changes beside its incidents.
    pub(crate) fn of_deployment(&self) -> BTreeSet<usize> {
        let mut to = self.of_severity(AlertSeverity::Info);
        to.extend(self.places(&["pagerduty".to_owned()]));
        to
    }

    /// The names of these notifiers.
    #[cfg(feature = "generate")]
    pub(crate) fn names(&self, places: &BTreeSet<usize>) -> Vec<&str> {
        let named = |place: &usize| self.notifiers.get(*place).map(String::as_str);
        places.iter().filter_map(named).collect()
    }

    fn usual(&self, rule: &str, severity: AlertSeverity) -> BTreeSet<usize> {
        let critical = severity == AlertSeverity::Critical;
        let fits = |name: &str| match name {
            "pagerduty" | "whatsapp" | "sentry" => critical,
            "email" => rule.starts_with("disk_"),
            _ => true,
        };
        let all = self.notifiers.iter().enumerate();
        let fitting: BTreeSet<_> = all
            .filter(|(_, name)| fits(name))
            .map(|(index, _)| index)
            .collect();
        match fitting.is_empty() {
            true => (0..self.notifiers.len()).collect(),
            false => fitting,
        }
    }

    fn places(&self, names: &[String]) -> BTreeSet<usize> {
        let all = self.notifiers.iter().enumerate();
        all.filter(|(_, name)| names.contains(name))
            .map(|(index, _)| index)
            .collect()
    }
}

/// The route of a rule, else that of its severity.
fn best<'r, R>(
    routes: &'r [R],
    rule: &str,
    severity: AlertSeverity,
    who: impl Fn(&R) -> &Who,
) -> Option<&'r R> {
    let fitting = || routes.iter().filter(|one| who(one).fits(rule, severity));
    let of_rule = fitting().find(|one| matches!(who(one), Who::Rule(_)));
    of_rule.or_else(|| fitting().next())
}

#[cfg(test)]
mod tests {
    use AlertSeverity::{Critical, Info, Warning};

    use super::*;

    const RULES: [(&str, AlertSeverity); 3] = [
        ("high_error_rate", Critical),
        ("slow", Warning),
        ("disk_space_low", Warning),
    ];

    fn checked(routes: Routes, notifiers: &[&str]) -> Result<CheckedRoutes, String> {
        let checked = routes.checked(notifiers, RULES.into_iter());
        checked.map_err(|error| error.to_string())
    }

    fn names(routes: &CheckedRoutes, rule: &str, severity: AlertSeverity) -> Vec<String> {
        let places = routes.of(rule, severity).into_iter();
        places
            .map(|index| routes.notifiers[index].clone())
            .collect()
    }

    #[test]
    fn without_routes_alerts_go_where_the_guides_have_them() {
        let all = ["slack", "pagerduty", "email", "alertmanager", "own"];
        let routes = checked(Routes::new(), &all).unwrap();
        let critical = ["slack", "pagerduty", "alertmanager", "own"];
        assert_eq!(names(&routes, "high_error_rate", Critical), critical);
        assert_eq!(
            names(&routes, "slow", Warning),
            ["slack", "alertmanager", "own"]
        );
        let disk = ["slack", "email", "alertmanager", "own"];
        assert_eq!(names(&routes, "disk_space_low", Warning), disk);
        // What would reach nobody reaches all.
        let routes = checked(Routes::new(), &["email"]).unwrap();
        assert_eq!(names(&routes, "slow", Warning), ["email"]);
        assert!(
            checked(Routes::new(), &[])
                .unwrap()
                .of("slow", Warning)
                .is_empty()
        );
    }

    #[test]
    fn a_route_of_a_rule_comes_before_one_of_its_severity() {
        let routes = Routes::new()
            .severity(Critical, ["pagerduty", "slack"])
            .severity(Warning, ["slack"])
            .rule("disk_space_low", ["email"])
            .escalate(Critical, Duration::from_secs(300), ["email"])
            .escalate_rule("slow", Duration::ZERO, ["pagerduty"]);
        let routes = checked(routes, &["slack", "pagerduty", "email"]).unwrap();
        assert_eq!(
            names(&routes, "high_error_rate", Critical),
            ["slack", "pagerduty"]
        );
        assert_eq!(names(&routes, "slow", Warning), ["slack"]);
        assert_eq!(names(&routes, "disk_space_low", Warning), ["email"]);
        assert_eq!(routes.of_severity(Critical), BTreeSet::from([0, 1]));
        let escalation = |rule, severity| routes.escalation(rule, severity);
        let after = |seconds, to| {
            let (after, to) = (Duration::from_secs(seconds), BTreeSet::from([to]));
            Some(Escalation { after, to })
        };
        assert_eq!(escalation("high_error_rate", Critical), after(300, 2));
        assert_eq!(escalation("slow", Warning), after(0, 1));
        assert_eq!(escalation("disk_space_low", Warning), None);
    }

    #[test]
    fn a_route_that_leads_nowhere_is_refused_with_its_name() {
        let refused = |routes: Routes| checked(routes, &["slack", "email"]).unwrap_err();
        let slack = || Routes::new().severity(Warning, ["slack"]);
        for (routes, expected) in [
            (
                slack(),
                r#"routes.high_error_rate: invalid value "high_error_rate": no route leads from it or from `critical` to a notifier"#,
            ),
            (
                slack().severity(Critical, ["slak"]),
                r#"routes.critical: invalid value "slak": no notifier has this name: there is slack, email"#,
            ),
            (
                slack().rule("slowly", ["slack"]),
                r#"routes.slowly: invalid value "slowly": no rule has this name"#,
            ),
            (
                slack().severity(Info, [""; 0]),
                r#"routes.info: invalid value "": it leads to nobody"#,
            ),
            (
                Routes::new().escalate(Info, LONGEST * 2, ["slack"]),
                r#"routes.escalate.info: invalid value "172800s": at most 24 hours"#,
            ),
        ] {
            assert_eq!(refused(routes), expected);
        }
        let twice = checked(Routes::new(), &["slack", "slack"]).unwrap_err();
        assert!(
            twice.starts_with(r#"notifiers: invalid value "slack""#),
            "{twice}"
        );
    }
}
