//! Shows how a service is: its traffic, what it depends on, its machine, and its background work.

use super::{
    board::Section,
    context::Context,
    exporters::{CELERY, CELERY_WORKER_UP},
    judged, machine,
    metric::OwnMetric,
    panel::Draft,
    query::{Query, failed_outcomes, percent, since},
};
use crate::{
    alerts::Published,
    metrics::{catalog::Id, samples::Kind},
};

/// The metric of the application with the workers that it knows.
const ACTIVE_WORKERS: &str = "active_workers";

const REDIS: &str = "a Redis that is watched (`redis_info` of the operations)";

pub(super) fn sections(context: &Context<'_>) -> Vec<Section> {
    vec![
        traffic(context),
        dependencies(context),
        machine::infrastructure(context),
        machine::runtime(context),
        redis(context),
        background(context),
    ]
}

fn traffic(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let requests = || catalog.requests();
    let failed = || requests().only(2, "5..");
    let rate = Draft::lines("Request rate and 5xx errors", "reqps")
        .about("How many requests end in a second, and how many of them with a status of 5xx.")
        .query(requests().named("requests").rate())
        .query(failed().named("5xx").rate());
    let latency = Draft::lines("Response time (p50, p95, p99)", "s")
        .about("Half, 95 % and 99 % of the responses begin within this time. The lines are the bands slow, warning and critical.")
        .query(catalog.of(Id::Duration).named("p50").quantile(50))
        .query(catalog.of(Id::Duration).named("p95").quantile(95))
        .query(catalog.of(Id::Duration).named("p99").quantile(99));
    let errors = Draft::lines("Error rate", "percent")
        .about("The share of requests with a status of 5xx. Without requests there is none.")
        .query(percent(
            failed().rate(),
            requests().named("error rate").rate(),
        ));
    let active = Draft::lines("Active connections", "short")
        .about("Requests that began and have not ended, and open WebSocket sessions, if there ever was one.")
        .query(catalog.of(Id::InFlight).named("requests in flight").now("sum"))
        .query(catalog.of(Id::Sessions).named("WebSocket sessions").now("sum"));
    Section {
        title: "Traffic",
        panels: vec![
            judged.mark(rate, judged::REQUESTS),
            judged.mark_bands(latency, judged::LATENCY),
            judged.mark(errors, judged::ERROR_RATE),
            judged.mark(active, judged::IN_FLIGHT),
        ],
    }
}

fn dependencies(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let checks = Draft::number("Health checks", "short")
        .about("How each check finds what it asks, the worst of all processes: databases, caches, other services.")
        .word("0", "unhealthy", "red")
        .word("0.5", "degraded", "orange")
        .word("1", "healthy", "green")
        .query(catalog.of(Id::HealthStatus).by(0).now("min"));
    let latency = Draft::lines("Time of health checks (p95)", "s")
        .about("95 % of the answers of each check take at most this long.")
        .query(catalog.of(Id::HealthDuration).by(0).quantile(95));
    let age = Draft::lines("Time since a check was well", "s")
        .about("How long ago each check last found its dependency well.")
        .query(since(catalog.of(Id::HealthLastSuccess).by(0).now("min")));
    let certificates = Draft::lines("Certificates: time until they expire", "s")
        .about("How long the certificate of each host is still valid.")
        .needs("a check of a certificate")
        .query(until(catalog.of(Id::CertificateExpiry).by(0).now("min")));
    let open = Draft::lines("Open circuits", "short")
        .about("Circuit breakers that are open: what is behind them is not called.")
        .query(catalog.of(Id::CircuitsOpen).named("open").now("sum"));
    let pools = Draft::lines("Connection pool usage", "percent")
        .about("How much of each pool of connections is in use, in the fullest process.")
        .needs("a pool that is watched")
        .query(share_of_pool(context));
    Section {
        title: "What the service depends on",
        panels: vec![
            judged.link(checks, judged::CHECKS),
            latency,
            age,
            judged.link(certificates, judged::CERTIFICATE),
            judged.mark(open, judged::CIRCUITS),
            judged.mark(pools, judged::POOL),
        ],
    }
}

