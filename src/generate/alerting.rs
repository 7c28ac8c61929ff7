//! Writes the rules of the application as rules for Prometheus.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{alert_name::AlertNames, template};
use crate::{
    alerts::{CheckedRule, Promql, Published, Runbooks, duration},
    metrics::catalog::Id,
};

/// The label with the name of the service.
const SERVICE: &str = "service";

/// A file of rules.
#[derive(Debug, Serialize)]
pub(super) struct RuleFile {
    pub(super) groups: Vec<Group>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) interval: String,
    pub(super) rules: Vec<Entry>,
}

/// An alert, or an expression that is recorded.
#[derive(Debug, Default, Serialize)]
pub(super) struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alert: Option<String>,
    pub(super) expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keep_firing_for: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<&'static str, String>,
}

/// What all alerts of a service have.
#[derive(Debug)]
pub(super) struct Common<'c> {
    pub(super) service: Option<&'c str>,
    pub(super) dashboard: Option<&'c str>,
    pub(super) release: Option<String>,
    runbooks: &'c Runbooks,
}

// === impl Common ===

impl<'c> Common<'c> {
    pub(super) fn new(
        service: Option<&'c str>,
        dashboard: Option<&'c str>,
        runbooks: &'c Runbooks,
        published: &Published<'_>,
    ) -> Self {
        let build = published.series(Id::Build);
        Self {
            service,
            dashboard,
            release: build.map(|build| release(&build)),
            runbooks,
        }
    }

    /// The alerts of these rules, and why others have none.
    pub(super) fn alerts(
        &self,
        rules: &[CheckedRule],
        published: &Published<'_>,
    ) -> (Vec<Entry>, Vec<String>) {
        let mut names = AlertNames::new();
        let (mut entries, mut comments) = (Vec::new(), Vec::new());
        for rule in rules {
            let name = names.of(&rule.name);
            match rule.promql(published) {
                Promql::Signal { breach, .. } => entries.push(self.alert(rule, name, breach)),
                Promql::None(reason) => {
                    comments.push(format!("{} is not here: {reason}", rule.name));
                }
            }
        }
        (entries, comments)
    }

    fn alert(&self, rule: &CheckedRule, name: String, expr: String) -> Entry {
        let mut labels = BTreeMap::from([
            ("rule", rule.name.to_string()),
            ("severity", rule.severity.as_str().to_owned()),
            ("signal", template::literal(rule.key.trim_end_matches('/'))),
        ]);
        let own = rule.labels();
        for label in ["endpoint", "method"] {
            labels.extend(
                own.get(label)
                    .map(|value| (label, template::literal(value))),
            );
        }
        let signal = template::literal(rule.signal.name());
        let threshold = rule.threshold;
        let summary = match rule.summary.as_str() {
            "" => rule.name.to_string(),
            summary => summary.to_owned(),
        };
        let mut annotations = BTreeMap::from([
            ("summary", template::literal(&summary)),
            (
                "description",
                format!("{signal} is {{{{ printf \"%.2f\" $value }}}} (threshold: {threshold:.2})"),
            ),
        ]);
        let runbook = rule.runbook.as_deref().map(template::literal);
        annotations.extend(runbook.map(|address| ("runbook_url", address)));
        // What is called has this label itself.
        let service = self
            .service
            .filter(|_| rule.signal.subject() != Some(SERVICE));
        self.complete(
            Entry {
                alert: Some(name),
                expr,
                pending: time(rule.pending_for),
                keep_firing_for: time(rule.keep_firing_for),
                labels,
                annotations,
                ..Entry::default()
            },
            service,
        )
    }

    /// An entry that stands for no rule of the application, with its page among the runbooks.
    pub(super) fn with_page(&self, mut entry: Entry, page: &str) -> Entry {
        let address = template::literal(&self.runbooks.page(page));
        entry.annotations.insert("runbook_url", address);
        self.complete(entry, self.service)
    }

    /// The entry with what all have.
    pub(super) fn complete(&self, mut entry: Entry, service: Option<&str>) -> Entry {
        let service = service.map(template::literal);
        entry.labels.extend(service.map(|name| (SERVICE, name)));
        let dashboard = self.dashboard.map(template::literal);
        entry
            .annotations
            .extend(dashboard.map(|address| ("dashboard", address)));
        entry
            .annotations
            .extend(self.release.clone().map(|release| ("release", release)));
        entry
    }
}

/// The versions that run, as a template asks for them.
fn release(build: &str) -> String {
    let query = template::string(&format!("count by (version) ({build})"));
    format!(
        "{{{{ range $index, $build := query {query} }}}}{{{{ if $index }}}}, {{{{ end }}}}{{{{ $build.Labels.version }}}}{{{{ end }}}}"
    )
}

/// A time with one unit. `None` if it is none.
pub(super) fn time(time: Duration) -> Option<String> {
    (!time.is_zero()).then(|| duration(time))
}
