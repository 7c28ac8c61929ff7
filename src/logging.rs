//! Writes the application's log lines: JSON for machines, text for people.
//!
//! Both formats tell the same facts, but for the [event of a request](crate::access_log): in text it is one short line:
//!
//! ```text
//! 2026-11-21T13:24:51.760Z ERROR tower_vitals: POST /orders 500 12 ms database
//!     id=0192f0c1-7e1d-7c2a-9f0b-5d2c8e4a6b10 cause="connection refused"
//! ```
//!
//! with the path in place of the route where there is none, the outcome where it is not `completed`, and the fields that not
//! every request has. A line has a timestamp (milliseconds, UTC), the level, the target, the message and the
//! fields of the event, and the fields of the spans around it. An event that is logged while a request is
//! [current](crate::exchange::Exchange::current) also has its `request_id`. After a [`Vitals`](crate::Vitals) is built, each
//! line has `release` (if it is known) and `environment`, and in JSON `service`. A record of crate `log` that comes through `tracing-log` has its
//! own target.
//!
//! In JSON every line is one flat object without equal keys. The event's field wins over a span's, and an inner span's over an
//! outer one's. `timestamp`, `level` and `target` are always those of the line: fields with these names get the prefix
//! `field_`. `message` of a span gets it too. `request_id`, `release`, `environment` and `service` of a span get it if the line has
//! another value. The causes of an error are in a field that ends with `.sources`.
//!
//! # When a line is written
//!
//! [`init`] and [`from_env`] give each line to a queue. A thread of its own writes the lines to standard output. So a thread
//! that logs never waits for the reader of standard output. The queue holds 10,000 lines and 8 MiB. A line that finds no room
//! is lost. With `block`, its thread waits for room. Lost lines and lines that the writer refuses are counted in
//! `vitals_dropped_total{sink="log"}` of the counters of the process. After a refused line the next one is tried again. What
//! the writer itself logs is lost.
//!
//! [`Vitals::run`](crate::Vitals) and [`Vitals::flush`](crate::Vitals::flush) wait for the lines that are queued. The end of
//! the main thread waits too, if the queue was started on it: for 1 s at most, where the destructors of that thread run, as
//! with glibc and on macOS. If panics abort, the hook for panics waits as well, unless the application replaces it later.
//!
//! Lines that are queued are lost after `std::process::abort`, a signal that kills, `std::process::exit` on another thread
//! than the main one, and on Windows and with musl after any end without a flush. Call [`Lines::flush`] before. After a
//! `fork`, the child has no thread that writes: call [`init`] in the child.
//!
//! [`layer`] writes on the thread that logs, unless its writer is [`queued`].
//!
//! # Queries of sqlx
//!
//! With feature `sqlx`, [`init`] and [`from_env`] also measure the queries of sqlx, whichever lines are chosen: they let its
//! events of queries at `DEBUG` through, and write a line only where `RUST_LOG` wants one. `operations::sqlx_queries` tells
//! what is measured, and gives another subscriber the same. A statement is in a line of sqlx itself: where `RUST_LOG` asks for them, and at
//! `WARN` if it took longer than 1 s, unless the connection is told otherwise.
//!
//! # Scrubbed lines
//!
//! By choice the lines are scrubbed by [rules](crate::scrub::Scrubbing), on the thread that writes: with
//! `LOG_SCRUB=true`, or for one writer by `scrubbed`. In JSON each field is treated by its name and its value, as in an event for
//! Sentry; a line of text is treated as one text. A line that cannot be scrubbed, because a rule panics, is lost and counted.
//!
//! With [`Scrubbing::health_data`](crate::scrub::Scrubbing::health_data) a line keeps only `timestamp`, `level`, `target`, ids,
//! `release`, `environment`, and of the [event of a request](crate::access_log) the fields that are numbers, the names of
//! routes or from a closed list of words. `LOG_SCRUB=health_data` turns it on for all lines of this room in the process. So does
//! a [`Vitals`](crate::Vitals) whose options for Sentry have that scrubbing, from its `build` on, unless it is isolated. Then
//! every line is JSON, and a line of text that waits in a queue is lost and counted. What a layer of another crate writes is
//! scrubbed only if its writer is [`queued`], and its lines of text are lost.

