//! Writes selectors for dashboards, whose viewers choose targets and endpoints.

use std::time::Duration;

use super::{
    published::{Published, edge},
    selector::{Selector, as_scraped, literal},
};
use crate::metrics::catalog::Id;

/// The labels that Prometheus gives to a target, and the variables of a dashboard that stand for what a viewer chose.
const TARGET: [(&str, &str); 2] = [("job", "$job"), ("instance", "$instance")];

/// How the presets of names call the label with the route.
const ENDPOINT: [&str; 2] = ["endpoint", "http_route"];

// === impl Published ===

impl Published<'_> {
    /// The series of a family that the viewer of a dashboard chose, and whose labels at these places fit the regular expressions.
    /// `suffix` is that of a sample of a histogram. `None` if the preset of names has no such family.
    pub(crate) fn viewed(&self, id: Id, suffix: &str, only: &[(usize, &str)]) -> Option<String> {
        let family = self.family(id).ok()?;
        let mut selector = Selector::new(format!("{}{suffix}", family.name()));
        for (name, value) in family.constant() {
            selector = selector.with_on_dashboard(name, value);
        }
        for (place, expression) in only {
            selector = match *place {
                // The edge of a bucket is no label of the catalog.
                Self::EDGE => selector.matching("le", expression),
                place => selector.matching(family.label(place), expression),
            };
        }
        for (name, chosen) in TARGET {
            selector = selector.of_target(name, chosen);
        }
        let endpoint = family.labels().iter().find(|one| ENDPOINT.contains(one));
        Some(match endpoint {
            Some(label) => selector.matching(label, "$endpoint").to_string(),
            None => selector.to_string(),
        })
    }

    /// The names that the labels of a family have in Prometheus, in the order of the catalog.
    pub(crate) fn labels(&self, id: Id) -> Vec<&'static str> {
        let family = self.family(id);
        let labels = family.map_or(&[][..], |family| family.labels());
        labels.iter().map(|label| as_scraped(label)).collect()
    }

    /// The series of all processes that have this metric, for the values from which a viewer chooses. `chosen` are how many of the
    /// choices are made before.
    pub(crate) fn choice(&self, id: Id, suffix: &str, chosen: usize) -> Option<String> {
        let family = self.family(id).ok()?;
        let mut selector = Selector::new(format!("{}{suffix}", family.name()));
        for (name, value) in family.constant() {
            selector = selector.with_on_dashboard(name, value);
        }
        for (name, chosen) in TARGET.into_iter().take(chosen) {
            selector = selector.of_target(name, chosen);
        }
        Some(selector.to_string())
    }
}

impl Published<'_> {
    /// The place of the label `le` of a bucket, which the catalog does not name.
    pub(crate) const EDGE: usize = usize::MAX;

    /// A metric of the application that the viewer of a dashboard chose. It has no prefix and no constant labels.
    pub(crate) fn viewed_of_application(name: &str) -> String {
        let mut selector = Selector::new(name);
        for (name, chosen) in TARGET {
            selector = selector.of_target(name, chosen);
        }
        selector.to_string()
    }

    /// The name that a label of the application has in Prometheus.
    pub(crate) fn scraped(label: &str) -> &str {
        as_scraped(label)
    }

    /// A regular expression for the label `le` of the bucket up to this edge.
    pub(crate) fn upto(upto: Duration) -> String {
        let spellings = edge(upto);
        let spellings: Vec<_> = spellings.iter().map(|one| literal(one)).collect();
        spellings.join("|")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Names, Settings};

    fn published(settings: &Settings) -> Published<'_> {
        Published::new(settings.names, &settings.naming, Duration::from_secs(10))
    }

    #[test]
    fn a_viewer_chooses_the_target_and_the_endpoint() {
        let settings = Settings::new().prefix("shop_");
        let viewed = |id, suffix, only: &[(usize, &str)]| {
            published(&settings).viewed(id, suffix, only).unwrap()
        };
        assert_eq!(
            viewed(Id::Requests, "", &[(2, "5..")]),
            r#"shop_http_requests_total{status=~"5..",job=~"$job",instance=~"$instance",endpoint=~"$endpoint"}"#
        );
        // The label of the family is not the one of the target.
        assert_eq!(
            viewed(Id::JobRuns, "", &[(0, "rollup")]),
            r#"shop_job_runs_total{exported_job=~"rollup",job=~"$job",instance=~"$instance"}"#
        );
        let otel = Settings::new().names(Names::OpenTelemetry);
        let viewed = published(&otel).viewed(Id::Errors, "", &[]).unwrap();
        assert!(viewed.ends_with(r#"http_route=~"$endpoint"}"#), "{viewed}");
        assert_eq!(published(&otel).viewed(Id::Requests, "", &[]), None);
    }

    #[test]
    fn a_constant_label_is_no_variable_of_a_dashboard() {
        let settings = Settings::new()
            .label("a", "$job [[b]]")
            .label("plain", "eu-1");
        let viewed = published(&settings).viewed(Id::Started, "", &[]).unwrap();
        assert!(
            viewed.starts_with(
                r#"http_requests_started_total{a=~"[$]job \\[\\[b\\]\\]",plain="eu-1",job=~"$job","#
            ),
            "{viewed}"
        );
        let choice = |chosen| {
            published(&settings)
                .choice(Id::Started, "", chosen)
                .unwrap()
        };
        assert!(!choice(0).contains("$job\""), "{}", choice(0));
        assert!(choice(1).ends_with(r#",job=~"$job"}"#), "{}", choice(1));
    }
}
