//! Shows what fails: requests, calls, jobs; which alerts fire; and which reports were lost.

use super::{
    board::Section,
    context::Context,
    judged,
    panel::Draft,
    query::{failed_outcomes, percent, since},
};
use crate::{alerts::Kind, metrics::catalog::Id};

pub(super) fn sections(context: &Context<'_>) -> Vec<Section> {
    vec![
        errors(context),
        by_endpoint(context),
        Section {
            title: "What rules judge at one endpoint",
            panels: context.of_endpoints(|rule| {
                !matches!(
                    rule.signal.kind,
                    Kind::Latency(_) | Kind::RequestsPerSecond | Kind::InFlight
                )
            }),
        },
        elsewhere(context),
        alerts(context),
        reports(context),
    ]
}

fn errors(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let requests = || catalog.requests();
    let rate = Draft::lines("Error rate trend", "percent")
        .about("The share of requests with a status of 5xx, and of 4xx, which are the clients' failures.")
        .query(percent(requests().only(2, "5..").rate(), requests().named("5xx").rate()))
        .query(percent(requests().only(2, "4..").rate(), requests().named("4xx").rate()));
    let categories = Draft::lines("Errors by category", "cps")
        .about("How many requests fail in a second, by category.")
        .query(catalog.of(Id::Errors).by(0).rate());
    let top = Draft::table("Top error types", "short")
        .about("How many requests failed, by category and route, in the range that is shown.")
        .query(catalog.of(Id::Errors).by(0).by(1).increase("$__range"));
    let now = catalog.of(Id::Errors).named("last hour").increase("1h");
    let before = catalog
        .of(Id::Errors)
        .named("hour before")
        .increase_before("1h", " offset 1h");
    let trend = Draft::lines("Errors over time", "short")
        .about("How many requests failed in an hour, and in the hour before it.")
        .query(now)
        .query(before);
    Section {
        title: "Failed requests",
        panels: vec![
            judged.mark(rate, judged::ERROR_RATE),
            judged.link(categories, judged::ERRORS),
            top,
            trend,
        ],
    }
}

fn by_endpoint(context: &Context<'_>) -> Section {
    let catalog = context.catalog;
    let statuses = Draft::lines("Requests by status", "reqps")
        .about("How many requests end with each status in a second.")
        .query(catalog.requests().by(2).rate());
    let failed = Draft::lines("5xx errors by endpoint", "reqps")
        .about("How many requests of each method and route end with a status of 5xx in a second.")
        .query(catalog.requests().only(2, "5..").by(0).by(1).rate());
    let outcomes = Draft::lines("Requests by outcome", "reqps")
        .about("How many requests end in which way: completed, aborted or cancelled by the client, or with an error, a panic or a broken body.")
        .query(catalog.of(Id::Outcomes).by(0).rate());
    let started = Draft::lines("Requests that began", "reqps")
        .about("How many requests begin in a second, and how many are on excluded paths.")
        .query(catalog.of(Id::Started).named("began").rate())
        .query(catalog.of(Id::Excluded).named("excluded").rate());
    Section {
        title: "Where they fail",
        panels: vec![statuses, failed, outcomes, started],
    }
}

fn elsewhere(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let calls = Draft::lines("Failed calls of other services by outcome", "cps")
        .about("How many calls of each service fail in a second.")
        .query(
            catalog
                .of(Id::OutboundCalls)
                .only(1, failed_outcomes())
                .by(0)
                .by(1)
                .rate(),
        );
    let functions = Draft::lines("Failed functions", "cps")
        .about("How many calls of each monitored function fail in a second.")
        .query(
            catalog
                .count(Id::OperationDuration)
                .only(1, failed_outcomes())
                .by(0)
                .by(1)
                .rate(),
        );
    let jobs = Draft::lines("Failed jobs", "short")
        .about("Runs of each job that failed in the last hour. A run that was cancelled is none.")
        .needs("jobs")
        .query(
            catalog
                .of(Id::JobRuns)
                .only(1, failed_outcomes())
                .by(0)
                .increase("1h"),
        );
    let circuits = Draft::lines("State of circuits", "short")
        .about("Which circuit breakers are open or half open: 1 where a process has it so.")
        .needs("a circuit breaker")
        .query(
            catalog
                .of(Id::CircuitState)
                .only(1, "open|half_open")
                .by(0)
                .by(1)
                .now("max"),
        );
    Section {
        title: "Failures elsewhere",
        panels: vec![
            judged.link(calls, judged::OUTBOUND),
            functions,
            judged.link(jobs, judged::JOB_FAILURES),
            judged.link(circuits, judged::CIRCUITS),
        ],
    }
}

fn alerts(context: &Context<'_>) -> Section {
    let catalog = context.catalog;
    let states = Draft::lines("Alerts", "short")
        .about("The state of each alert of the process: 2 firing, 1 pending, 0 inactive, less without data.")
        .word("-2", "cannot be judged", "purple")
        .word("-1", "no data", "blue")
        .word("0", "inactive", "green")
        .word("1", "pending", "orange")
        .word("2", "firing", "red")
        .query(catalog.of(Id::AlertState).by(0).now("max"));
    let evaluations = Draft::lines("Evaluations of rules", "ops")
        .about("How many rules are evaluated in a second, by what came of it.")
        .query(catalog.of(Id::AlertEvaluations).by(0).rate());
    let age = Draft::lines("Time since rules were evaluated", "s")
        .about("How long ago the process last evaluated its rules.")
        .query(since(
            catalog.of(Id::AlertLastEvaluation).by_instance().now("max"),
        ));
    let notifications = Draft::lines("Notifications", "short")
        .about("What became of notifications in the last hour, by notifier.")
        .needs("a notifier")
        .query(catalog.of(Id::Notifications).by(0).by(1).increase("1h"));
    Section {
        title: "Alerts",
        panels: vec![states, evaluations, age, notifications],
    }
}

fn reports(context: &Context<'_>) -> Section {
    let catalog = context.catalog;
    let dropped = Draft::lines("Reports that were lost", "short")
        .about("Reports that a sink did not take in the last hour: log lines, events of Sentry and others.")
        .query(catalog.of(Id::Dropped).by(0).increase("1h"));
    let own = |id, name| catalog.of(id).named(name).increase("1h");
    let faults = Draft::lines("What could not be counted", "short")
        .about("In the last hour: recordings beyond a cap, faults of hooks of the application, and services that failed before they took a request.")
        .query(own(Id::Overflow, "beyond a cap"))
        .query(own(Id::HookFailures, "faults of hooks"))
        .query(own(Id::ReadinessErrors, "services not ready"));
    let samples = Draft::lines("Age of samples", "s")
        .about("How old the last answer of each pool, queue, database or disk is that is asked from time to time.")
        .query(catalog.of(Id::SampleAge).by(0).now("max"));
    Section {
        title: "The monitoring itself",
        panels: vec![dropped, faults, samples],
    }
}
