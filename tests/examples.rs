//! Ends the examples as a person at a terminal does.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod programs;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{ChildStdout, Command, Stdio},
};

use crate::programs::{Running, example, get};

/// An example that listens on a free port.
struct Example {
    running: Running,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Example {
    fn start(name: &str) -> Self {
        let mut child = Command::new(example(name))
            .env("PORT", "0")
            .env("LOG_FORMAT", "json")
            .env_remove("SENTRY_DSN")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let address = loop {
            assert!(out.read_line(&mut line).unwrap() > 0, "{name}: {line}");
            if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
                let port = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
                break format!("127.0.0.1:{port}");
            }
        };
        Self {
            running: Running(child),
            out,
            address,
        }
    }

    /// The line that says what was cut off, after these signals.
    fn ended_by(&mut self, signals: &[&str]) -> String {
        for signal in signals {
            let id = self.running.0.id().to_string();
            let sent = Command::new("kill").args([signal, &*id]).status();
            assert!(sent.unwrap().success());
        }
        let mut text = String::new();
        self.out.read_to_string(&mut text).unwrap();
        assert!(self.running.0.wait().unwrap().success(), "{text}");
        let mut lines = text.lines();
        let said = lines.find(|line| line.contains(r#""message":"ended""#));
        said.unwrap().to_owned()
    }
}

/// What an example prints until it ends by itself.
fn said(name: &str, variables: &[(&str, &str)]) -> String {
    let mut child = Command::new(example(name))
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut out = child.stdout.take().unwrap();
    let mut running = Running(child);
    out.read_to_string(&mut text).unwrap();
    assert!(running.0.wait().unwrap().success(), "{text}");
    text
}

#[test]
fn the_payments_of_the_shop_fail_and_its_alerts_fire_and_end_and_people_are_told() {
    let text = said("incidents", &[("PORT", "0"), ("ROUNDS", "1")]);
    for alert in ["payments_fail", "high_error_rate"] {
        let of_alert = |line: &&str| {
            let state = line.starts_with("  ") && !line.contains(" is told ");
            state && line.contains(alert)
        };
        let lines = text.lines().filter(of_alert);
        let states: Vec<_> = lines
            .filter_map(|line| line.split_once(": Alert"))
            .collect();
        let states: Vec<_> = states.iter().map(|(state, _)| state.trim()).collect();
        // What is pending can be well again for a moment.
        let last = states.len().saturating_sub(3);
        assert_eq!(states[last..], ["pending", "firing", "resolved"], "{text}");
    }
    // The other alert is only told to the chat.
    for (who, name, first) in [
        ("chat", "payments_fail", "firing"),
        ("chat", "high_error_rate", "firing"),
        ("on_call", "payments_fail", "escalated"),
    ] {
        let told = format!("  {who} is told (");
        let lines = text.lines().filter(|line| line.contains(name));
        let kinds = lines.filter_map(|line| line.strip_prefix(&*told));
        let kinds: Vec<_> = kinds.filter_map(|line| line.split(')').next()).collect();
        let (begins, ends) = (kinds.first(), kinds.last());
        assert_eq!((begins, ends), (Some(&first), Some(&"resolved")), "{text}");
        let repeats = &kinds[1..kinds.len() - 1];
        assert!(repeats.iter().all(|kind| *kind == "repeated"), "{text}");
    }
    assert!(!text.contains("on_call is told (firing)"), "{text}");
}

#[test]
fn an_example_says_what_it_cut_off() {
    let mut quickstart = Example::start("quickstart");
    let mut events = TcpStream::connect(&quickstart.address).unwrap();
    events
        .write_all(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    events.read_exact(&mut [0; 1]).unwrap();
    let said = quickstart.ended_by(&["-INT", "-TERM"]);
    assert!(said.contains(r#""unfinished":1,"#), "{said}");
}

#[test]
fn quickstart_errors_and_sentry_end_by_themselves_when_nothing_runs() {
    for name in ["quickstart", "errors", "sentry"] {
        let mut example = Example::start(name);
        // From its first answer on, it hears signals.
        get(&example.address, "/metrics", "").unwrap();
        let said = example.ended_by(&["-INT"]);
        assert!(said.contains(r#""unfinished":0,"#), "{name}: {said}");
    }
}

#[test]
fn an_error_enum_answers_in_both_ways() {
    let mut errors = Example::start("errors");
    let answer = |path: &str| {
        let mut socket = TcpStream::connect(&errors.address).unwrap();
        write!(socket, "POST {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].to_owned(), body.trim_end().to_owned())
    };
    for (path, status, body) in [
        ("/order/17/close", "409", "this order is closed"),
        ("/order/18/close", "500", "try again later"),
        ("/hold", "409", "conflict"),
        ("/take", "410", "gone"),
    ] {
        assert_eq!(answer(path), (status.into(), body.into()), "{path}");
    }
    errors.ended_by(&["-INT"]);
}

#[test]
fn each_client_of_the_example_sends_the_id_on() {
    let mut outbound = Example::start("outbound");
    for path in ["/reqwest", "/builder", "/hyper", "/tonic"] {
        let seen = get(&outbound.address, path, "x-request-id: id-7\r\n");
        assert_eq!(seen.as_deref(), Some("id-7\n"), "{path}");
    }
    outbound.ended_by(&["-INT"]);
}

#[test]
fn plain_hyper_has_the_id_of_a_request_that_panics() {
    let hyper = Example::start("hyper");
    let mut socket = TcpStream::connect(&hyper.address).unwrap();
    socket
        .write_all(b"GET /panic HTTP/1.0\r\nx-request-id: id-7\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 500"), "{answer}");
    assert!(answer.contains("x-request-id: id-7\r\n"), "{answer}");
    let totals = get(&hyper.address, "/totals", "").unwrap();
    assert!(totals.contains("panicked: 1,"), "{totals}");
}

/// What the shop prints in so many rounds of a second.
fn shop(rounds: &str) -> String {
    said("shop", &[("ROUNDS", rounds), ("ROUND_MS", "1000")])
}

#[test]
fn the_tables_of_the_shop_are_aligned_and_fit_a_terminal() {
    let text = shop("1");
    let mut tables = text.split("\n\n").map(str::trim_end);
    let mut table = |name: &str| {
        let found = tables.find(|table| table.trim_start().starts_with(name));
        let mut lines = found.unwrap().trim_start().lines();
        (lines.next().unwrap(), lines.collect::<Vec<_>>())
    };
    let (summary, _) = table("last 1.0 s, ");
    assert!(summary.contains(" failed, "), "{summary}");
    for name in ["endpoint ", "part "] {
        let (head, rows) = table(name);
        let slowest_first = rows.iter().map(|row| {
            let p95 = &row[..head.find(" p95 ms").unwrap() + " p95 ms".len()];
            p95.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        });
        let slowest_first: Vec<_> = slowest_first.collect();
        assert!(slowest_first.iter().rev().is_sorted(), "{text}");
        assert!(rows.iter().all(|row| row.len() == head.len()), "{text}");
    }
    assert!(text.contains("\ncircuit payments: closed\n"), "{text}");
    table("release ");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn the_shop_shows_which_of_its_parts_is_slow_when_each_is_made_slow_in_turn() {
    let text = shop("7");
    let rounds: Vec<_> = text.split("== round ").skip(1).collect();
    for (round, part) in [
        (3, "query SELECT products"),
        (4, "call payments"),
        (5, "function render_invoice"),
        (6, "job rollup"),
    ] {
        // What is under way ends a round later.
        let found = rounds[round - 1..=round].concat();
        let line = format!("\nslow: {part}, p95 ");
        assert!(found.contains(&line), "{line}{text}");
    }
    // Between two tries it is open, and during one it is half open.
    let states = ["open", "half_open"].map(|state| format!("circuit payments: {state}"));
    let is_off = states.iter().any(|state| rounds[6].contains(state));
    assert!(is_off, "{text}");
    assert!(rounds[6].contains("external_service  /orders"), "{text}");
}
