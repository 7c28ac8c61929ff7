//! Shows which versions run, since when, and whether a release brought more errors.

use super::{
    board::Section,
    context::Context,
    judged,
    panel::Draft,
    query::{Query, percent, since},
};
use crate::metrics::catalog::Id;

pub(super) fn sections(context: &Context<'_>) -> Vec<Section> {
    vec![versions(context), releases(context)]
}

fn versions(context: &Context<'_>) -> Section {
    let catalog = context.catalog;
    let current = Draft::number("Current version", "short")
        .about("Which versions run, and in how many processes.")
        .query(catalog.of(Id::Build).by(0).now("count"));
    let history = Draft::table("Deployment history", "dateTimeAsIso")
        .about("When each version was deployed.")
        .query(catalog.of(Id::Deployed).by(0).now("max").map(millis));
    let builds = Draft::table("Builds", "short")
        .about("Versions, revisions and compilers of the processes that run, and how many there are of each.")
        .query(catalog.of(Id::Build).by(0).by(1).by(2).now("count"));
    let running = Draft::lines("Processes by version", "short")
        .about("How many processes run each version.")
        .query(catalog.of(Id::Build).by(0).now("count"));
    let uptime = Draft::lines("Uptime", "s")
        .about("How long each process has run.")
        .needs("`process_metrics()` and the feature `process`")
        .query(since(catalog.of(Id::ProcessStart).by_instance().now("max")));
    let service = Draft::table("Services", "short")
        .about("The service, the version and the environment of the processes.")
        .query(catalog.of(Id::Target).by(0).by(1).by(2).now("count"));
    Section {
        title: "Versions",
        panels: vec![current, history, running, uptime, builds, service],
    }
}

fn releases(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let requests = || catalog.requests();
    let failed = released(context, requests().only(2, "5..").by_target().rate());
    let all = released(context, requests().by_target().rate());
    let errors = Draft::lines("Error rate by release", "percent")
        .about("The share of requests with a status of 5xx, by the version that answers.")
        .query(percent(failed, all.clone()));
    let rate = Draft::lines("Requests by release", "reqps")
        .about("How many requests each version answers in a second.")
        .query(all);
    let mean = |suffix| {
        let of = catalog.of(Id::Duration).suffixed(suffix);
        released(context, of.by_target().rate())
    };
    let mean = mean("_sum").zip(mean("_count"));
    let mean = mean.map(|(sum, count)| count.map(|count| format!("{} / {count}", sum.expr)));
    let time = Draft::lines("Average response time by release", "s")
        .about("The mean time to the head of a response, by the version that answers. The lines are the bands.")
        .query(mean);
    let categories = Draft::table("Errors around the last deployment", "short")
        .about("How many requests failed in the last 30 minutes, by category and route: compare it with the table of the day before.")
        .query(catalog.of(Id::Errors).by(0).by(1).increase("30m"));
    let before = Draft::table("Errors of the last day", "short")
        .about("How many requests failed in the last 24 hours, by category and route.")
        .query(catalog.of(Id::Errors).by(0).by(1).increase("24h"));
    Section {
        title: "What a release brought",
        panels: vec![
            judged.mark(errors, judged::ERROR_RATE),
            rate,
            judged.mark_bands(time, judged::LATENCY),
            categories,
            before,
        ],
    }
}

/// The sum of a number of each process, by the version that the process has.
fn released(context: &Context<'_>, number: Option<Query>) -> Option<Query> {
    let build = context.catalog.of(Id::Build).by_target().by(0).now("max")?;
    number.map(|number| Query {
        expr: format!(
            "sum by (version) ({} * on (job, instance) group_left (version) {})",
            number.expr, build.expr
        ),
        legend: "{{version}}".to_owned(),
    })
}

/// Seconds as milliseconds.
fn millis(query: Query) -> Query {
    query.map(|query| format!("1000 * {query}"))
}
