//! Facts that are planted, and what is found of them.

use std::time::Duration;

use super::{facts::FleetFacts, *};

/// A service with which all is well.
fn well() -> Facts {
    Facts {
        service: Some("shop".to_owned()),
        version: Some("1.4.2".to_owned()),
        environment: "production".to_owned(),
        settings: Vec::new(),
        counted: CountedFacts {
            serves_metrics: true,
            started: 7,
            endpoints: 3,
            endpoint_cap: 1_000,
            ..CountedFacts::default()
        },
        deployments: 1,
        excluded: "/static/".to_owned(),
        unused: Vec::new(),
        checks: Some(vec![check("database", "healthy", true)]),
        public_details: false,
        probes: ["/livez", "/readyz", "/health"].map(str::to_owned).to_vec(),
        access: Some(AccessFacts {
            word: "token",
            short_token: false,
        }),
        state: Some(StateFacts {
            failed_writes: 0,
            off: false,
        }),
        sentry: SentryFacts {
            on: true,
            state: "on",
            transactions: 0.1,
            ..SentryFacts::default()
        },
        rules: 4,
        failed_rules: Vec::new(),
        notifiers: Some(vec![slack(true, 1, 0)]),
        has_page: true,
        fleet: Some(FleetFacts {
            instances: 3,
            ..FleetFacts::default()
        }),
    }
}

/// What is known of the fleet, to be changed.
fn fleet(facts: &mut Facts) -> &mut FleetFacts {
    facts.fleet.as_mut().unwrap()
}

fn check(name: &str, status: &'static str, answered: bool) -> CheckFacts {
    CheckFacts {
        name: name.to_owned(),
        critical: true,
        status,
        answered,
    }
}

fn slack(routed: bool, sent: u64, lost: u64) -> NotifierFacts {
    NotifierFacts {
        name: "slack".to_owned(),
        routed,
        sent,
        lost,
    }
}

/// A change of facts, and the finding that it makes: check, grade, a part of the sentence, a part of what to change.
type Planted = (
    fn(&mut Facts),
    &'static str,
    Grade,
    &'static str,
    &'static str,
);

