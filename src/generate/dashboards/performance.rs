//! Shows how long everything takes: responses, queries, functions, calls of other services.

use std::time::Duration;

use super::{
    board::Section,
    context::Context,
    judged,
    panel::Draft,
    query::{Query, failed_outcomes, percent},
    system::share_of_pool,
};
use crate::{
    alerts::{Kind, Published},
    metrics::catalog::Id,
};

/// A query that takes longer is slow.
const SLOW_QUERY: Duration = Duration::from_secs(1);

const POSTGRES: &str = "a PostgreSQL that is watched";
const SIZES: &str = "`body_sizes()`";

pub(super) fn sections(context: &Context<'_>) -> Vec<Section> {
    vec![
        responses(context),
        endpoints(context),
        Section {
            title: "What rules judge at one endpoint",
            panels: context.of_endpoints(|rule| {
                matches!(
                    rule.signal.kind,
                    Kind::Latency(_) | Kind::RequestsPerSecond | Kind::InFlight
                )
            }),
        },
        database(context),
        calls(context),
        protocols(context),
    ]
}

fn responses(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let duration = |name| catalog.of(Id::Duration).named(name);
    let latency = Draft::lines("Latency percentiles (p50, p95, p99)", "s")
        .about("Half, 95 % and 99 % of the responses begin within this time. The lines are the bands slow, warning and critical.")
        .query(duration("p50").quantile(50))
        .query(duration("p95").quantile(95))
        .query(duration("p99").quantile(99));
    let judged_latency = Draft::lines("Latency that rules judge (p95)", "s")
        .about(
            "95 % of the responses begin within this time. The lines are the thresholds of rules.",
        )
        .query(duration("p95").quantile(95));
    let severities = Draft::lines("Requests by severity", "reqps")
        .about("How many requests are in each band of time. A failure of the server is critical, however fast it is.")
        .query(catalog.of(Id::Severities).by(0).rate());
    let rate = Draft::lines("Requests by endpoint", "reqps")
        .about("How many requests of each route end in a second.")
        .query(catalog.requests().by(1).rate());
    Section {
        title: "Response times",
        panels: vec![
            judged.mark_bands(latency, judged::LATENCY),
            judged.mark(judged_latency, judged::P95),
            severities,
            judged.link(rate, judged::REQUESTS),
        ],
    }
}

fn endpoints(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let by_endpoint = || catalog.of(Id::Duration).by(0).by(1);
    let mean = Draft::lines("Average response time by endpoint", "s")
        .about("The mean time to the head of a response, by method and route.")
        .query(by_endpoint().mean());
    let p95 = Draft::lines("Slowest endpoints (p95)", "s")
        .about(
            "The ten methods and routes whose slowest 5 % take longest. The lines are the bands.",
        )
        .query(by_endpoint().quantile(95).map(top));
    let slow = Draft::table("Slow endpoint alerts", "short")
        .about("How many requests of each route were in the bands warning and critical, in the range that is shown. A failure of the server is critical.")
        .query(catalog.of(Id::SeveritiesByRoute).only(1, "warning|critical").by(0).by(1).increase("$__range"));
    let streams = Draft::lines("Streamed responses (p95)", "s")
        .about("95 % of the streamed responses of each route end within this time.")
        .query(catalog.of(Id::Streams).by(1).quantile(95));
    let size = |id, title, about| {
        Draft::lines(title, "bytes")
            .about(about)
            .needs(SIZES)
            .query(catalog.of(id).by(1).quantile(95))
    };
    Section {
        title: "Endpoints",
        panels: vec![
            mean,
            judged.mark_bands(p95, judged::LATENCY),
            slow,
            streams,
            size(
                Id::RequestBytes,
                "Size of requests (p95)",
                "95 % of the bodies of the requests of each route are at most this large.",
            ),
            size(
                Id::ResponseBytes,
                "Size of responses (p95)",
                "95 % of the bodies of the responses of each route are at most this large.",
            ),
        ],
    }
}

