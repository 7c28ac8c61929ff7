//! Writes the lines of whole processes, whatever becomes of their reader.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod programs;

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    process::{self, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::time::Instant;
use tower_vitals::{
    Vitals,
    health::Health,
    logging::{self, Format, QueueSettings},
    metrics::Sink,
    scrub::Scrubbing,
};
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::programs::{Running, eventually, example, get};

/// The conformance server, whose standard output is a pipe that the test reads or not.
struct Server {
    running: Running,
    out: BufReader<ChildStdout>,
    address: String,
    admin: String,
}

impl Server {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(example("conformance-server"))
            .env("ADDR", "127.0.0.1:0")
            .env("ADMIN_ADDR", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("conformance on ") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "wrote no line");
        }
        let (address, admin) = line.trim().split_once(", administration on ").unwrap();
        Self {
            address: address.trim_start_matches("conformance on ").to_owned(),
            admin: admin.to_owned(),
            running: Running(child),
            out,
        }
    }

    fn answers(&self, admin: bool, path: &str) -> String {
        let address = if admin { &self.admin } else { &self.address };
        get(address, path, "").unwrap_or_else(|| panic!("{path} does not answer"))
    }

    fn dropped(&self) -> u64 {
        let metrics = self.answers(true, "/metrics");
        let sample = metrics
            .lines()
            .find_map(|line| line.strip_prefix("vitals_dropped_total{sink=\"log\"} "));
        sample.unwrap().parse().unwrap()
    }

    /// Sends requests until the pipe and the queue are full.
    fn fill(&self) {
        for n in 0..10 {
            for _ in 0..200 {
                assert_eq!(self.answers(false, "/full").len(), 13);
            }
            if self.dropped() > 0 {
                return;
            }
            assert!(n < 9, "nothing is dropped");
        }
    }
}

#[test]
fn a_log_that_nobody_reads_hangs_nothing_and_flows_again() {
    for (runtime, format) in [("multi", "json"), ("current", "text")] {
        let server = Server::start(&[
            ("RUNTIME", runtime),
            ("LOG_FORMAT", format),
            ("LOG_QUEUE", "100"),
        ]);
        server.fill();
        let before = server.dropped();
        for path in ["/livez", "/readyz"] {
            assert!(!server.answers(true, path).is_empty());
        }
        for n in 1..=5 {
            server.answers(false, "/empty");
            eventually("a count of each line", || {
                (server.dropped() == before + n).then_some(())
            });
        }
        // The reader is back. Each line is whole, and new ones come.
        let mut out = server.out;
        let reader = thread::spawn(move || {
            let mut lines = Vec::new();
            for line in out.by_ref().lines() {
                let line = line.unwrap();
                let last = line.contains(" /last ") || line.contains(r#""/last""#);
                lines.push(line);
                if last {
                    return lines;
                }
            }
            panic!("the log ended");
        });
        eventually("a line after all", || {
            // Without a route, a line of text shows the path.
            get(&server.address, "/last", "");
            reader.is_finished().then_some(())
        });
        let lines = reader.join().unwrap();
        assert!(lines.len() > 100, "{}", lines.len());
        for line in lines {
            match format {
                "json" => _ = serde_json::from_str::<serde_json::Value>(&line).unwrap(),
                _ => assert_eq!(line.matches(" tower_vitals: ").count(), 1, "{line}"),
            }
        }
        drop(server.running);
    }
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_the_end() {
    for runtime in ["multi", "current"] {
        let mut server = Server::start(&[
            ("RUNTIME", runtime),
            ("LOG_QUEUE", "100"),
            ("SHUTDOWN_MS", "2000"),
        ]);
        server.fill();
        let asked = Instant::now();
        let pid = server.running.0.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let status = eventually("an end", || server.running.0.try_wait().unwrap());
        let took = asked.elapsed();
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_millis(2_900), "{took:?}");
    }
}

/// What the program writes to standard output if it ends like this, and whether it succeeded.
fn written(end: &str) -> (String, bool) {
    let (out, _, success) = run(end, &[("LOG_FORMAT", "json")]);
    (out, success)
}

/// What the program writes to both of its outputs, and whether it succeeded.
fn run(end: &str, variables: &[(&str, &str)]) -> (String, String, bool) {
    let output = Command::new(example("log_lines"))
        .arg(end)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.success(),
    )
}

#[test]
fn log_file_takes_the_lines_and_a_bad_one_fails_the_start() {
    let path = env::temp_dir().join(format!("tower-vitals-log-{}", process::id()));
    let name = path.to_str().unwrap();
    let (out, _, success) = run("return", &[("LOG_FILE", name), ("LOG_FORMAT", "text")]);
    assert!(success && out.is_empty(), "{} bytes", out.len());
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 5_000);
    fs::remove_file(&path).unwrap();
    let (_, error, success) = run("return", &[("LOG_FILE", "/dev/null/app.log")]);
    let expected = r#"field: "LOG_FILE", value: "/dev/null/app.log""#;
    assert!(!success && error.contains(expected), "{error}");
}

