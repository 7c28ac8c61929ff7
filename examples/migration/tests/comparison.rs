//! The same requests to both stacks, and exactly what each reports.

use tower_vitals_migration::{comparison, report::Report};

/// The line of `TraceLayer` for a response.
const RESPONSE: &str = "INFO finished processing request, status, duration, id";
/// Its second line, for a 5xx.
const FAILURE: &str = "ERROR response failed, duration, id";
/// The line of `CatchPanicLayer`.
const PANIC: &str = "ERROR Service panicked: no tea without water, id";

/// A report of the duration and the id that every request with a response has.
fn report(status: u16, counted: &str) -> Report {
    Report {
        answer: Some((status, true)),
        counted: vec![counted.into()],
        durations: 1,
        ..Report::default()
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).into()).collect()
}

/// What the stack of peers reports.
fn before(case: &str) -> Report {
    let said = |report: Report, lines: &[&str], events: &[&str]| Report {
        lines: texts(lines),
        events: texts(events),
        ..report
    };
    let well = |status, counted| said(report(status, counted), &[RESPONSE], &[]);
    match case {
        "200" => well(200, "GET /orders/{id} 200"),
        "404 of a handler" => well(404, "GET /orders/{id} 404"),
        // The path of a scanner is a label: the number of series has no bound.
        "404 without a route" => well(404, "GET /wp-login.php 404"),
        // Two lines of the stack beside that of the handler, and two events: one for each `ERROR` line.
        "500" => said(
            report(500, "GET /pay 500"),
            &["ERROR cannot pay, id, error", RESPONSE, FAILURE],
            &[
                "error: CardRefused <- BankIsAway; no route, no id",
                "error: response failed; no route, no id",
            ],
        ),
        "slow" => well(200, "GET /slow 200"),
        // One panic is three events.
        "panic" => said(
            report(500, "GET /panic 500"),
            &[PANIC, RESPONSE, FAILURE],
            &[
                "fatal: panic; no route, no id",
                "error: Service panicked: no tea without water; no route, no id",
                "error: response failed; no route, no id",
            ],
        ),
        // The duration ends at the head. Nothing says how long the stream was.
        "stream" => well(200, "GET /stream 200"),
        // Neither counted nor logged.
        "client leaves before the response" => Report::default(),
        // A success.
        "client leaves in the body" => Report {
            answer: None,
            ..well(200, "GET /endless 200")
        },
        _ => panic!("{case}"),
    }
}

/// What tower-vitals reports.
fn after(case: &str) -> Report {
    let said = |report: Report, also: &[&str], lines: &[&str], events: &[&str]| Report {
        also: texts(also),
        lines: texts(lines),
        events: texts(events),
        ..report
    };
    // One line for each request: the same fields at another level.
    let info = &["INFO request, status, duration, id"];
    let warn = &["WARN request, status, duration, id"];
    let missing = &["not_found", "completed", "normal"];
    match case {
        "200" => said(
            report(200, "GET /orders/{id} 200"),
            &["completed", "normal"],
            info,
            &[],
        ),
        "404 of a handler" => said(report(404, "GET /orders/{id} 404"), missing, info, &[]),
        "404 without a route" => said(report(404, "GET unmatched 404"), missing, info, &[]),
        "500" => said(
            report(500, "GET /pay 500"),
            &["server_error", "completed", "critical"],
            &["ERROR request, status, duration, id, error"],
            &["error: CardRefused <- BankIsAway; /pay, id"],
        ),
        "slow" => said(
            report(200, "GET /slow 200"),
            &["completed", "warning"],
            warn,
            &[],
        ),
        // One line, and one event.
        "panic" => said(
            report(500, "GET /panic 500"),
            &["server_error", "panicked", "critical"],
            &["ERROR request, status, duration, id, error"],
            &["error: panic; /panic, id"],
        ),
        "stream" => said(
            report(200, "GET /stream 200"),
            &["completed", "normal", "duration of the stream"],
            info,
            &[],
        ),
        // Counted, but in no histogram of responses: there was none.
        "client leaves before the response" => Report {
            answer: None,
            durations: 0,
            ..said(report(499, "GET /wait 499"), &["cancelled"], info, &[])
        },
        "client leaves in the body" => Report {
            answer: None,
            ..said(
                report(200, "GET /endless 200"),
                &["aborted", "normal", "duration of the stream"],
                info,
                &[],
            )
        },
        _ => panic!("{case}"),
    }
}

#[test]
fn both_stacks_report_the_same_requests_as_the_page_on_migration_says() {
    let compared = comparison::run().unwrap();
    assert_eq!(compared.len(), 9);
    for of in compared {
        assert_eq!(of.before, before(of.case), "before: {}", of.case);
        assert_eq!(of.after, after(of.case), "after: {}", of.case);
    }
}