/// How much of each pool is used, of the fullest process.
pub(super) fn share_of_pool(context: &Context<'_>) -> Option<Query> {
    let catalog = context.catalog;
    let [used, most] = [Id::PoolInUse, Id::PoolMax].map(|id| catalog.of(id));
    let (used, most) = (used.selector("")?, most.selector("")?);
    let label = catalog.published.labels(Id::PoolInUse);
    let by = label.first()?;
    let expr = format!("max by ({by}) (100 * {used} / {most})");
    Some(Query::of(expr, &format!("{{{{{by}}}}}")))
}

fn redis(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let clients = Draft::lines("Redis: clients", "short")
        .about("Clients that are connected.")
        .needs(REDIS)
        .query(catalog.of(Id::RedisClients).by(0).now("max"));
    let bytes = Draft::lines("Redis: memory", "bytes")
        .about("Memory that Redis uses, and how much it may use, if it has a limit.")
        .needs(REDIS)
        .query(
            catalog
                .of(Id::RedisMemoryUsed)
                .by(0)
                .named("used")
                .now("max"),
        )
        .query(
            catalog
                .of(Id::RedisMemoryMax)
                .by(0)
                .named("limit")
                .now("max"),
        );
    let hits = Draft::lines("Redis: hit rate", "percent")
        .about("The share of lookups that find their key.")
        .needs(REDIS)
        .query(
            catalog
                .of(Id::RedisHitRatio)
                .by(0)
                .now("min")
                .map(hundredfold),
        );
    let evicted = Draft::lines("Redis: evicted keys", "cps")
        .about("Keys that Redis gives up for memory in a second.")
        .needs(REDIS)
        .query(catalog.of(Id::RedisEvicted).by(0).rate());
    Section {
        title: "Redis",
        panels: vec![
            judged.link(bytes, judged::REDIS),
            judged.mark(hits, judged::CACHE_HITS),
            clients,
            evicted,
        ],
    }
}

fn background(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let queue = Draft::lines("Queue length by queue", "short")
        .about("Jobs that wait.")
        .needs("a queue that is watched")
        .query(catalog.of(Id::JobQueueLength).by(0).now("max"));
    let time = Draft::lines("Task processing time (p95)", "s")
        .about("95 % of the runs of each job take at most this long.")
        .needs("jobs")
        .query(catalog.of(Id::JobDuration).by(0).quantile(95));
    let failed = Draft::lines("Failed tasks", "short")
        .about("Runs of each job that failed, in the last hour. A run that was cancelled is none.")
        .needs("jobs")
        .query(
            catalog
                .of(Id::JobRuns)
                .only(1, failed_outcomes())
                .by(0)
                .by(1)
                .increase("1h"),
        );
    let age = Draft::lines("Time since a job succeeded", "s")
        .about("How long ago each job last succeeded.")
        .needs("jobs")
        .query(since(catalog.of(Id::JobLastSuccess).by(0).now("max")));
    Section {
        title: "Background work",
        panels: vec![
            judged.mark(queue, judged::QUEUE),
            time,
            judged.link(failed, judged::JOB_FAILURES),
            workers(context),
            judged.mark(age, judged::JOB_AGE),
        ],
    }
}

/// How many workers there are. The crate does not know it: the application does, or an exporter of Celery.
fn workers(context: &Context<'_>) -> Draft {
    let draft = Draft::lines("Active workers", "short");
    let is_known =
        |metric: &OwnMetric| metric.0.name == ACTIVE_WORKERS && metric.0.kind == Kind::Gauge;
    if context.own.iter().any(is_known) {
        let workers = Published::viewed_of_application(ACTIVE_WORKERS);
        return draft
            .about("Workers that the application counts in its gauge `active_workers`.")
            .query(Some(Query::of(format!("sum({workers})"), "workers")));
    }
    let source = format!("the gauge `{ACTIVE_WORKERS}` of the application, or {CELERY}");
    draft
        .about("Workers that answer. The numbers are those of another program, an exporter of Celery, since nothing here counts workers.")
        .needs(&source)
        .query(Some(Query::of(format!("sum({CELERY_WORKER_UP})"), "workers")))
}

/// How long it is until then.
fn until(query: Option<Query>) -> Option<Query> {
    query.map(|query| query.map(|at| format!("{at} - time()")))
}

fn hundredfold(query: Query) -> Query {
    query.map(|share| format!("100 * {share}"))
}
