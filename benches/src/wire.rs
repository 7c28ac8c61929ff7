//! Prints what servers carry under load: each a process on one core, the load on the other.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tower_vitals_benches::{
    Driver, Subject,
    application::BROWSER,
    clock::median,
    subject::{OURS, OURS_JSON, PEERS, PEERS_IN_ONE, PEERS_JSON, PROMETHEUS},
};

use crate::{measure::output, table};

const SERVERS: [&str; 7] = [
    "bare",
    OURS,
    OURS_JSON,
    PROMETHEUS,
    PEERS,
    PEERS_IN_ONE,
    PEERS_JSON,
];
const ROUNDS: usize = 11;
const SECONDS: &str = "1";

/// A server in a process of its own, which ends with this.
struct Server {
    process: Child,
    url: String,
}

/// What one round of load found.
struct Load {
    requests_a_second: f64,
    /// In milliseconds; not known of h2load.
    p99: Option<f64>,
    /// Of the server, in microseconds a request.
    cpu: f64,
}

pub fn print() {
    for program in ["taskset", "wrk", "h2load"] {
        if Command::new(program).arg("--version").output().is_err() {
            println!("{program} is missing: `apt-get install -y util-linux wrk nghttp2-client`.");
            return;
        }
    }
    println!(
        "One core for a current-thread server, one for the load; {ROUNDS} rounds in turns of {SECONDS} s, medians. \
         HTTP/1.1: wrk, 32 connections; HTTP/2: h2load, 8 connections of 16 streams. Log lines go to a sink."
    );
    let servers = SERVERS.map(Server::start);
    compare("HTTP/1.1", &servers, |server| wrk(server, &[]));
    let browser = BROWSER.map(|(name, value)| format!("-H{name}: {value}"));
    compare("HTTP/1.1, 12 headers of a browser", &servers, |server| {
        wrk(server, &browser)
    });
    compare("HTTP/2", &servers, h2load);
}

fn compare(title: &str, servers: &[Server; SERVERS.len()], load: impl Fn(&Server) -> Load) {
    let rounds: Vec<_> = (0..ROUNDS).map(|_| servers.each_ref().map(&load)).collect();
    println!();
    table::head(&[
        title,
        "requests/s",
        "of bare",
        "p99 ms",
        "CPU µs a request",
        "of bare",
    ]);
    for (server, name) in SERVERS.iter().enumerate() {
        // Each against bare of the same round.
        let of = |value: &dyn Fn(&Load, &Load) -> f64| {
            let values = rounds.iter().map(|round| value(&round[server], &round[0]));
            median(values.collect())
        };
        let p99 = match of(&|load, _| load.p99.unwrap_or(f64::NAN)) {
            p99 if p99.is_nan() => "–".into(),
            p99 => format!("{p99:.2}"),
        };
        let cells = [
            table::number(of(&|load, _| load.requests_a_second) as i64),
            table::ratio(of(&|load, bare| {
                load.requests_a_second / bare.requests_a_second
            })),
            p99,
            format!("{:.1}", of(&|load, _| load.cpu)),
            table::ratio(of(&|load, bare| load.cpu / bare.cpu)),
        ];
        table::row(name, &cells);
    }
}

/// Says its port and serves until it is killed.
pub fn serve(subject: &Subject) {
    let driver = Driver::new(subject);
    driver.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        axum::serve(listener, driver.app()).await.expect("no end");
    });
}

fn wrk(server: &Server, headers: &[String]) -> Load {
    let mut wrk = Command::new("taskset");
    wrk.args([
        "-c",
        "1",
        "wrk",
        "-t1",
        "-c32",
        "--latency",
        "-d",
        SECONDS,
        &server.url,
    ]);
    wrk.args(headers);
    let (cpu, text) = server.cpu_time_of(&mut wrk);
    let requests = word_before(&text, "requests in");
    Load {
        requests_a_second: word_after(&text, "Requests/sec:")
            .parse()
            .expect("a number"),
        p99: Some(milliseconds(word_after(&text, "  99%"))),
        cpu: cpu / requests * 1e6,
    }
}

fn h2load(server: &Server) -> Load {
    let mut h2load = Command::new("taskset");
    h2load.args([
        "-c",
        "1",
        "h2load",
        "-c8",
        "-m16",
        "-D",
        SECONDS,
        &server.url,
    ]);
    let (cpu, text) = server.cpu_time_of(&mut h2load);
    Load {
        requests_a_second: word_before(&text, "req/s"),
        p99: None,
        cpu: cpu / word_before(&text, "done,") * 1e6,
    }
}

fn word_after<'a>(text: &'a str, mark: &str) -> &'a str {
    let rest = text.split_once(mark).map(|(_, rest)| rest);
    let word = rest.and_then(|rest| rest.split_whitespace().next());
    word.unwrap_or_else(|| panic!("no {mark:?} in {text}"))
}

fn word_before(text: &str, mark: &str) -> f64 {
    let before = text.split_once(mark).map(|(before, _)| before);
    let word = before.and_then(|before| before.split_whitespace().last());
    let number = word.and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number before {mark:?} in {text}"))
}

fn milliseconds(text: &str) -> f64 {
    let (number, unit) = text.split_at(text.find(char::is_alphabetic).expect("a unit"));
    let number: f64 = number.parse().expect("a number");
    match unit {
        "us" => number / 1e3,
        "ms" => number,
        "s" => number * 1e3,
        _ => panic!("no unit: {text}"),
    }
}

// === impl Server ===

impl Server {
    fn start(subject: &str) -> Self {
        let mut process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(env::current_exe().expect("this program"))
            .args(["serve", subject])
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset");
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("a pipe"))
            .read_line(&mut address)
            .expect("an address");
        let url = format!("http://{}/hello/42", address.trim());
        Self { process, url }
    }

    /// What this server takes while a command runs, in seconds, and what the command prints.
    fn cpu_time_of(&self, command: &mut Command) -> (f64, String) {
        let before = self.cpu_time();
        let text = output(command);
        (self.cpu_time() - before, text)
    }

    fn cpu_time(&self) -> f64 {
        let path = format!("/proc/{}/schedstat", self.process.id());
        let text = fs::read_to_string(path).expect("Linux");
        let nanoseconds: f64 = text
            .split(' ')
            .next()
            .expect("a word")
            .parse()
            .expect("a number");
        nanoseconds / 1e9
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("a process");
        self.process.wait().expect("a process");
    }
}
