//! Takes secrets out of the lines of the log.

use std::{
    io::{self, ErrorKind, Write},
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_vitals::{
    logging::{self, Format},
    scrub::Scrubbing,
};
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::support::lines::Written;

/// The text of what is logged in this format, behind its timestamp.
fn logged(scrubbing: Scrubbing, format: Format, log: impl FnOnce()) -> String {
    let written = Written::default();
    let writer = logging::scrubbed(scrubbing, written.clone()).unwrap();
    let lines = logging::queued(writer).unwrap();
    let layer = logging::layer(format, lines.clone(), false);
    tracing::subscriber::with_default(registry().with(layer), log);
    assert_eq!(lines.flush(Duration::from_secs(20)), 0);
    let text = written.take();
    let timestamp = "2026-11-21T13:24:51.760Z".len();
    match format {
        Format::Json => text.get(r#"{"timestamp":""#.len() + timestamp + 2..),
        _ => text.get(timestamp + 1..),
    }
    .unwrap_or_default()
    .to_owned()
}

#[test]
fn a_scrubbed_line_keeps_its_form_and_no_secret() {
    let log = || {
        tracing::info!(
            target: "shop",
            order = 17,
            api_key = "abc",
            card = 4111111111111111_u64,
            cause = "login of ann@example.com failed: password=hunter2",
            "charged {}",
            "Bearer abcdefghijklmnop"
        );
    };
    assert_eq!(
        logged(Scrubbing::new(), Format::Json, log),
        concat!(
            r#""level":"INFO","target":"shop","message":"charged Bearer [Filtered]","order":17,"api_key":"[Filtered]","#,
            r#""card":"[Filtered]","cause":"login of [Filtered] failed: password=[Filtered]"}"#,
            "\n"
        )
    );
    let text = logged(Scrubbing::new(), Format::Text, log);
    assert!(
        text.starts_with(" INFO shop: charged Bearer [Filtered]"),
        "{text}"
    );
    assert!(text.contains("order=17") && text.ends_with('\n'), "{text}");
    for secret in ["abc", "4111", "ann@", "hunter2"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_line_about_health_keeps_only_what_is_listed() {
    let log = || {
        tracing::info!(
            target: "shop",
            patient = "Anna",
            endpoint = "/patients/{id}",
            status = 200,
            severity = "normal",
            outcome = "Anna",
            request_id = "anna",
            "Anna is ill"
        );
    };
    assert_eq!(
        logged(Scrubbing::health_data(), Format::Json, log),
        concat!(
            r#""level":"INFO","target":"shop","endpoint":"/patients/{id}","status":200,"severity":"normal"}"#,
            "\n"
        )
    );
    // Without fields nothing tells what may be kept.
    assert_eq!(logged(Scrubbing::health_data(), Format::Text, log), "");
}

#[test]
fn a_rule_that_panics_costs_its_line_and_no_other() {
    let scrubbing = Scrubbing::new().rule(|text| (text == "bad").then(|| panic!("as asked")));
    crate::support::panics::silence_panics_that_were_asked_for();
    let text = logged(scrubbing, Format::Json, || {
        tracing::info!("one");
        tracing::info!("bad");
        tracing::info!("two");
    });
    assert_eq!(text.matches("message").count(), 2, "{text}");
    assert!(text.contains("one") && text.contains("two"), "{text}");
    let error = logging::scrubbed(Scrubbing::new().key(""), io::sink()).err();
    assert_eq!(error.unwrap().field(), "scrubbing.key");
}

/// Takes half of each second line, and then nothing until it is asked again.
#[derive(Clone, Default)]
struct Halting(Arc<Mutex<(usize, Vec<u8>)>>);

impl Write for Halting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (calls, written) = &mut *self.0.lock().unwrap();
        *calls += 1;
        let taken = match *calls {
            2 => bytes.len() / 2,
            3 => return Err(ErrorKind::StorageFull.into()),
            _ => bytes.len(),
        };
        written.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_scrubbed_line_that_was_cut_off_is_not_continued_by_the_next() {
    let halting = Halting::default();
    let mut writer = logging::scrubbed(Scrubbing::new(), halting.clone()).unwrap();
    let lines = b"a=1 one\na=1 two\na=1 three\n";
    let taken = writer.write(lines).unwrap();
    assert_eq!(taken, b"a=1 one\n".len());
    assert_eq!(writer.write(&lines[taken..]).unwrap(), lines.len() - taken);
    let (_, written) = mem::take(&mut *halting.0.lock().unwrap());
    let text = String::from_utf8(written).unwrap();
    assert_eq!(text, "a=1 one\na=1 \na=1 two\na=1 three\n");
}