#[test]
fn a_process_with_data_about_health_writes_no_sentence() {
    for (end, scrub) in [
        ("health", "false"),
        ("health-layer", "false"),
        ("sentence", "health_data"),
    ] {
        let (out, _, success) = run(end, &[("LOG_FORMAT", "text"), ("LOG_SCRUB", scrub)]);
        assert!(success && !out.contains("Anna"), "{end}: {out}");
        let line: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        let mut fields: Vec<_> = line.as_object().unwrap().keys().collect();
        // A stack adds these.
        fields.retain(|field| !["environment", "release", "service"].contains(&field.as_str()));
        assert_eq!(fields, ["level", "target", "timestamp"], "{end}");
        assert_eq!(line["level"], "WARN", "{end}");
    }
    let (out, _, _) = run("sentence", &[("LOG_FORMAT", "json"), ("LOG_SCRUB", "true")]);
    assert!(
        out.contains("Anna is ill") && out.contains(r#""token":"[Filtered]""#),
        "{out}"
    );
}

#[test]
fn the_end_of_the_main_thread_writes_what_is_queued() {
    for (end, success) in [("return", true), ("exit", true), ("panic", false)] {
        let (text, succeeded) = written(end);
        assert_eq!(succeeded, success, "{end}");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let numbers = lines.iter().map(|line| line["n"].as_u64().unwrap());
        assert!(numbers.eq(0..5_000), "{end}: {} lines", lines.len());
    }
}

#[test]
fn the_end_of_the_main_thread_waits_one_second_for_a_reader() {
    let begun = Instant::now();
    let mut child = Command::new(example("log_lines"))
        .arg("return")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(child.wait().unwrap().success());
    let took = begun.elapsed();
    let second = Duration::from_secs(1);
    assert!(took >= second && took < 4 * second, "{took:?}");
}

#[test]
fn a_flush_in_vain_is_told_and_not_tried_again_at_the_end() {
    let mut child = Command::new(example("log_lines"))
        .arg("flush")
        .env("LOG_QUEUE", "1000")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut told).unwrap();
    let begun = Instant::now();
    assert!(child.wait().unwrap().success());
    let took = begun.elapsed();
    // A second try would take a second.
    assert!(took < Duration::from_millis(500), "{took:?}");
    // The queue was full. The last write into the pipe made room for some lines at most, when all were logged.
    let told: u64 = told.trim().parse().unwrap();
    assert!((900..=1_000).contains(&told), "{told}");
}

/// Waits until its other end is dropped.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn run_and_flush_wait_for_lines_and_say_how_many_are_left() {
    let health = Health::builder().start().unwrap();
    let stack = || {
        Vitals::builder()
            .isolated()
            .health(health.service())
            .drain_delay(Duration::ZERO)
            .shutdown_deadline(Duration::from_millis(200))
            .build()
            .unwrap()
    };
    let run = async |vitals: &Vitals| {
        let server = async { Ok::<_, io::Error>(()) };
        vitals.run(server).await.unwrap().unwritten
    };
    let vitals = stack();
    let (open, stuck) = mpsc::channel();
    let lines = logging::queued(Stuck(stuck)).unwrap();
    for line in ["one\n", "two\n"] {
        (&lines).write_all(line.as_bytes()).unwrap();
    }
    health.drain();
    vitals.shutdown_signal().await;
    let begun = Instant::now();
    assert_eq!(run(&vitals).await, 2);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(vitals.flush(Duration::from_millis(10)), 2);
    let later = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        drop(open);
    });
    assert_eq!(run(&stack()).await, 0);
    later.join().unwrap();
    assert_eq!(vitals.flush(Duration::ZERO), 0);
}

/// Writes nothing, and says so.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lost_lines_are_counted_by_the_process_and_fix_none_of_its_settings() {
    let log = |layer| {
        let layer: Box<dyn tracing_subscriber::Layer<_> + Send + Sync> = layer;
        tracing::subscriber::with_default(registry().with(layer), || {
            (0..3).for_each(|n| tracing::info!(n, "lost"));
        });
    };
    let isolated = Vitals::builder().isolated().build().unwrap();
    let queue = QueueSettings::new().start(Full).unwrap();
    log(Box::new(logging::layer(Format::Json, queue.clone(), false)));
    assert_eq!(queue.flush(Duration::from_secs(20)), 0);
    // A writer that the layer calls itself can refuse lines as well, and a line can be too long.
    log(Box::new(logging::layer(Format::Text, || Full, false)));
    let queue = QueueSettings::new().bytes(10).start(io::sink()).unwrap();
    log(Box::new(logging::layer(Format::Json, queue, false)));
    // A line can be impossible to scrub.
    let scrubbing = Scrubbing::new().rule(|_| panic!("a rule that panics"));
    let queue = logging::scrubbed(scrubbing, io::sink()).unwrap();
    let queue = logging::queued(queue).unwrap();
    log(Box::new(logging::layer(Format::Json, queue.clone(), false)));
    assert_eq!(queue.flush(Duration::from_secs(20)), 0);
    // The counters of the process are made after the loss, with settings of their own.
    let vitals = Vitals::builder().endpoint_cap(7).build().unwrap();
    assert_eq!(vitals.metrics().totals().dropped(Sink::Log), 12);
    let text = vitals.render();
    assert!(
        text.contains("vitals_dropped_total{sink=\"log\"} 12\n"),
        "{text}"
    );
    assert_eq!(isolated.metrics().totals().dropped(Sink::Log), 0);
}
