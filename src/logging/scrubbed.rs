//! Takes secrets out of whole lines, before they are written.

use std::{
    borrow::Cow,
    fmt,
    io::{self, ErrorKind, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::drain::PAUSE;
use crate::{
    config::{ConfigError, Environment},
    metrics::log_lines,
    scrub::{Scrubbing, of_process},
};

/// A writer that scrubs the lines before another one has them.
pub(super) struct Scrubbed<W> {
    /// That of the process if `None`.
    own: Option<Scrubbing>,
    whole: WholeLines<W>,
}

/// Writes lines one by one.
struct WholeLines<W> {
    writer: W,
    /// The last line was cut off. The next one must not continue it.
    torn: bool,
}

/// The fields of a line in their order.
struct Fields(Vec<(String, Value)>);

/// Whether only lines of JSON can be scrubbed: by what a field is, and not by what a text looks like.
pub(super) fn needs_json() -> bool {
    of_process::get().is_some()
}

/// The line as it may be written by a writer that is no queue. `None` if it is lost.
pub(super) fn at_once(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    match of_process::get() {
        None => Some(Cow::Borrowed(line)),
        Some(scrubbing) => scrubbed_line(scrubbing, line).map(Cow::Owned),
    }
}

/// What `LOG_SCRUB` says.
pub(super) fn from_environment(
    environment: &Environment<'_>,
) -> Result<Option<Scrubbing>, ConfigError> {
    let expected = "expected true, false or health_data";
    let scrubbing = environment.parse("LOG_SCRUB", expected, |word| match word {
        "true" => Some(Some(Scrubbing::new())),
        "health_data" => Some(Some(Scrubbing::health_data())),
        "false" => Some(None),
        _ => None,
    })?;
    Ok(scrubbing.flatten())
}

/// The scrubbing of one writer, or `None` if the whole process has it from now on.
pub(super) fn adopted(scrubbing: Scrubbing) -> Option<Scrubbing> {
    of_process::set(&scrubbing);
    scrubbing.keeps_free_text().then_some(scrubbing)
}

/// A writer that scrubs as `own` says. `None` for as the process says when a line is written.
pub(super) const fn writer<W: Write + Send>(own: Option<Scrubbing>, writer: W) -> Scrubbed<W> {
    let torn = false;
    let whole = WholeLines { writer, torn };
    Scrubbed { own, whole }
}

// === impl Scrubbed ===

impl<W: Write> Write for Scrubbed<W> {
    /// Takes whole lines: as many as there are before the first one that the writer refuses.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let Some(scrubbing) = self.own.as_ref().or(of_process::get()) else {
            return self.whole.writer.write(lines);
        };
        let mut taken = 0;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            match scrubbed_line(scrubbing, line) {
                None => log_lines::lost(1),
                Some(line) => match self.whole.write(&line) {
                    Err(error) if taken == 0 => return Err(error),
                    Err(_) => break,
                    Ok(()) => {}
                },
            }
            taken += line.len();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.whole.writer.flush()
    }
}

// === impl WholeLines ===

impl<W: Write> WholeLines<W> {
    /// Writes a line as a whole, as far as the writer lets it.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.writer.write_all(b"\n")?;
            self.torn = false;
        }
        let mut written = 0;
        while written < line.len() {
            match self.writer.write(&line[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The writer cannot wait itself. Nobody else knows that half of the line is written.
                Err(error) if error.kind() == ErrorKind::WouldBlock && written > 0 => {
                    thread::sleep(PAUSE);
                }
                Err(error) => {
                    self.torn = written > 0;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

// === impl Fields ===

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The line without secrets. `None` if it cannot be scrubbed: a rule panics, or the line has no fields although only some may
/// be kept.
fn scrubbed_line(scrubbing: &Scrubbing, line: &[u8]) -> Option<Vec<u8>> {
    let scrub = || match serde_json::from_slice(line) {
        Ok(Fields(fields)) => json(scrubbing, fields),
        Err(_) if scrubbing.keeps_free_text() => {
            let text = String::from_utf8_lossy(line);
            let kept = scrubbing.scrub(text.trim_end_matches('\n'));
            Some((kept + "\n").into_bytes())
        }
        Err(_) => None,
    };
    catch_unwind(AssertUnwindSafe(scrub)).ok().flatten()
}

fn json(scrubbing: &Scrubbing, fields: Vec<(String, Value)>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    for (mut name, mut value) in fields {
        if scrubbing.scrub_line_field(&mut name, &mut value) {
            line.push(if line.is_empty() { b'{' } else { b',' });
            serde_json::to_writer(&mut line, &name).ok()?;
            line.push(b':');
            serde_json::to_writer(&mut line, &value).ok()?;
        }
    }
    // Every line has a timestamp.
    (!line.is_empty()).then(|| {
        line.extend_from_slice(b"}\n");
        line
    })
}
