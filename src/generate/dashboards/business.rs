//! Shows what the application records itself: orders, payments, messages, tenants.

use super::{
    as_is,
    board::Section,
    context::Context,
    metric::OwnMetric,
    panel::Draft,
    query::{Query, grouped, legend},
};
use crate::{
    alerts::{Kind as SignalKind, Published},
    metrics::samples::Kind,
};

/// The range of rates.
const RATE: &str = "$__rate_interval";

/// The most labels of a legend: the first ones in the order of their names.
const MOST_LABELS: usize = 2;

/// The most metrics of the application that have a panel: the first ones in the order of their names. Nobody looks at more, and a
/// browser cannot show them.
pub(super) const MOST: usize = 200;

/// The labels that tell tenants apart.
const TENANT: [&str; 2] = ["tenant_id", "tenant"];

pub(super) fn sections(context: &Context<'_>) -> Vec<Section> {
    let is_order = |metric: &&OwnMetric| {
        let name = &metric.0.name;
        name.starts_with("order") || name.starts_with("payment")
    };
    let (orders, others): (Vec<_>, Vec<_>) = context.own.iter().take(MOST).partition(is_order);
    vec![
        day(context),
        Section {
            title: "Order Monitoring",
            panels: orders
                .into_iter()
                .map(|metric| panel(metric, "24h"))
                .collect(),
        },
        Section {
            title: "What rules judge of the application's metrics",
            panels: context.of_rules(|rule| matches!(rule.signal.kind, SignalKind::Own(_))),
        },
        Section {
            title: "What the application records",
            panels: others
                .into_iter()
                .map(|metric| panel(metric, RATE))
                .collect(),
        },
    ]
}

/// The numbers of the last day. Those of the application are there if it records them.
fn day(context: &Context<'_>) -> Section {
    let counters = || {
        context
            .own
            .iter()
            .filter(|metric| metric.0.kind == Kind::Counter)
    };
    let sum = |title, metric: &OwnMetric| {
        Draft::number(title, metric.unit())
            .about(&told(metric))
            .about("In the last 24 hours.")
            .query(Some(Query::of(increase(metric, &[], "24h"), "")))
    };
    let named = |title, names: [&str; 2]| {
        let found = counters().find(|metric| names.contains(&metric.0.name.as_str()));
        found.map(|metric| sum(title, metric))
    };
    let revenue = counters().find(|metric| metric.0.name.contains("revenue"));
    let served = context.catalog.requests();
    let requests = Draft::number("Requests (24h)", "short")
        .about("How many requests ended in the last 24 hours.")
        .query(served.clone().named("requests").increase("24h"));
    let activity = Draft::lines("User activity", "reqps")
        .about("How many requests of each method end in a second without an error of the server.")
        .query(served.only(2, "[1-4]..").by(0).rate());
    let panels = [
        tenants(context),
        named(
            "Messages sent (24h)",
            ["messages_sent", "messages_sent_total"],
        ),
        named(
            "Orders created (24h)",
            ["orders_created_total", "orders_created"],
        ),
        revenue.map(|metric| sum("Revenue (24h)", metric)),
        Some(requests),
        Some(activity),
    ];
    Section {
        title: "The last 24 hours",
        panels: panels.into_iter().flatten().collect(),
    }
}

/// How many tenants there are: as the application counts them, or those for which a counter grew.
fn tenants(context: &Context<'_>) -> Option<Draft> {
    let draft = Draft::number("Active tenants", "short");
    let gauge =
        |metric: &&OwnMetric| metric.0.name == "active_tenants" && metric.0.kind == Kind::Gauge;
    if let Some(metric) = context.own.iter().find(gauge) {
        let all = Published::viewed_of_application(&metric.0.name);
        let draft = draft.about(&told(metric));
        return Some(draft.query(Some(Query::of(format!("sum({all})"), "tenants"))));
    }
    let label = |metric: &OwnMetric| {
        let known = TENANT.into_iter();
        known
            .filter(|label| metric.0.labels.contains(*label))
            .find(|_| metric.0.kind == Kind::Counter)
    };
    let first = context.own.iter().find_map(label)?;
    let active = context
        .own
        .iter()
        .filter(|metric| label(metric) == Some(first));
    let active =
        active.map(|metric| format!("({} > 0)", increase(metric, &[first.to_owned()], "24h")));
    let active = active.collect::<Vec<_>>().join(" or ");
    let query = Query::of(format!("count({active})"), "tenants");
    let draft =
        draft.about("Tenants for which a counter of the application grew in the last 24 hours.");
    Some(draft.query(Some(query)))
}

