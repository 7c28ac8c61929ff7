//! Lays panels out on a dashboard, and gives it what all dashboards of a service have.

use super::{
    model::{
        Annotation, Board, Choice, Chosen, Link, List, PROMETHEUS, Place, Placed, Row,
        SCHEMA_VERSION, Time, Variable,
    },
    panel::{Draft, SOURCE},
    query::Catalog,
};
use crate::metrics::catalog::Id;

/// The columns of the grid.
const COLUMNS: u32 = 24;

/// What all dashboards of this crate are tagged with.
const TAG: &str = "tower-vitals";

/// The longest part of an identifier that is made of the service. Grafana takes 40 characters in all.
const LONGEST: usize = 20;

/// Panels that belong together.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Draft>,
}

/// What tells a dashboard from others.
#[derive(Clone, Debug)]
pub(super) struct Head<'h> {
    /// As it stands in paths.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: String,
    pub(super) service: Option<&'h str>,
    /// The page of the service itself.
    pub(super) page: Option<&'h str>,
}

// === impl Head ===

impl Head<'_> {
    pub(super) fn board(&self, sections: Vec<Section>, catalog: Catalog<'_>) -> Board {
        let title = match self.service {
            Some(service) => format!("{service}: {}", self.title),
            None => self.title.to_owned(),
        };
        let tags = [TAG].into_iter().chain(self.service);
        Board {
            annotations: List {
                list: annotations(catalog),
            },
            description: self.description.clone(),
            editable: true,
            graph_tooltip: 1,
            links: self.links(),
            panels: placed(sections),
            refresh: "30s",
            schema_version: SCHEMA_VERSION,
            tags: tags.map(str::to_owned).collect(),
            templating: List {
                list: variables(catalog),
            },
            time: Time {
                from: "now-6h",
                to: "now",
            },
            timezone: "browser",
            title,
            uid: self.uid(),
        }
    }

    /// The same for each generation, and no other service has it.
    fn uid(&self) -> String {
        let Some(service) = self.service else {
            return format!("vitals-{}", self.name);
        };
        let fits = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit();
        let plain: String = service
            .chars()
            .map(|one| one.to_ascii_lowercase())
            .map(|one| if fits(one) { one } else { '-' })
            .collect();
        if plain == service && plain.len() <= LONGEST {
            return format!("vitals-{plain}-{}", self.name);
        }
        // What was cut or changed could be that of another service.
        let short: String = plain.chars().take(LONGEST - 9).collect();
        let sum = crc32fast::hash(service.as_bytes());
        format!("vitals-{short}-{sum:08x}-{}", self.name)
    }

    fn links(&self) -> Vec<Link> {
        let others = Link {
            as_dropdown: false,
            icon: "dashboard",
            include_vars: true,
            keep_time: true,
            tags: [TAG]
                .into_iter()
                .chain(self.service)
                .map(str::to_owned)
                .collect(),
            target_blank: false,
            title: "Dashboards of the service".to_owned(),
            tooltip: String::new(),
            kind: "dashboards",
            url: None,
        };
        let page = self.page.map(|page| Link {
            icon: "external link",
            include_vars: false,
            keep_time: false,
            tags: Vec::new(),
            target_blank: true,
            title: "Page of the service".to_owned(),
            kind: "link",
            url: Some(page.replace('$', "%24")),
            ..others.clone()
        });
        [others].into_iter().chain(page).collect()
    }
}

/// Marks when a version was deployed.
fn annotations(catalog: Catalog<'_>) -> Vec<Annotation> {
    let deployed = catalog.of(Id::Deployed).by(0).now("max");
    let mark = deployed.map(|deployed| Annotation {
        datasource: SOURCE,
        enable: true,
        expr: format!("1000 * {}", deployed.expr),
        hide: false,
        icon_color: "blue",
        name: "Deployments",
        tag_keys: "version".to_owned(),
        title_format: format!("Deployment of {}", deployed.legend),
        use_value_for_time: true,
    });
    mark.into_iter().collect()
}

