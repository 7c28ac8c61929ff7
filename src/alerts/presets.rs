//! Offers the rules that five guides to monitoring ask for.
//!
//! Each has a page that says what to do: [runbooks](crate::guides::runbooks). [`usual`] is what a service has by default. The others are there by choice: [`guides`] has those that need no name, and each
//! of the functions below gives one rule, which can be changed as any other.

use std::time::Duration;

use super::{
    own::CounterOf,
    rule::Rule,
    severity::AlertSeverity::{Critical, Info, Warning},
    signal::Signal,
};
use crate::facts::category::ErrorCategory;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The four rules that a service has by default: `high_error_rate` above 5 %, `slow_response_time` with a p95 above 2,000 ms,
/// `high_memory_usage` above 80 % and `circuit_breaker_open` above 0. The second one warns, the others are critical.
#[must_use]
pub fn usual() -> [Rule; 4] {
    [
        built_in("high_error_rate", Signal::error_rate_percent())
            .above(5.0)
            .severity(Critical)
            .summary("More requests fail than they should"),
        built_in("slow_response_time", Signal::p95_ms())
            .above(2_000.0)
            .summary("Responses take longer than they should"),
        built_in("high_memory_usage", Signal::memory_usage_percent())
            .above(80.0)
            .severity(Critical)
            .summary("The service is about to run out of memory"),
        built_in("circuit_breaker_open", Signal::circuit_breaker_open_count())
            .above(0.0)
            .severity(Critical)
            .summary("A circuit breaker is open: what is behind it is not called"),
    ]
}

/// All rules of the guides that need no name of something.
#[must_use]
pub fn guides() -> Vec<Rule> {
    vec![
        many_errors(),
        elevated_error_rate(),
        very_slow_response_time(),
        health_check_failed(),
        error_spike(),
        database_errors(),
        authentication_spike(),
        new_error(),
        new_errors_after_deployment(),
        slow_query_time(),
        slow_queries(),
        pool_usage(),
        redis_memory(),
        cache_hits(),
        queue_backlog(),
        job_failed(),
        external_errors(),
        disk_space_low(),
        disk_space_critical(),
        certificate_expires(),
        runtime_lag(),
    ]
}

/// More than 10 errors a minute. Critical, told every 5 minutes.
#[must_use]
pub fn many_errors() -> Rule {
    built_in("many_errors", Signal::errors_per_minute())
        .above(10.0)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("There are many errors")
}

/// More than 1 % of the requests fail. Warns.
#[must_use]
pub fn elevated_error_rate() -> Rule {
    built_in("elevated_error_rate", Signal::error_rate_percent())
        .above(1.0)
        .repeat(15 * MINUTE)
        .summary("More requests fail than usual")
}

/// 5 % of the responses take longer than 5 seconds. Warns, told every 15 minutes.
#[must_use]
pub fn very_slow_response_time() -> Rule {
    built_in("very_slow_response_time", Signal::p95_ms())
        .above(5_000.0)
        .pending_for(5 * MINUTE)
        .repeat(15 * MINUTE)
        .summary("Responses take very long")
}

/// A health check fails for a minute: a database, a cache or whatever the service needs, also one that is optional. Critical, told every
/// 5 minutes.
#[must_use]
pub fn health_check_failed() -> Rule {
    built_in("health_check_failed", Signal::health_check_failed())
        .above(0.0)
        .pending_for(MINUTE)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("The service does not reach something that it needs")
}

/// Twice as many errors as in the 5 minutes before, and at least 20. Critical, told every 5 minutes.
#[must_use]
pub fn error_spike() -> Rule {
    built_in("error_spike", Signal::error_spike_percent())
        .above(100.0)
        .pending_for(Duration::ZERO)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("There are far more errors than before")
}

/// More than one failure of a database a minute. Critical, told every 5 minutes.
#[must_use]
pub fn database_errors() -> Rule {
    let signal = Signal::errors_per_minute().category(ErrorCategory::Database);
    built_in("database_errors", signal)
        .above(1.0)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("The database fails")
}

/// Twice as many failed authentications as in the 5 minutes before, and at least 20. Warns, told every 15 minutes.
#[must_use]
pub fn authentication_spike() -> Rule {
    let signal = Signal::error_spike_percent().category(ErrorCategory::Authentication);
    built_in("authentication_spike", signal)
        .above(100.0)
        .pending_for(Duration::ZERO)
        .repeat(15 * MINUTE)
        .summary("Far more authentications fail than before")
}

/// A kind of failure of the server that did not occur for a day. Critical, told once.
#[must_use]
pub fn new_error() -> Rule {
    built_in("new_error", Signal::new_errors())
        .above(0.0)
        .pending_for(Duration::ZERO)
        .severity(Critical)
        .no_repeat()
        .summary("An error occurs that did not occur before")
}

/// A kind of failure of the server that did not occur before, within 30 minutes of a deployment. Critical, told every 5 minutes.
#[must_use]
pub fn new_errors_after_deployment() -> Rule {
    built_in(
        "new_errors_after_deployment",
        Signal::new_errors_since_deployment(),
    )
    .above(0.0)
    .window(30 * MINUTE)
    .pending_for(Duration::ZERO)
    .severity(Critical)
    .repeat(5 * MINUTE)
    .summary("The last deployment brought new errors")
}

