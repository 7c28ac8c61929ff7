//! Writes dashboards for Grafana, over the names of the catalog and those that the application records.

mod as_is;
mod board;
mod business;
mod context;
mod deployments;
mod errors;
mod exporters;
mod judged;
mod machine;
mod metric;
mod model;
mod panel;
mod performance;
mod query;
mod system;

pub use self::metric::OwnMetric;
use self::{
    board::{Head, Section},
    context::Context,
    judged::Judged,
    query::Catalog,
};
use crate::{
    alerts::{CheckedRule, Published},
    metrics::{Metrics, Settings},
    provisioning::DASHBOARDS,
};

/// A dashboard for Grafana 11 and later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    name: &'static str,
    json: String,
}

/// What dashboards are generated from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'g> {
    pub(super) rules: &'g [CheckedRule],
    pub(super) metrics: &'g Settings,
    pub(super) published: Published<'g>,
    pub(super) own: &'g [OwnMetric],
    pub(super) service: Option<&'g str>,
    pub(super) page: Option<&'g str>,
}

/// Titles and descriptions, in the order of their names.
const HEADS: [(&str, &str); 5] = [
    (
        "System",
        "How the service is: traffic, what it depends on, its machine, and its background work.",
    ),
    (
        "Business",
        "What the application records itself: orders, payments, messages, tenants.",
    ),
    (
        "Performance",
        "How long everything takes: responses, queries, functions, calls of other services.",
    ),
    (
        "Errors",
        "What fails, which alerts fire, and which reports were lost.",
    ),
    (
        "Deployments",
        "Which versions run, since when, and what each release brought.",
    ),
];

// === impl Dashboard ===

impl Dashboard {
    /// `system`, `business`, `performance`, `errors` or `deployments`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What Grafana reads as a file.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The JSON without a copy.
    #[must_use]
    pub fn into_json(self) -> String {
        self.json
    }
}

// === impl Sources ===

impl Sources<'_> {
    /// All dashboards, in the order of their names.
    pub(super) fn dashboards(&self) -> Vec<Dashboard> {
        let Self {
            rules,
            metrics,
            published,
            own,
            service,
            page,
        } = *self;
        let context = Context {
            catalog: Catalog {
                published,
                names: metrics.names,
            },
            judged: Judged { rules, metrics },
            own,
        };
        let sections: [fn(&Context<'_>) -> Vec<Section>; 5] = [
            system::sections,
            business::sections,
            performance::sections,
            errors::sections,
            deployments::sections,
        ];
        let heads = DASHBOARDS.into_iter().zip(HEADS);
        let all = heads
            .zip(sections)
            .map(|((name, (title, description)), sections)| {
                let head = Head {
                    name,
                    title,
                    description: match (name, own.len().saturating_sub(business::MOST)) {
                        ("business", more @ 1..) => {
                            format!("{description} There is no room for {more} more metrics.")
                        }
                        _ => description.to_owned(),
                    },
                    service,
                    page,
                };
                let board = head.board(sections(&context), context.catalog);
                // Nothing here is of a kind that JSON lacks.
                let json =
                    serde_json::to_string_pretty(&board).unwrap_or_else(|error| error.to_string());
                Dashboard {
                    name,
                    json: format!("{json}\n"),
                }
            });
        all.collect()
    }
}

/// What the application has recorded until now.
pub(super) fn recorded(metrics: &Metrics) -> impl Iterator<Item = OwnMetric> {
    metrics.recorded().into_iter().map(OwnMetric)
}

#[cfg(test)]
mod tests;