/// What a viewer chooses: each choice is among what the choices before it leave.
fn variables(catalog: Catalog<'_>) -> Vec<Variable> {
    let source = Variable {
        all_value: None,
        current: None,
        datasource: None,
        description: "The Prometheus that scrapes the service",
        include_all: false,
        label: "Data source",
        multi: false,
        name: "datasource",
        query: Choice::Kind(PROMETHEUS),
        refresh: 1,
        sort: 0,
        kind: "datasource",
    };
    let published = catalog.published;
    let chosen = |name, label, description, family: Option<String>, of: &str| {
        family.map(|family| Variable {
            // Also what lacks the label.
            all_value: Some(".*"),
            current: Some(Chosen {
                selected: true,
                text: ["All"],
                value: ["$__all"],
            }),
            datasource: Some(SOURCE),
            description,
            include_all: true,
            label,
            multi: true,
            name,
            query: Choice::Query {
                query: format!("label_values({family}, {of})"),
                ref_id: name,
            },
            refresh: 2,
            sort: 1,
            kind: "query",
        })
    };
    let endpoints = published.choice(Id::Duration, "_count", 2);
    let endpoint = published
        .labels(Id::Duration)
        .get(1)
        .copied()
        .unwrap_or_default();
    let choices = [
        chosen(
            "job",
            "Job",
            "The job of Prometheus that scrapes the service",
            published.choice(Id::Started, "", 0),
            "job",
        ),
        chosen(
            "instance",
            "Instance",
            "The processes of the service",
            published.choice(Id::Started, "", 1),
            "instance",
        ),
        chosen(
            "endpoint",
            "Endpoint",
            "The routes of the service",
            endpoints,
            endpoint,
        ),
    ];
    [source]
        .into_iter()
        .chain(choices.into_iter().flatten())
        .collect()
}

/// Numbers the panels, and gives each its place: from left to right, then below.
fn placed(sections: Vec<Section>) -> Vec<Placed> {
    let (mut panels, mut id, mut top) = (Vec::new(), 0, 0);
    for section in sections {
        let drafts: Vec<_> = section
            .panels
            .into_iter()
            .filter(|one| !one.is_empty())
            .collect();
        if drafts.is_empty() {
            continue;
        }
        id += 1;
        panels.push(Placed::Row(Row {
            collapsed: false,
            grid_pos: Place {
                h: 1,
                w: COLUMNS,
                x: 0,
                y: top,
            },
            id,
            panels: [],
            title: section.title,
            kind: "row",
        }));
        top += 1;
        let (mut left, mut highest) = (0, 0);
        for draft in drafts {
            let (w, h) = draft.size();
            if left + w > COLUMNS {
                top += highest;
                (left, highest) = (0, 0);
            }
            id += 1;
            let place = Place {
                h,
                w,
                x: left,
                y: top,
            };
            panels.push(Placed::Panel(Box::new(draft.placed(id, place))));
            left += w;
            highest = highest.max(h);
        }
        top += highest;
    }
    panels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(service: Option<&str>) -> String {
        let head = Head {
            name: "deployments",
            title: "Deployments",
            description: String::new(),
            service,
            page: None,
        };
        head.uid()
    }

    #[test]
    fn an_identifier_is_short_and_no_two_services_share_one() {
        assert_eq!(uid(None), "vitals-deployments");
        assert_eq!(uid(Some("shop-2")), "vitals-shop-2-deployments");
        let services = [
            "Shop",
            "shop",
            "s\u{fc}\u{df} shop",
            "s-- shop",
            &"a".repeat(20),
            &"a".repeat(21),
            &"a".repeat(22),
            "",
        ];
        let mut all: Vec<_> = services.iter().map(|service| uid(Some(service))).collect();
        for uid in &all {
            assert!(uid.len() <= 40, "{uid}");
            let fits = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-';
            assert!(uid.chars().all(fits), "{uid}");
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), services.len());
    }
}
