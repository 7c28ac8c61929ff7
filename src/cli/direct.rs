//! Runs checks in this process, without a service: `check --direct`.

use std::time::Duration;

use http::Uri;
use serde_json::{Value, json};
use tokio::{runtime::Builder, time};

use crate::{
    config::Environment,
    health::{Check, Health, HealthBuilder, HealthReport, Role},
    text::millis,
};

/// The variables with the address of a dependency, the name of its check, and the port where the address has none.
const ADDRESSES: [(&str, &str, u16); 2] = [
    ("DATABASE_URL", "database", 5432),
    ("REDIS_URL", "redis", 6379),
];

/// The checks that can be made from the environment: whether the dependencies can be reached, and the memory and the disk of this
/// machine.
pub(super) fn of_environment(environment: &Environment<'_>) -> Result<HealthBuilder, String> {
    let mut health = Health::builder();
    for (variable, name, port) in ADDRESSES {
        if let Some(address) = environment.get(variable) {
            let place = place(&address, port);
            // The address can hold a password, so no error shows it.
            let place = place.ok_or_else(|| format!("{variable}: it has no host"))?;
            health = health.check(dependency(name, &address, place));
        }
    }
    health = health.check(Check::memory("memory").role(Role::Optional));
    #[cfg(feature = "disk")]
    {
        health = health.check(Check::disk("disk", ".").role(Role::Optional));
    }
    Ok(health)
}

/// Redis is asked, if this build can. Of anything else, the port is opened.
fn dependency(name: &str, address: &str, place: (String, u16)) -> Check {
    #[cfg(feature = "redis")]
    if name == "redis"
        && let Ok(client) = redis::Client::open(address)
    {
        return Check::redis(name, client);
    }
    // Only a build with a client needs it whole.
    let _ = address;
    Check::tcp(name, place)
}

/// The host and the port of an address such as `postgres://user:password@db:5432/shop`.
fn place(address: &str, port: u16) -> Option<(String, u16)> {
    // Else a path or a file name could be taken for a host.
    if !address.contains("://") {
        return None;
    }
    let uri: Uri = address.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or_else(|| match uri.scheme_str() {
        Some("mysql" | "mariadb") => 3306,
        _ => port,
    });
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// Asks each check once, on a runtime of its own. The answer is as that of a service.
pub(super) fn ask(health: HealthBuilder, timeout: Duration) -> Result<Value, String> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let asked = runtime.block_on(async { time::timeout(timeout, health.check_once()).await });
    // A check that blocks must not hold up the end.
    runtime.shutdown_background();
    match asked {
        Ok(Ok(report)) => Ok(body(&report)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("the checks did not end within {timeout:?}")),
    }
}

/// The report in the form in which a service answers.
pub(super) fn body(report: &HealthReport) -> Value {
    let checks = report.checks.iter().map(|check| {
        let shown = json!({
            "status": check.status.as_str(),
            "latency_ms": millis(check.latency),
            "age_ms": check.age.map(millis),
            "error": check.error.as_deref(),
        });
        (check.name.to_string(), shown)
    });
    let checks: serde_json::Map<_, _> = checks.collect();
    json!({ "status": report.status.as_str(), "checks": checks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_the_address_of_a_dependency() {
        let found = |address| place(address, 5432);
        let at = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(
            found("postgres://u:p%40ss@db:5433/shop?sslmode=off"),
            at("db", 5433)
        );
        assert_eq!(
            found("postgresql://db.internal/shop"),
            at("db.internal", 5432)
        );
        assert_eq!(found("mysql://u:p@db/shop"), at("db", 3306));
        assert_eq!(found("redis://[::1]/0"), at("::1", 5432));
        for address in ["sqlite:shop.db", "/var/run/pg", "", "no address"] {
            assert_eq!(found(address), None, "{address}");
        }
    }

    #[test]
    fn no_error_shows_the_address_of_a_dependency() {
        let variable = |name: &str| {
            (name == "DATABASE_URL").then(|| "a s3cret password in no address".to_owned())
        };
        let error = of_environment(&Environment(&variable)).unwrap_err();
        assert_eq!(error, "DATABASE_URL: it has no host");
    }
}
