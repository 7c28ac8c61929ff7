//! Shows how a service is: its traffic, what it depends on, its machine, and its background work.

use super::{
    board::Section,
    context::Context,
    exporters::{CELERY, CELERY_WORKER_UP},
    judged,
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

/// What must be on so that there are numbers of the process.
const PROCESS: &str = "`process_metrics()` and the feature `process`";
const HOST: &str = "`process_metrics()` and the feature `host`, on Linux";
const REDIS: &str = "a Redis that is watched (`redis_health` of the operations)";

pub(super) fn sections(context: &Context<'_>) -> Vec<Section> {
    vec![
        traffic(context),
        dependencies(context),
        infrastructure(context),
        runtime(context),
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

fn infrastructure(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let now = |id| catalog.of(id).by_instance().now("max");
    let cpu = Draft::lines("CPU usage", "percent")
        .about("Time of processors that each process uses, in per cent of one processor.")
        .needs(PROCESS)
        .query(now(Id::CpuPercent));
    let memory = Draft::lines("Memory usage", "percent")
        .about("Memory in use, in per cent of the container's limit, else of the host's memory.")
        .needs(PROCESS)
        .query(now(Id::MemoryPercent));
    let bytes = Draft::lines("Memory", "bytes")
        .about("Memory of the container or of the host, and what of it the process has.")
        .needs(PROCESS)
        .query(
            catalog
                .of(Id::MemoryUsage)
                .by_instance()
                .named("in use")
                .now("max"),
        )
        .query(
            catalog
                .of(Id::ProcessResident)
                .by_instance()
                .named("process")
                .now("max"),
        );
    let disk = Draft::lines("Disk usage", "percent")
        .about("How full each file system that is watched is.")
        .needs("a file system that is watched (feature `disk`)")
        .query(disk_usage(context));
    let traffic = |id, name| catalog.of(id).by(0).named(name).rate();
    let network = Draft::lines("Network I/O", "Bps")
        .about("Bytes that the host receives and sends in a second, by interface.")
        .needs(HOST)
        .query(traffic(Id::NetworkReceived, "received"))
        .query(traffic(Id::NetworkSent, "sent"));
    let io = Draft::lines("Disk I/O", "Bps")
        .about("Bytes that are read from the disks of the host and written to them in a second.")
        .needs(HOST)
        .query(traffic(Id::DiskRead, "read"))
        .query(traffic(Id::DiskWritten, "written"));
    Section {
        title: "Infrastructure",
        panels: vec![
            judged.mark(cpu, judged::CPU),
            judged.mark(memory, judged::MEMORY),
            bytes,
            judged.mark(disk, judged::DISK),
            network,
            io,
        ],
    }
}

fn disk_usage(context: &Context<'_>) -> Option<Query> {
    let catalog = context.catalog;
    let free = catalog.of(Id::DiskFree).selector("")?;
    let size = catalog.of(Id::DiskSize).selector("")?;
    let labels = catalog.published.labels(Id::DiskFree);
    let by = labels.first()?;
    let expr = format!("max by (instance, {by}) (100 - 100 * {free} / {size})");
    Some(Query::of(expr, &format!("{{{{instance}}}} {{{{{by}}}}}")))
}

fn runtime(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let now = |id, name| catalog.of(id).by_instance().named(name).now("max");
    let busy = Draft::lines("Busy workers of the runtime", "percentunit")
        .about("Share of the time in which the workers of the Tokio runtime are busy.")
        .needs(PROCESS)
        .query(now(Id::TokioBusy, ""));
    let lag = Draft::lines("Scheduling lag of the runtime", "s")
        .about("The longest time lately that a task waited for its turn: code that blocks makes it long.")
        .needs(PROCESS)
        .query(now(Id::TokioLag, ""));
    let tasks = Draft::lines("Tasks, workers and threads", "short")
        .about("Tasks of the Tokio runtime, its workers, and all threads of the process.")
        .needs(PROCESS)
        .query(now(Id::TokioTasks, "tasks"))
        .query(now(Id::TokioWorkers, "workers"))
        .query(now(Id::ProcessThreads, "threads"));
    let files = Draft::lines("File descriptors", "short")
        .about("How many the process has open, and how many it may have.")
        .needs(PROCESS)
        .query(now(Id::ProcessOpenFds, "open"))
        .query(now(Id::ProcessMaxFds, "limit"));
    Section {
        title: "Runtime",
        panels: vec![busy, judged.mark(lag, judged::LAG), tasks, files],
    }
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
        .about("Runs of each job that did not succeed, in the last hour.")
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
