//! Judges what others read of a service: checks, probes, and the API.

use super::{
    facts::{CheckFacts, Facts},
    finding::Finding,
};

/// The probes that an orchestrator asks.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    match facts.checks.as_deref() {
        None => all.push(Finding::warning(
            "probes",
            "there are none, so nobody is told whether the service is ready",
            "VitalsBuilder::health",
        )),
        Some(checks) => {
            all.extend(checked(checks));
            all.push(probes(facts));
        }
    }
    if facts.public_details {
        let what = "everybody reads the texts of errors of checks, which can contain addresses";
        all.push(Finding::warning("details", what, "HealthService::details"));
    }
    all.push(access(facts));
    all
}

fn checked(checks: &[CheckFacts]) -> Vec<Finding> {
    let bad: Vec<_> = checks.iter().filter_map(not_well).collect();
    match (bad.is_empty(), checks.len()) {
        (false, _) => bad,
        (true, 0) => vec![Finding::warning(
            "checks",
            "the probes have no checks",
            "HealthBuilder::check",
        )],
        (true, count) => vec![Finding::ok("checks", format!("{count} are well"))],
    }
}

fn not_well(check: &CheckFacts) -> Option<Finding> {
    let CheckFacts {
        name,
        critical,
        status,
        answered,
    } = check;
    if !answered {
        let what = format!("check {name} has never answered");
        let change = format!("health.{name}: what it asks, or Check::timeout");
        return Some(Finding::problem("checks", what, change));
    }
    if *status == "healthy" {
        return None;
    }
    let what = format!("check {name} is {status}");
    let change = format!("health.{name}: the log has its error");
    Some(match critical {
        true if *status != "degraded" => Finding::problem("checks", what, change),
        _ => Finding::warning("checks", what, change),
    })
}

fn probes(facts: &Facts) -> Finding {
    let is_there = |probe: &&str| facts.probes.iter().any(|path| path.ends_with(*probe));
    let missing: Vec<_> = PROBES
        .iter()
        .filter(|probe| !is_there(probe))
        .copied()
        .collect();
    match missing.is_empty() {
        true => Finding::ok("probes", facts.probes.join(", ")),
        false => {
            let what = format!("there is no {}", missing.join(" and no "));
            Finding::warning("probes", what, "HealthService::without")
        }
    }
}

fn access(facts: &Facts) -> Finding {
    let Some(access) = &facts.access else {
        return Finding::warning(
            "access",
            "the monitoring API is off",
            "MONITORING_TOKEN or VitalsBuilder::monitoring",
        );
    };
    if access.short_token {
        let what = "the token of the API has fewer than 16 characters: it can be guessed";
        return Finding::problem("access", what, "MONITORING_TOKEN");
    }
    match access.word {
        "public" => Finding::warning(
            "access",
            "everybody who reaches the port reads the API",
            "MONITORING_TOKEN in place of Access::Public",
        ),
        "loopback" => Finding::ok("access", "clients on this machine may ask the API"),
        _ => Finding::ok("access", "the API needs its token"),
    }
}
