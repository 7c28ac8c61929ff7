//! Prints what many series, many requests and many open streams cost.

use axum::{Router, body::Body, http::Request, routing::get};
use tower_vitals_benches::{
    Case, Driver, Subject,
    application::{FRAMES, browser},
    clock::{cpu_time, median},
    ours, peers,
    subject::{EXCLUDED, OURS, PEERS, PROMETHEUS, WITHOUT_SENTRY},
};

use crate::{
    measure,
    table::{self, number, number_or_dash},
};

const SERIES: [&str; 3] = ["10", "1000", "2000"];
const REQUESTS: usize = 2_000;
const SCRAPES: usize = 5;
/// The requests that go unscraped.
const MILLIONS: &str = "10";
/// As many as callgrind can follow.
const LATER: &str = "200000";

pub fn print() {
    series();
    println!();
    unscraped();
    println!();
    open();
    println!();
    frames();
}

fn series() {
    println!(
        "Requests to as many routes in turn, over the same application bare; and one scrape.\n"
    );
    table::head(&[
        "series",
        "around the application",
        "added instructions a request",
        "scrape: CPU ms",
        "bytes",
    ]);
    for series in SERIES {
        let instructions = |subject| measure::instructions(&["routes", subject, series]);
        let bare = instructions("bare");
        for subject in [OURS, PROMETHEUS] {
            let added = instructions(subject).zip(bare);
            let added = added.map(|(all, bare)| (all as i64 - bare as i64) / REQUESTS as i64);
            let scrape = measure::numbers(&["scrape", subject, series]);
            let cells = [
                subject.to_owned(),
                number_or_dash(added),
                format!("{:.1}", scrape[0]),
                number(scrape[1] as i64),
            ];
            table::row(series, &cells);
        }
    }
}

fn unscraped() {
    println!("{MILLIONS} million requests and no scrape.\n");
    table::head(&[
        "around the application",
        "heap at its peak, KiB",
        "still held, KiB",
        "instructions after 200,000 against at the start",
    ]);
    for subject in ["bare", OURS, PROMETHEUS] {
        let counted = measure::counted(&["unscraped", subject, MILLIONS]);
        let kib = |bytes: f64| number(bytes as i64 / 1024);
        let after = |requests| measure::instructions(&["after", subject, requests]);
        let steady = after(LATER).zip(after("200"));
        let steady = steady.map(|(later, start)| table::ratio(later as f64 / start as f64));
        let cells = [
            kib(counted[0]),
            kib(counted[1]),
            steady.unwrap_or_else(|| "–".into()),
        ];
        table::row(subject, &cells);
    }
}

fn open() {
    println!("10,000 requests in flight at once: bytes on the heap for each.\n");
    table::head(&[
        "around the application",
        "waiting for an answer",
        "the same, 4 headers",
        "within a body",
        "the same, without its head",
    ]);
    for subject in ["bare", OURS, PROMETHEUS, PEERS] {
        let cases = [
            "waiting",
            "waiting, 4 headers",
            "streaming",
            "streaming, no head",
        ];
        let bytes = cases.map(|case| number(measure::counted(&["open", subject, case])[0] as i64));
        table::row(subject, &bytes);
    }
}

fn frames() {
    println!("A body of {FRAMES} frames: instructions added to each.\n");
    table::head(&["around the application", "a frame"]);
    let instructions = |subject| measure::instructions(&["frames", subject]);
    let bare = instructions("bare");
    for subject in [WITHOUT_SENTRY, OURS, EXCLUDED, PROMETHEUS, PEERS] {
        let added = instructions(subject).zip(bare);
        let added = added.map(|(all, bare)| (all as i64 - bare as i64) / FRAMES as i64);
        table::row(subject, &[number_or_dash(added)]);
    }
}

/// What callgrind looks at.
pub fn streamed(subject: &Subject) {
    let driver = Driver::new(subject);
    driver.run(Case::Found, 200);
    driver.measured(1, &|_| Case::Frames.request());
}

/// What callgrind looks at, too.
pub fn routes(subject: &str, series: usize) {
    let (driver, _) = application(subject, series);
    driver.send(2 * series, &|number| to(number % series));
    driver.measured(REQUESTS, &|number| to(number % series));
}

/// What callgrind looks at, once more.
pub fn after(subject: &Subject, requests: usize) {
    let driver = Driver::new(subject);
    driver.run(Case::Found, requests);
    driver.measured(REQUESTS, &|_| Case::Found.request());
}

/// Milliseconds and bytes of a scrape, each after a request to every route.
pub fn scrape(subject: &str, series: usize) {
    let (driver, render) = application(subject, series);
    let mut bytes = 0;
    let times = (0..SCRAPES).map(|_| {
        driver.send(series, &to);
        cpu_time(|| bytes = render().len())
    });
    println!("{} {bytes}", 1e3 * median(times.collect()));
}

/// An application with as many routes, of which each has a series of its own.
fn application(subject: &str, series: usize) -> (Driver, Box<dyn Fn() -> String>) {
    let app = (0..series).fold(Router::new(), |app, number| {
        app.route(
            &format!("/route{number}/{{id}}"),
            get(async || "hello, world\n"),
        )
    });
    let mut render: Box<dyn Fn() -> String> = Box::new(String::new);
    let driver = Driver::around(app, |app| match subject {
        OURS => {
            let (app, scrape) = ours::scraped(app, series);
            render = Box::new(scrape);
            app
        }
        PROMETHEUS => {
            let (app, scrape) = peers::scraped(app);
            render = Box::new(scrape);
            app
        }
        _ => app,
    });
    (driver, render)
}

fn to(number: usize) -> Request<Body> {
    browser(&format!("/route{number}/42"))
}