pub(crate) mod chosen;
mod drain;
mod escape;
mod fields;
mod filter;
mod json;
mod layer;
mod lines;
mod log_file;
mod memory;
mod process;
mod queue;
mod queue_settings;
mod record;
#[cfg_attr(not(feature = "scrub"), path = "logging/scrubbed/off.rs")]
mod scrubbed;
mod shape;
mod text;
mod with_queries;

use std::{
    any::TypeId,
    io::{self, IsTerminal},
};

use tracing_log::log;
use tracing_subscriber::{
    Layer, Registry, filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::layer::{LineLayer, Style};
pub(crate) use self::process::flush;
pub use self::{
    lines::Lines,
    log_file::LogFile,
    queue_settings::{QueueSettings, WhenFull},
};
use crate::config::{ConfigError, Environment};
#[cfg(feature = "scrub")]
use crate::scrub::Scrubbing;

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// One line of text.
    Text,
}

/// Writes all log lines of the process to standard output, as [`from_env`] does.
///
/// ```
/// tower_vitals::logging::init()?;
/// tracing::info!(port = 3000, "listening");
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// Nothing happens when the handle is dropped. With feature `tracing-log` of `tracing-subscriber`, records of crate `log` are
/// written too.
///
/// # Errors
///
/// As [`from_env`], or if the process already has a subscriber.
pub fn init() -> Result<Lines, ConfigError> {
    let (layer, lines, level) = stdout()?;
    let before = log::max_level();
    tracing_subscriber::registry()
        .with(layer)
        .try_init()
        .map_err(|error| ConfigError::new("logging", "init", error.to_string()))?;
    with_queries::quiet_log_crate(before, level);
    Ok(lines)
}

/// A layer that writes lines to standard output through a queue, with settings from the environment, for use beside other
/// layers.
///
/// | variable | |
/// | --- | --- |
/// | `LOG_FORMAT` | `json` or `text`; by default `text` on a terminal and `json` elsewhere |
/// | `RUST_LOG` | which lines, as directives of `tracing_subscriber::EnvFilter`; lines of `ureq` below `INFO` are never written, because they show the key of Sentry |
/// | `LOG_LEVEL` | `error`, `warn`, `info` (the default), `debug`, `trace` or `off`, if `RUST_LOG` is not set |
/// | `LOG_QUEUE` | how many lines wait at most, from 1; by default 10,000 |
/// | `LOG_WHEN_FULL` | `drop` (the default) or `block`: what happens to a line for which the queue has no room |
/// | `LOG_FILE` | a [file](LogFile) to which the lines go instead of to standard output; it is rotated after 10 MiB, and 5 older ones are kept |
/// | `LOG_SCRUB` | `true` or `health_data`: takes secrets out of every line, see [below](self#scrubbed-lines); `false` is the default |
///
/// # Errors
///
/// If a variable is not valid: the error names it. A directive of `RUST_LOG` without a level must be a target, so words such
/// as `warning` or `all` are refused. Or if the file cannot be opened, lines are to be scrubbed without feature `scrub`, or the
/// thread that writes cannot start.
pub fn from_env() -> Result<impl Layer<Registry> + Send + Sync, ConfigError> {
    stdout().map(|(layer, ..)| layer)
}

/// A layer that writes lines to `writer`, for an application that builds its own subscriber.
///
/// It writes on the thread that logs, which waits for the writer. See [`queued`] for one that does not wait. Lines that
/// the writer refuses are counted as dropped.
///
/// ```
/// use tower_vitals::logging::{self, Format};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let lines = logging::layer(Format::Json, std::io::stderr, false);
/// let subscriber = tracing_subscriber::registry().with(lines);
/// ```
pub fn layer<W>(format: Format, writer: W, colour: bool) -> impl Layer<Registry> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let style = match format {
        Format::Json => Style::Json,
        Format::Text => Style::Text { colour },
    };
    let queued = TypeId::of::<W>() == TypeId::of::<Lines>();
    LineLayer {
        style,
        writer,
        queued,
    }
}

/// A queue in front of `writer`, which a thread of its own drains, with the settings of [`QueueSettings::new`].
///
/// ```
/// use tower_vitals::logging::{self, Format};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let errors = logging::queued(std::io::stderr())?;
/// let lines = logging::layer(Format::Json, errors.clone(), false);
/// let subscriber = tracing_subscriber::registry().with(lines);
/// errors.flush(std::time::Duration::from_secs(1));
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// # Errors
///
/// If the thread cannot start.
pub fn queued<W>(writer: W) -> Result<Lines, ConfigError>
where
    W: io::Write + Send + 'static,
{
    QueueSettings::new().start(writer)
}