fn database(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let query = |name| catalog.of(Id::QueryDuration).named(name);
    let duration = Draft::lines("Query duration (p50, p95, p99)", "s")
        .about("Half, 95 % and 99 % of the queries of databases take at most this long.")
        .query(query("p50").quantile(50))
        .query(query("p95").quantile(95))
        .query(query("p99").quantile(99));
    let slowest = Draft::lines("Slowest queries (p95)", "s")
        .about("The ten operations and tables whose slowest 5 % take longest.")
        .query(query("").by(0).by(1).quantile(95).map(top));
    let usage = Draft::lines("Connection pool usage", "percent")
        .about("How much of each pool of connections is in use, in the fullest process.")
        .needs("a pool that is watched")
        .query(share_of_pool(context));
    let pool = |id, name| catalog.of(id).by(0).named(name).now("sum");
    let connections = Draft::lines("Database connections", "short")
        .about("Connections of each pool, over all processes.")
        .needs("a pool that is watched")
        .query(pool(Id::PoolInUse, "in use"))
        .query(pool(Id::PoolIdle, "idle"))
        .query(pool(Id::PoolSize, "open"))
        .query(pool(Id::PoolMax, "limit"));
    let size = Draft::lines("Database size", "bytes")
        .about("Bytes of each database on its disk.")
        .needs(POSTGRES)
        .query(catalog.of(Id::PostgresSize).by(0).now("max"));
    let server = Draft::lines("Connections to PostgreSQL", "short")
        .about("Connections of all clients to each database, and how many its server takes.")
        .needs(POSTGRES)
        .query(
            catalog
                .of(Id::PostgresConnections)
                .by(0)
                .named("connections")
                .now("max"),
        )
        .query(catalog.of(Id::PostgresMax).by(0).named("limit").now("max"));
    Section {
        title: "Database",
        panels: vec![
            judged.mark(duration, judged::QUERY_LATENCY),
            slowest,
            judged.link(slow_queries(context), judged::SLOW_QUERIES),
            judged.mark(usage, judged::POOL),
            connections,
            size,
            server,
        ],
    }
}

/// What takes longer than a second, or than the next edge of the buckets.
fn slow_queries(context: &Context<'_>) -> Draft {
    let Context {
        catalog, judged, ..
    } = *context;
    let edge = judged.edge_from(SLOW_QUERY).unwrap_or(SLOW_QUERY);
    let upto = catalog
        .of(Id::QueryDuration)
        .only(Published::EDGE, Published::upto(edge));
    let all = catalog.count(Id::QueryDuration).by(1).increase("5m");
    let slow = upto.selector("_bucket").zip(all).map(|(bucket, all)| {
        let table = catalog.published.labels(Id::QueryDuration);
        let table = table.get(1).copied().unwrap_or_default();
        all.map(|all| format!("{all} - sum by ({table}) (increase({bucket}[5m]))"))
    });
    Draft::lines(
        format!("Slow queries (over {} s)", edge.as_secs_f64()),
        "short",
    )
    .about("How many queries of each table took longer, in 5 minutes.")
    .query(slow)
}

fn calls(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let functions = Draft::lines("Monitored functions (p95)", "s")
        .about("95 % of the calls of each function take at most this long.")
        .query(catalog.of(Id::OperationDuration).by(0).quantile(95));
    let time = Draft::lines("Calls of other services (p95)", "s")
        .about("95 % of the calls of each service take at most this long.")
        .query(catalog.of(Id::OutboundDuration).by(0).quantile(95));
    let rate = Draft::lines("Calls of other services", "ops")
        .about("How many calls of each service end in a second.")
        .query(catalog.of(Id::OutboundCalls).by(0).rate());
    let by_service = || catalog.of(Id::OutboundCalls).by(0);
    let failed = Draft::lines("Failed calls of other services", "percent")
        .about("The share of calls of each service that fail.")
        .query(percent(
            by_service().only(1, failed_outcomes()).rate(),
            by_service().rate(),
        ));
    Section {
        title: "Functions and other services",
        panels: vec![functions, time, rate, judged.mark(failed, judged::OUTBOUND)],
    }
}

fn protocols(context: &Context<'_>) -> Section {
    let catalog = context.catalog;
    let calls = Draft::lines("gRPC calls by status", "reqps")
        .about("How many calls end in a second, by status.")
        .needs("a gRPC service")
        .query(catalog.of(Id::GrpcHandled).by(3).rate());
    let time = Draft::lines("gRPC calls (p95)", "s")
        .about("95 % of the calls of each method end within this time.")
        .needs("a gRPC service")
        .query(catalog.of(Id::GrpcDuration).by(1).by(2).quantile(95));
    let sessions = Draft::lines("WebSocket sessions (p95)", "s")
        .about("95 % of the sessions of each route end within this time.")
        .needs("WebSockets")
        .query(catalog.of(Id::SessionDuration).by(0).quantile(95));
    Section {
        title: "gRPC and WebSockets",
        panels: vec![calls, time, sessions],
    }
}

/// The ten largest.
fn top(query: Query) -> Query {
    query.map(|query| format!("topk(10, {query})"))
}
