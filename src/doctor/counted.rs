//! Judges what a service counts, and what it keeps.

use super::{
    facts::{CountedFacts, Facts},
    finding::Finding,
};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let counted = &facts.counted;
    let all = [
        Some(release(facts)),
        Some(deployments(facts)),
        Some(metrics(counted)),
        Some(requests(counted)),
        hooks(counted),
        Some(cardinality(counted)),
        Some(exclusion(facts)),
        Some(log(counted)),
        Some(statistics(counted)),
        given_up(counted),
        Some(state_file(facts)),
    ];
    all.into_iter().flatten().collect()
}

fn release(facts: &Facts) -> Finding {
    match &facts.version {
        Some(version) => {
            let what = format!("version {version} runs in {}", facts.environment);
            Finding::ok("release", what)
        }
        None => Finding::warning(
            "release",
            "the version is unknown, so errors cannot be told apart by release",
            "APP_VERSION",
        ),
    }
}

fn deployments(facts: &Facts) -> Finding {
    match facts.deployments {
        0 => Finding::warning(
            "deployments",
            "no deployment is known, so nothing is compared with the time before it",
            "APP_VERSION with MONITORING_STATE, or Vitals::record_deployment",
        ),
        count => Finding::ok("deployments", format!("{count} known")),
    }
}

fn metrics(counted: &CountedFacts) -> Finding {
    match counted.serves_metrics {
        true => Finding::ok("metrics", "this crate keeps them and serves /metrics"),
        false => Finding::warning(
            "metrics",
            "a recorder of the application gets them, and this crate does not serve /metrics",
            "feature prometheus, without use_global_recorder",
        ),
    }
}

fn requests(counted: &CountedFacts) -> Finding {
    match (counted.started, counted.excluded) {
        (0, 0) => Finding::warning(
            "requests",
            "no request was seen since the start",
            "Router::layer(vitals.layer())",
        ),
        (0, excluded) => Finding::warning(
            "requests",
            format!("all {excluded} requests since the start were excluded"),
            "MONITORING_EXCLUDE or exclude",
        ),
        (started, excluded) => {
            let what = format!("{started} were counted, and {excluded} were excluded");
            Finding::ok("requests", what)
        }
    }
}

fn hooks(counted: &CountedFacts) -> Option<Finding> {
    let failures = counted.hook_failures;
    (failures > 0).then(|| {
        let what = format!("{failures} calls of the application's own functions failed");
        let change = "the functions given to layers, and the recorder";
        Finding::warning("hooks", what, change)
    })
}

fn cardinality(counted: &CountedFacts) -> Finding {
    let CountedFacts {
        endpoints,
        endpoint_cap: cap,
        overflow,
        ..
    } = counted;
    if *overflow > 0 {
        let what =
            format!("{overflow} requests are beyond the cap of {cap} endpoints, or of series");
        let told = format!("{overflow} requests are beyond the cap of endpoints, or of series");
        return Finding::problem("cardinality", what, "endpoint_cap").without_settings(told);
    }
    let what = format!("{endpoints} of {cap} endpoints are in use");
    // From four fifths on.
    let (found, told) = match endpoints.saturating_mul(5) >= cap.saturating_mul(4) {
        true => (
            Finding::warning("cardinality", what, "endpoint_cap"),
            "the cap of endpoints is near",
        ),
        false => (
            Finding::ok("cardinality", what),
            "the cap of endpoints is far",
        ),
    };
    found.without_settings(told)
}

fn exclusion(facts: &Facts) -> Finding {
    if !facts.unused.is_empty() {
        let unused = facts.unused.join(", ");
        let what = format!("no request has matched {unused}");
        let told = format!("no request has matched {} patterns", facts.unused.len());
        return Finding::warning("exclusion", what, "MONITORING_EXCLUDE or exclude")
            .without_settings(told);
    }
    match facts.excluded.as_str() {
        "" => Finding::ok("exclusion", "nothing is excluded"),
        patterns => Finding::ok("exclusion", format!("{patterns} are excluded"))
            .without_settings("some requests are excluded"),
    }
}

fn log(counted: &CountedFacts) -> Finding {
    match counted.lost_lines {
        0 => Finding::ok("log", "no line was lost"),
        lost => {
            let what = format!("{lost} log lines were lost");
            Finding::problem("log", what, "LOG_QUEUE, or LOG_WHEN_FULL=block")
        }
    }
}

fn statistics(counted: &CountedFacts) -> Finding {
    match counted.lost_ticks {
        0 => Finding::ok("statistics", "no reading of the counters was lost"),
        lost => {
            let what = format!("{lost} readings of the counters were lost by a panic");
            let change = "the samplers of the application, and its log at that time";
            Finding::problem("statistics", what, change)
        }
    }
}

fn given_up(counted: &CountedFacts) -> Option<Finding> {
    let given_up = counted.given_up;
    (given_up > 0).then(|| {
        let what = format!("{given_up} durations were given up for memory");
        Finding::warning("statistics_memory", what, "statistics_memory")
    })
}

fn state_file(facts: &Facts) -> Finding {
    let Some(state) = &facts.state else {
        let what = "there is none, so a restart forgets statistics, deployments and alerts";
        return Finding::ok("state_file", what);
    };
    match (state.off, state.failed_writes) {
        (false, 0) => Finding::ok("state_file", "it is written"),
        (true, _) => Finding::problem(
            "state_file",
            "it is not used: the log at the start says why",
            "MONITORING_STATE or state_file",
        ),
        (false, failed) => {
            let what = format!("{failed} writes failed: the log says why");
            Finding::problem("state_file", what, "MONITORING_STATE or state_file")
        }
    }
}