/// A writer that takes secrets out of each line before `writer` has it, for a queue.
///
/// It must be given whole lines. With [`Scrubbing::health_data`](crate::scrub::Scrubbing::health_data) they must be JSON.
///
/// ```
/// use tower_vitals::{logging::{self, Format}, scrub::Scrubbing};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let scrubbing = Scrubbing::new().key("tax_number");
/// let errors = logging::queued(logging::scrubbed(scrubbing, std::io::stderr())?)?;
/// let lines = logging::layer(Format::Json, errors, false);
/// let subscriber = tracing_subscriber::registry().with(lines);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// # Errors
///
/// If a key of `scrubbing` is empty.
#[cfg(feature = "scrub")]
pub fn scrubbed<W>(
    scrubbing: Scrubbing,
    writer: W,
) -> Result<impl io::Write + Send + use<W>, ConfigError>
where
    W: io::Write + Send + 'static,
{
    Ok(scrubbed::writer(Some(scrubbing.checked()?), writer))
}

fn stdout() -> Result<(impl Layer<Registry> + Send + Sync, Lines, LevelFilter), ConfigError> {
    let environment = Environment::process();
    let filter = filter::from_environment(&environment)?;
    let file = LogFile::from_environment(&environment)?;
    let scrubbing = scrubbed::from_environment(&environment)?;
    let scrubbing = scrubbing.and_then(scrubbed::adopted);
    let terminal = file.is_none() && io::stdout().is_terminal();
    let default = if terminal { Format::Text } else { Format::Json };
    let format = format(&environment)?.unwrap_or(default);
    let writer = match file {
        Some(file) => Box::new(file),
        None => writer(),
    };
    let writer = scrubbed::writer(scrubbing, writer);
    let lines = QueueSettings::from_environment(&environment)?.start(writer)?;
    let level = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let layer = with_queries::filtered(layer(format, lines.clone(), terminal), filter);
    chosen::set(format);
    Ok((layer, lines, level))
}

/// Standard output, without the lock and the buffer that `print!` uses: neither waits for the reader then, and each error is
/// that of one line.
fn writer() -> Box<dyn io::Write + Send> {
    #[cfg(unix)]
    if let Ok(output) = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned() {
        return Box::new(std::fs::File::from(output));
    }
    Box::new(io::stdout())
}

fn format(environment: &Environment<'_>) -> Result<Option<Format>, ConfigError> {
    environment.parse("LOG_FORMAT", "expected json or text", |word| match word {
        "json" => Some(Format::Json),
        "text" => Some(Format::Text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_variable_of_logging_fails_with_its_name_and_value() {
        for (name, value) in [
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "a=b=c"),
            ("LOG_LEVEL", "loud"),
            ("LOG_QUEUE", "0"),
            ("LOG_QUEUE", "-1"),
            ("LOG_QUEUE", "many"),
            ("LOG_WHEN_FULL", "wait"),
            ("LOG_FILE", "/dev/null/app.log"),
            ("LOG_SCRUB", "some"),
            #[cfg(not(feature = "scrub"))]
            ("LOG_SCRUB", "true"),
        ] {
            let variable = |asked: &str| (asked == name).then(|| value.to_owned());
            let environment = Environment(&variable);
            let error = format(&environment).err();
            let error = error.or(filter::from_environment(&environment).err());
            let error = error.or(QueueSettings::from_environment(&environment).err());
            let error = error.or(LogFile::from_environment(&environment).err());
            let error = error.or(scrubbed::from_environment(&environment).err());
            let error = error.unwrap();
            assert_eq!((error.field(), error.value()), (name, value));
        }
    }

    #[test]
    fn words_of_the_environment_are_read_in_any_case() {
        let variable = |asked: &str| match asked {
            "LOG_FORMAT" => Some("JSON".to_owned()),
            "LOG_WHEN_FULL" => Some("Block".to_owned()),
            "LOG_QUEUE" => Some("7".to_owned()),
            _ => None,
        };
        let environment = Environment(&variable);
        assert_eq!(format(&environment), Ok(Some(Format::Json)));
        let expected = QueueSettings::new().lines(7).when_full(WhenFull::Block);
        let settings = QueueSettings::from_environment(&environment);
        assert_eq!(settings, Ok(expected));
    }
}