const PLANTED: [Planted; 39] = [
    (
        |facts| facts.version = None,
        "release",
        Grade::Warning,
        "unknown",
        "APP_VERSION",
    ),
    (
        |facts| facts.deployments = 0,
        "deployments",
        Grade::Warning,
        "no deployment",
        "record_deployment",
    ),
    (
        |facts| facts.counted.serves_metrics = false,
        "metrics",
        Grade::Warning,
        "recorder of the application",
        "use_global_recorder",
    ),
    (
        |facts| facts.counted.started = 0,
        "requests",
        Grade::Warning,
        "no request",
        "vitals.layer()",
    ),
    (
        |facts| (facts.counted.started, facts.counted.excluded) = (0, 9),
        "requests",
        Grade::Warning,
        "all 9 requests",
        "MONITORING_EXCLUDE",
    ),
    (
        |facts| facts.counted.hook_failures = 2,
        "hooks",
        Grade::Warning,
        "2 calls",
        "vitals_hook_failures_total",
    ),
    (
        |facts| facts.counted.overflow = 5,
        "cardinality",
        Grade::Problem,
        "5 requests",
        "endpoint_cap",
    ),
    (
        |facts| facts.counted.endpoints = 800,
        "cardinality",
        Grade::Warning,
        "800 of 1000",
        "endpoint_cap",
    ),
    (
        |facts| facts.unused = vec!["/statics/".to_owned()],
        "exclusion",
        Grade::Warning,
        "/statics/",
        "MONITORING_EXCLUDE",
    ),
    (
        |facts| facts.counted.lost_lines = 3,
        "log",
        Grade::Problem,
        "3 log lines",
        "LOG_QUEUE",
    ),
    (
        |facts| facts.counted.lost_ticks = 1,
        "statistics",
        Grade::Problem,
        "1 readings",
        "samplers",
    ),
    (
        |facts| facts.counted.given_up = 8,
        "statistics_memory",
        Grade::Warning,
        "8 durations",
        "statistics_memory",
    ),
    (
        |facts| facts.state.as_mut().unwrap().failed_writes = 1,
        "state_file",
        Grade::Problem,
        "1 writes failed",
        "MONITORING_STATE",
    ),
    (
        |facts| facts.state.as_mut().unwrap().off = true,
        "state_file",
        Grade::Problem,
        "not used",
        "MONITORING_STATE",
    ),
    (
        |facts| facts.checks = None,
        "probes",
        Grade::Warning,
        "none",
        "VitalsBuilder::health",
    ),
    (
        |facts| facts.checks = Some(Vec::new()),
        "checks",
        Grade::Warning,
        "no checks",
        "HealthBuilder::check",
    ),
    (
        |facts| facts.checks = Some(vec![check("cache", "unknown", false)]),
        "checks",
        Grade::Problem,
        "cache has never answered",
        "health.cache",
    ),
    (
        |facts| facts.checks = Some(vec![check("cache", "unhealthy", true)]),
        "checks",
        Grade::Problem,
        "cache is unhealthy",
        "health.cache",
    ),
    (
        |facts| facts.checks = Some(vec![check("cache", "degraded", true)]),
        "checks",
        Grade::Warning,
        "cache is degraded",
        "health.cache",
    ),
    (
        |facts| facts.probes.clear(),
        "probes",
        Grade::Warning,
        "no /livez and no /readyz",
        "without",
    ),
    (
        |facts| facts.public_details = true,
        "details",
        Grade::Warning,
        "errors of checks",
        "details",
    ),
    (
        |facts| facts.access = None,
        "access",
        Grade::Warning,
        "off",
        "MONITORING_TOKEN",
    ),
    (
        |facts| facts.access.as_mut().unwrap().short_token = true,
        "access",
        Grade::Problem,
        "16 characters",
        "MONITORING_TOKEN",
    ),
    (
        |facts| facts.access.as_mut().unwrap().word = "public",
        "access",
        Grade::Warning,
        "everybody",
        "Access::Public",
    ),
    (
        |facts| (facts.sentry.on, facts.sentry.state) = (false, "off: SENTRY_DSN is not set"),
        "sentry",
        Grade::Warning,
        "off",
        "SENTRY_DSN",
    ),
    (
        |facts| facts.sentry.dropped = 4,
        "sentry",
        Grade::Problem,
        "4 events",
        "SENTRY_DSN",
    ),
    (
        |facts| facts.sentry.unscrubbed = 4,
        "sentry",
        Grade::Problem,
        "scrubbed",
        "scrubbing",
    ),
    (
        |facts| facts.sentry.held_back = 4,
        "sentry",
        Grade::Warning,
        "limit",
        "report_policy",
    ),
    (
        |facts| facts.sentry.transactions = 1.0,
        "sampling",
        Grade::Warning,
        "every request",
        "SENTRY_TRACES_SAMPLE_RATE",
    ),
    (
        |facts| facts.rules = 0,
        "alerts",
        Grade::Warning,
        "no rules",
        "VitalsBuilder::alerts",
    ),
    (
        |facts| facts.failed_rules = vec![("slow".to_owned(), "it panicked".to_owned())],
        "alerts",
        Grade::Problem,
        "slow could not be judged: it panicked",
        "alerts.slow",
    ),
    (
        |facts| facts.notifiers = Some(Vec::new()),
        "notifiers",
        Grade::Warning,
        "nobody",
        "SLACK_WEBHOOK_URL",
    ),
    (
        |facts| facts.notifiers = Some(vec![slack(true, 0, 2)]),
        "notifiers",
        Grade::Problem,
        "slack took none of 2",
        "SLACK_WEBHOOK_URL",
    ),
    (
        |facts| facts.notifiers = Some(vec![slack(false, 0, 0)]),
        "notifiers",
        Grade::Warning,
        "no route leads to slack",
        "Notifiers::routes",
    ),
    (
        |facts| facts.has_page = false,
        "notifiers",
        Grade::Warning,
        "where to look",
        "MONITORING_URL",
    ),
    (
        |facts| fleet(facts).silence = Some("Redis is not reached".to_owned()),
        "fleet",
        Grade::Problem,
        "nothing is known of other instances: Redis is not reached",
        "REDIS_URL",
    ),
    (
        |facts| fleet(facts).lost = vec!["shop-3".to_owned()],
        "fleet",
        Grade::Warning,
        "instance shop-3 gives no sign of life",
        "its way to Redis",
    ),
    (
        |facts| fleet(facts).other_settings = vec!["shop-4".to_owned()],
        "fleet",
        Grade::Warning,
        "instance shop-4 has other thresholds",
        "of that instance",
    ),
    (
        |facts| fleet(facts).clock_off = Duration::from_secs(3_600),
        "fleet",
        Grade::Warning,
        "the clock of this machine is 3600s off",
        "NTP",
    ),
];

#[test]
fn a_service_in_no_fleet_hears_nothing_of_one() {
    let mut facts = well();
    let told = |facts: &Facts| {
        let found = facts.clone().diagnosis().findings.into_iter();
        found.filter(|one| one.check == "fleet").collect::<Vec<_>>()
    };
    assert_eq!(
        told(&facts)[0].what,
        "3 instances, all with the same thresholds"
    );
    fleet(&mut facts).clock_off = Duration::from_secs(30);
    assert_eq!(told(&facts)[0].grade, Grade::Ok);
    facts.fleet = None;
    assert_eq!(told(&facts), []);
}

#[test]
fn nothing_is_wrong_with_a_service_that_is_well() {
    let diagnosis = well().diagnosis();
    let bad: Vec<_> = diagnosis
        .findings
        .iter()
        .filter(|one| one.grade != Grade::Ok)
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(diagnosis.worst(), Grade::Ok);
    assert!(diagnosis.findings.iter().all(|one| one.change.is_none()));
}

#[test]
fn each_planted_fact_is_the_only_thing_that_is_wrong_and_names_the_setting() {
    let mut missed = Vec::new();
    for (plant, check, grade, what, change) in PLANTED {
        let mut facts = well();
        plant(&mut facts);
        let diagnosis = facts.diagnosis();
        let bad = diagnosis
            .findings
            .iter()
            .filter(|one| one.grade != Grade::Ok);
        let bad: Vec<_> = bad.collect();
        let is_it = |one: &&Finding| {
            let names = one
                .change
                .as_ref()
                .is_some_and(|text| text.contains(change));
            (one.check, one.grade) == (check, grade) && one.what.contains(what) && names
        };
        if bad.len() != 1 || !bad.iter().all(is_it) || diagnosis.worst() != grade {
            missed.push(format!("{check}, {what}: {bad:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}
