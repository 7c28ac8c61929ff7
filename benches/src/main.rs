//! Prints what our stack costs beside what people use today.

mod alerts;
mod beside;
mod budget;
mod choices;
mod contention;
mod costs;
mod fleet;
mod measure;
mod pages;
mod scale;
mod table;
mod wire;

use std::{env, process::ExitCode};

use tower_vitals_benches::{Case, Subject};

const USAGE: &str = "\
without arguments: instructions, allocations and CPU time of a request, in one process
choices: what each thing adds that is off by default, and what a line costs the thread that writes
budget: whether a request, a monitored function and an evaluation of alerts cost no more instructions than they did
wire: requests/s, p99 and CPU time of servers under wrk and h2load
contention: two threads on one route against one
scale: many series, many requests without a scrape, many open streams
pages: a hundred open pages of the console
beside: times of requests beside evaluations and readers of the monitoring API
fleet: whether the thread that writes to Redis costs no more than it may";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => costs::print(),
        ["choices"] => choices::print(),
        ["budget"] => return budget::check(),
        ["wire"] => wire::print(),
        ["contention"] => contention::print(),
        ["scale"] => scale::print(),
        ["pages"] => pages::print(),
        ["beside"] => beside::print(),
        ["fleet"] => return fleet::check(),
        // What the above start, each in a process of its own: recorders, subscribers and clients are global.
        ["run", subject, case] => costs::run(Subject::named(subject), Case::named(case)),
        ["line", writer, format] => choices::lines(writer, format),
        ["call"] => costs::call(),
        ["evaluate", what] => alerts::evaluate(what == "each rule"),
        ["contend", subject] => contention::run(Subject::named(subject)),
        ["routes", subject, series] => scale::routes(subject, series.parse().expect("a number")),
        ["after", subject, requests] => {
            scale::after(Subject::named(subject), requests.parse().expect("a number"))
        }
        ["frames", subject] => scale::streamed(Subject::named(subject)),
        ["scrape", subject, series] => scale::scrape(subject, series.parse().expect("a number")),
        ["serve", subject] => wire::serve(Subject::named(subject)),
        ["ratio", subject, case] => costs::ratio(Subject::named(subject), Case::named(case)),
        _ => eprintln!("{USAGE}"),
    }
    ExitCode::SUCCESS
}