/// 5 % of the queries take longer than a second. Warns, told every 15 minutes.
#[must_use]
pub fn slow_query_time() -> Rule {
    built_in("slow_query_time", Signal::query_p95_ms())
        .above(1_000.0)
        .pending_for(5 * MINUTE)
        .repeat(15 * MINUTE)
        .summary("Queries of the database take long")
}

/// More than 10 queries in 5 minutes take longer than a second. Told once, for information.
#[must_use]
pub fn slow_queries() -> Rule {
    built_in("slow_queries", Signal::slow_queries())
        .above(10.0)
        .severity(Info)
        .no_repeat()
        .summary("Some queries of the database take long")
}

/// More than 80 % of the connections of a pool are in use. Warns, told every 10 minutes.
#[must_use]
pub fn pool_usage() -> Rule {
    built_in("pool_usage_high", Signal::pool_usage_percent())
        .above(80.0)
        .repeat(10 * MINUTE)
        .summary("A pool of connections is nearly used up")
}

/// Redis uses more than 80 % of its memory. Warns, told every 10 minutes.
#[must_use]
pub fn redis_memory() -> Rule {
    built_in("redis_memory_high", Signal::redis_memory_percent())
        .above(80.0)
        .repeat(10 * MINUTE)
        .summary("Redis is about to run out of memory")
}

/// Fewer than 70 % of the lookups in Redis find their key, in each of the times between two answers of Redis for 5 minutes. Warns, told
/// every 15 minutes. A cache that is seldom asked can be below that without a reason.
#[must_use]
pub fn cache_hits() -> Rule {
    built_in("cache_hits_low", Signal::cache_hit_percent())
        .below(70.0)
        .pending_for(5 * MINUTE)
        .repeat(15 * MINUTE)
        .summary("The cache seldom has what is asked for")
}

/// More than 1,000 jobs wait in a queue for 5 minutes. Warns, told every 15 minutes.
#[must_use]
pub fn queue_backlog() -> Rule {
    built_in("queue_backlog", Signal::queue_length())
        .above(1_000.0)
        .pending_for(5 * MINUTE)
        .repeat(15 * MINUTE)
        .summary("More jobs wait than are done")
}

/// A run of a job fails. Warns, told every 15 minutes.
#[must_use]
pub fn job_failed() -> Rule {
    built_in("job_failed", Signal::job_failures())
        .above(0.0)
        .pending_for(Duration::ZERO)
        .repeat(15 * MINUTE)
        .summary("A background job failed")
}

/// A job has not succeeded for `longest`. Critical, told every 5 minutes. The name is `job_overdue_{job}`.
#[must_use]
pub fn job_overdue(job: &str, longest: Duration) -> Rule {
    Rule::new(format!("job_overdue_{job}"), Signal::job_age().only(job))
        .page("job_overdue")
        .above(longest.as_secs_f64())
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("A background job has not succeeded for long")
}

/// A gauge of the application that counts workers is 0 for 5 minutes. Critical, told every 5 minutes.
#[must_use]
pub fn workers_down(gauge: &str) -> Rule {
    built_in("workers_down", Signal::gauge(gauge, &[]))
        .below(1.0)
        .pending_for(5 * MINUTE)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("No worker is active")
}

/// More than 20 % of the calls of another service fail. Warns, told every 15 minutes.
#[must_use]
pub fn external_errors() -> Rule {
    built_in("external_errors", Signal::external_error_rate_percent())
        .above(20.0)
        .repeat(15 * MINUTE)
        .summary("Calls of another service fail")
}

/// More than 10 % of the payments of 15 minutes fail: of a counter `payments_processed_total`, those with the label `status` of
/// `failed`. Critical after 5 minutes, told every 5 minutes.
#[must_use]
pub fn payment_failures() -> Rule {
    let all = CounterOf::named("payments_processed_total");
    let failed = all.clone().label("status", "failed");
    let signal = Signal::share_percent("payment_failure_percent", failed, all);
    built_in("payment_failure_rate", signal)
        .above(10.0)
        .window(15 * MINUTE)
        .pending_for(5 * MINUTE)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("Payments fail")
}

/// Less than 20 % of a file system is free. Warns, told every day.
#[must_use]
pub fn disk_space_low() -> Rule {
    built_in("disk_space_low", Signal::disk_free_percent())
        .below(20.0)
        .repeat(DAY)
        .summary("A file system is nearly full")
}

/// Less than 10 % of a file system is free. Critical, told every 5 minutes.
#[must_use]
pub fn disk_space_critical() -> Rule {
    built_in("disk_space_critical", Signal::disk_free_percent())
        .below(10.0)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("A file system is about to be full")
}

/// A certificate expires in less than 30 days. Warns, told every day.
#[must_use]
pub fn certificate_expires() -> Rule {
    built_in("certificate_expires", Signal::certificate_days_left())
        .below(30.0)
        .severity(Warning)
        .repeat(DAY)
        .summary("A certificate expires soon")
}

/// A task of the Tokio runtime waits longer than a second for its turn. Critical, told every 5 minutes.
#[must_use]
pub fn runtime_lag() -> Rule {
    built_in("runtime_lag", Signal::runtime_lag_ms())
        .above(1_000.0)
        .severity(Critical)
        .repeat(5 * MINUTE)
        .summary("The runtime of the service is blocked")
}

/// A rule whose page among the [runbooks](crate::guides::runbooks) has its name.
fn built_in(name: &'static str, signal: Signal) -> Rule {
    Rule::new(name, signal).page(name)
}
