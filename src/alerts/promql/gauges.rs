//! Tells how something is now.

use super::{condition::Condition, expr::Expr, job_age::job_age, published::Published};
use crate::{
    alerts::{checked::CheckedRule, rule::Comparison, signal::Gauge},
    metrics::catalog::Id,
};

const DAY_SECONDS: f64 = 86_400.0;

/// A rule over a number that says how something is now, of one thing or of each.
pub(super) fn gauge(
    rule: &CheckedRule,
    gauge: Gauge,
    published: &Published<'_>,
) -> Result<Condition, &'static str> {
    let only = rule.signal.only.as_deref();
    let family = |id| Ok::<_, &str>(published.family(id)?.only(0, only).now());
    let percent = |part, whole| {
        let hundredfold = Expr::number(100.0).times(family(part)?);
        Ok(hundredfold.over(family(whole)?))
    };
    let value = match gauge {
        Gauge::MemoryPercent => family(Id::MemoryPercent),
        Gauge::CpuPercent => family(Id::CpuPercent),
        Gauge::CircuitsOpen => match rule.comparison {
            Comparison::Above => family(Id::CircuitsOpen),
            // A process that has no circuit breaker yet has no series, and none of them is open.
            Comparison::Below => {
                let started = published.family(Id::Started)?.all().now();
                Ok(family(Id::CircuitsOpen)?.or(started.none_of()))
            }
        },
        Gauge::RuntimeLagMillis => Ok(Expr::number(1_000.0).times(family(Id::TokioLag)?)),
        // Degraded is more than 0.
        Gauge::CheckFailed => {
            let unhealthy = Expr::number(0.0);
            Ok(family(Id::HealthStatus)?.compared("== bool", unhealthy))
        }
        Gauge::DiskFreePercent => percent(Id::DiskFree, Id::DiskSize),
        Gauge::PoolPercent => percent(Id::PoolInUse, Id::PoolMax),
        Gauge::CertificateDays => {
            let now = Expr::whole("time()");
            let left = family(Id::CertificateExpiry)?.minus(now);
            Ok(left.over(Expr::number(DAY_SECONDS)))
        }
        Gauge::JobAgeSeconds => return job_age(rule, published),
        Gauge::QueueLength => family(Id::JobQueueLength),
        Gauge::RedisPercent => percent(Id::RedisMemoryUsed, Id::RedisMemoryMax),
        Gauge::CacheHitPercent => Ok(Expr::number(100.0).times(family(Id::RedisHitRatio)?)),
    };
    Ok(Condition::of(rule, value?))
}

/// The requests in flight. Each process has its own number.
pub(super) fn in_flight(published: &Published<'_>) -> Result<Expr, &'static str> {
    let family = published.family(Id::InFlight)?;
    let all = family.all().now();
    let labels = family.labels();
    if labels.is_empty() {
        return Ok(all);
    }
    // A method that had no request has no series.
    let sum = Expr::whole(format!("sum without ({}) ({all})", labels.join(", ")));
    let started = published.family(Id::Started)?.all().now();
    Ok(sum.or(started.none_of()))
}