/// The panel of one metric. Counters are shown over a stretch of time.
fn panel(metric: &OwnMetric, range: &str) -> Draft {
    let by = labels(metric);
    let (unit, name) = (metric.unit(), &metric.0.name);
    let title = title(name);
    let selector = Published::viewed_of_application(name);
    match metric.0.kind {
        Kind::Counter if range == RATE => {
            let unit = match unit {
                "bytes" => "Bps",
                "short" => "cps",
                unit => unit,
            };
            let rate = grouped("sum", &by, &format!("rate({selector}[{range}])"));
            let draft = Draft::lines(title, unit)
                .about(&told(metric))
                .about("In a second.");
            draft.query(Some(query(rate, &by, name)))
        }
        Kind::Counter => {
            let draft = Draft::lines(title, unit)
                .about(&told(metric))
                .about("In the 24 hours before.");
            draft.query(Some(query(increase(metric, &by, range), &by, name)))
        }
        Kind::Gauge => {
            let draft = Draft::lines(title, unit).about(&told(metric));
            draft.query(Some(query(grouped("sum", &by, &selector), &by, name)))
        }
        Kind::Histogram => {
            let bucket = Published::viewed_of_application(&format!("{name}_bucket"));
            let edges: Vec<_> = ["le".to_owned()]
                .into_iter()
                .chain(by.iter().cloned())
                .collect();
            let buckets = grouped("sum", &edges, &format!("rate({bucket}[{RATE}])"));
            let quantile = |percent: u8, name| {
                let share = f64::from(percent) / 100.0;
                Some(query(
                    format!("histogram_quantile({share}, {buckets})"),
                    &by,
                    name,
                ))
            };
            let draft = Draft::lines(title, unit).about(&told(metric));
            let draft = draft.about("Half and 95 % of the values are at most this large.");
            draft.query(quantile(50, "p50")).query(quantile(95, "p95"))
        }
    }
}

/// Of an application, a query is called by its labels, or by its name if it has none.
fn query(expr: String, by: &[String], name: &str) -> Query {
    let is_quantile = name == "p50" || name == "p95";
    let name = if by.is_empty() || is_quantile {
        name
    } else {
        ""
    };
    Query {
        expr,
        legend: legend(by, name),
    }
}

fn increase(metric: &OwnMetric, by: &[String], range: &str) -> String {
    let selector = Published::viewed_of_application(&metric.0.name);
    grouped("sum", by, &format!("increase({selector}[{range}])"))
}

/// The labels that a legend has. An id has too many values for a picture.
fn labels(metric: &OwnMetric) -> Vec<String> {
    let labels = metric.0.labels.iter().map(String::as_str);
    let few = labels.filter(|label| !label.ends_with("_id") && !TENANT.contains(label));
    few.take(MOST_LABELS)
        .map(|label| Published::scraped(label).to_owned())
        .collect()
}

/// What a metric tells, in a sentence.
fn told(metric: &OwnMetric) -> String {
    let name = &metric.0.name;
    let help = as_is::text(metric.0.help.trim());
    match help.as_str() {
        "" => format!("What the application records as `{name}`."),
        help if help.ends_with('.') => format!("{help} (`{name}`)"),
        help => format!("{help}. (`{name}`)"),
    }
}

/// The name as a title: `Orders Created` of `orders_created_total`.
fn title(name: &str) -> String {
    let base = name.strip_suffix("_total").unwrap_or(name);
    let words = base.split(['_', ':']).filter(|word| !word.is_empty());
    let words = words.map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    match words.collect::<Vec<_>>().join(" ") {
        title if title.is_empty() => name.to_owned(),
        title => title,
    }
}
