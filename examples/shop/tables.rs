//! Prints statistics as tables.

use std::{error::Error, time::Duration};

use tower_vitals::statistics::{
    DeploymentStatistics, EndpointOrder, EndpointStatistics, ErrorStatistics, ReleaseStatistics,
    Statistics, StatisticsHandle, WorkStatistics,
};

/// What is usual is seen in this window.
const USUAL: Duration = Duration::from_secs(5 * 60);

/// A part is slow if its p95 is this many times its usual median.
const TIMES: f64 = 5.0;

/// Below this nothing is slow for people.
const LEAST_MS: f64 = 50.0;

/// A part of the shop.
struct Part {
    name: String,
    work: WorkStatistics,
}

pub(crate) fn print(statistics: &StatisticsHandle, round: Duration) -> Result<(), Box<dyn Error>> {
    let lately = statistics.over(round)?;
    let usual = statistics.over(USUAL)?;
    print_summary(&lately);
    print_endpoints(&lately.endpoints(EndpointOrder::P95));
    let parts = parts(&lately);
    print_parts(&parts);
    print_circuits(&lately);
    print_errors(&lately.errors);
    print_releases(&statistics.releases(), &statistics.deployments());
    print_slow(&parts, &self::parts(&usual));
    Ok(())
}

fn print_summary(lately: &Statistics) {
    let total = &lately.total;
    println!(
        "\nlast {:.1} s, {:.1} s observed: {} requests, {}/s, {} failed, {} in flight",
        lately.window_seconds,
        lately.covered_seconds,
        total.requests,
        one_decimal(lately.requests_per_second),
        percent(total.error_rate),
        lately.in_flight,
    );
}

/// The slowest first.
fn print_endpoints(endpoints: &[&EndpointStatistics]) {
    if endpoints.is_empty() {
        return;
    }
    println!(
        "\n{:<18} {:>8} {:>7} {:>4} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "endpoint", "requests", "errors", "4xx", "mean ms", "p50 ms", "p95 ms", "p99 ms", "max ms",
    );
    for EndpointStatistics {
        method,
        endpoint,
        traffic,
        ..
    } in endpoints
    {
        println!(
            "{:<18} {:>8} {:>7} {:>4} {:>7} {:>7} {:>7} {:>7} {:>7}",
            format!("{method} {endpoint}"),
            traffic.requests,
            percent(traffic.error_rate),
            traffic.client_errors,
            one_decimal(traffic.mean_ms),
            one_decimal(traffic.p50_ms),
            one_decimal(traffic.p95_ms),
            one_decimal(traffic.p99_ms),
            one_decimal(traffic.max_ms),
        );
    }
}

/// What the shop did beside answering: functions, queries, calls and jobs, the slowest first.
fn parts(lately: &Statistics) -> Vec<Part> {
    let part = |name: String, work: &WorkStatistics| Part {
        name,
        work: work.clone(),
    };
    let mut parts = Vec::new();
    for one in &lately.operations {
        parts.push(part(format!("function {}", one.name), &one.work));
    }
    for one in &lately.queries {
        let name = format!("query {} {}", one.operation, one.table);
        parts.push(part(name, &one.work));
    }
    for one in &lately.outbound {
        parts.push(part(format!("call {}", one.service), &one.work));
    }
    for one in &lately.jobs {
        parts.push(part(format!("job {}", one.job), &one.work));
    }
    let p95 = |part: &Part| part.work.p95_ms.unwrap_or(0.0);
    parts.sort_by(|one, other| p95(other).total_cmp(&p95(one)));
    parts
}

fn print_parts(parts: &[Part]) {
    if parts.is_empty() {
        return;
    }
    println!(
        "\n{:<23} {:>6} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "part", "calls", "errors", "mean ms", "p50 ms", "p95 ms", "p99 ms", "max ms",
    );
    for Part { name, work } in parts {
        println!(
            "{:<23} {:>6} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
            name,
            work.calls,
            percent(work.error_rate),
            one_decimal(work.mean_ms),
            one_decimal(work.p50_ms),
            one_decimal(work.p95_ms),
            one_decimal(work.p99_ms),
            one_decimal(work.max_ms),
        );
    }
}

fn print_circuits(lately: &Statistics) {
    for (name, state) in &lately.circuits {
        println!("\ncircuit {name}: {}", state.as_str());
    }
}

fn print_errors(errors: &[ErrorStatistics]) {
    if errors.is_empty() {
        return;
    }
    println!(
        "\n{:<17} {:<20} {:>8} {:>7} {:>7} {:>7}",
        "category", "endpoint", "count", "share", "before", "change",
    );
    for error in errors {
        let change = error.change.map(|change| format!("{change:+}"));
        println!(
            "{:<17} {:<20} {:>8} {:>7} {:>7} {:>7}",
            error.category.as_str(),
            error.endpoint,
            error.count,
            percent(error.share),
            error.previous,
            change.as_deref().unwrap_or("-"),
        );
    }
}

fn print_releases(releases: &[ReleaseStatistics], deployments: &DeploymentStatistics) {
    if releases.is_empty() {
        return;
    }
    println!(
        "\n{:<8} {:<24} {:>8} {:>7} {:>9}  more errors",
        "release", "since", "requests", "errors", "p95 ms",
    );
    for (release, judged) in releases.iter().zip(&deployments.deployments) {
        println!(
            "{:<8} {:<24} {:>8} {:>7} {:>9}  {}",
            release.version,
            release.since.to_string(),
            release.traffic.requests,
            percent(release.traffic.error_rate),
            one_decimal(release.traffic.p95_ms),
            match judged.more_errors {
                Some(true) => "yes",
                Some(false) => "no",
                None => "-",
            },
        );
    }
}

/// Says which parts are slower than they usually are.
fn print_slow(parts: &[Part], usual: &[Part]) {
    let usual_ms = |part: &Part| {
        let known = usual.iter().find(|known| known.name == part.name)?;
        known.work.p50_ms
    };
    for part in parts {
        if let (Some(p95), Some(usual)) = (part.work.p95_ms, usual_ms(part))
            && p95 > LEAST_MS.max(TIMES * usual)
        {
            println!(
                "\nslow: {}, p95 {p95:.0} ms, usually {usual:.0} ms",
                part.name
            );
        }
    }
}

/// What is not known is a dash.
fn one_decimal(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.1}"))
}

fn percent(share: Option<f64>) -> String {
    let share = share.map(|share| format!("{:.1} %", share * 100.0));
    share.unwrap_or_else(|| "-".into())
}
