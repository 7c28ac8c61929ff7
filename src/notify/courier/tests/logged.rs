//! Reads what a courier writes to the log.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::notify::losses::Losses;

/// Keeps each line.
#[derive(Clone)]
struct Lines(Sender<String>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let _ = self.0.send(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that a courier that `start` starts writes, at the level TRACE.
pub(super) fn logged<R>(start: impl FnOnce() -> R) -> (R, Receiver<String>) {
    let (lines, written) = mpsc::channel();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .without_time()
        .with_ansi(false)
        .with_writer(Lines(lines))
        .finish();
    (
        tracing::subscriber::with_default(subscriber, start),
        written,
    )
}

#[test]
fn a_series_of_failures_is_one_line_and_its_end_another() {
    let metrics = metrics();
    let (courier, written) = logged(|| {
        start(QUICK, &metrics, |names, _| match names[0].as_str() {
            "later" => Err(later(None)),
            "refused" => Err(NotifyError::Refused {
                text: format!("no\n{}", "x".repeat(1_000)),
            }),
            "panics" => resume_unwind(Box::new("the notifier")),
            _ => Ok(()),
        })
    });
    let fine = "fine";
    for name in [
        fine, "later", "refused", "panics", fine, fine, "refused", fine,
    ] {
        courier.send(named(name));
        settled(&courier);
    }
    drop(courier);
    let written: Vec<_> = written.iter().collect();
    let long = format!(r#""no\\n{}…""#, "x".repeat(249));
    let fails = |error: &str| {
        format!(r#" WARN tower_vitals: a notifier fails notifier="calls" error={error}"#)
    };
    let works = r#" INFO tower_vitals: a notifier works again notifier="calls""#;
    assert_eq!(written, [&fails(r#""busy""#), works, &fails(&long), works]);
}

#[test]
fn what_is_dropped_has_one_line_with_its_number() {
    let metrics = metrics();
    let (losses, written) = logged(|| Losses::new(&metrics));
    losses.say("slack".into(), 0);
    losses.say("slack".into(), 44);
    losses.count("elsewhere", 2);
    // A name that another instance wrote can be anything.
    losses.count(&format!("a\n{}", "x".repeat(1_000)), 3);
    drop(losses);
    let written: Vec<_> = written.iter().collect();
    let dropped = |notifier: &str, many: u64| {
        format!(
            r#" WARN tower_vitals: notifications are dropped notifier="{notifier}" dropped={many}"#
        )
    };
    let long = format!(r"a\\n{}…", "x".repeat(61));
    let all = [("slack", 44), ("elsewhere", 2), (&long, 3)];
    assert_eq!(written, all.map(|(name, many)| dropped(name, many)));
    let counts = ["slack", "elsewhere", "_OTHER"].map(|name| metrics.notifications(name));
    assert_eq!(counts, [None, None, Some([0, 5, 0, 0])]);
}

#[test]
fn a_subscriber_that_hangs_holds_up_no_notification() {
    struct Hanging(Receiver<()>);

    impl Write for Hanging {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let metrics = metrics();
    let (_go_on, stop) = mpsc::channel();
    let hanging = Mutex::new(Hanging(stop));
    let subscriber = tracing_subscriber::fmt().with_writer(hanging).finish();
    let courier = tracing::subscriber::with_default(subscriber, || {
        start(QUICK, &metrics, |names, _| match names[0].as_str() {
            "refused" => Err(refused()),
            _ => Ok(()),
        })
    });
    for name in ["refused", "fine", "refused", "fine"] {
        courier.send(named(name));
        settled(&courier);
    }
    assert_eq!(counted(&metrics), [2, 0, 2, 0]);
}
