//! Sets up the application's log lines: JSON for machines, text for people.
//!
//! In JSON every line is one flat object: `timestamp` (milliseconds, UTC), `level`, `target`, `message`, the event's own
//! fields (one that is named as the first three gets `field_` before its name), and `request_id` on whatever is logged while a request is
//! [current](crate::exchange::Exchange::current), by whomever; and once a [`Vitals`](crate::Vitals) is built, `release` (if there
//! is one) and `environment`.

mod json;

use std::{
    env, fmt,
    io::{self, IsTerminal},
};

use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::LevelFilter,
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::json::Lines;
use crate::{config::ConfigError, timestamp};

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// One line of text.
    Text,
}

/// The clock, as far as its milliseconds.
struct Millis;

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Sends all log lines of the process to standard output, as [`from_env`] makes them.
///
/// ```
/// tower_vitals::logs::init()?;
/// tracing::info!(port = 3000, "listening");
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// # Errors
///
/// When a variable cannot be used, or the process has a subscriber already.
pub fn init() -> Result<(), ConfigError> {
    tracing_subscriber::registry()
        .with(from_env()?)
        .try_init()
        .map_err(|error| ConfigError::new("logs", "init", error.to_string()))
}

/// A layer that writes lines to standard output, as the environment says, to stand beside other layers.
///
/// | variable | |
/// | --- | --- |
/// | `LOG_FORMAT` | `json` or `text`; by default `text` on a terminal and `json` elsewhere |
/// | `RUST_LOG` | which lines, in the directives of `tracing_subscriber::EnvFilter` |
/// | `LOG_LEVEL` | `error`, `warn`, `info` (the default), `debug` or `trace`, where `RUST_LOG` is not set |
///
/// # Errors
///
/// When a variable cannot be used; the error names it.
pub fn from_env() -> Result<impl Layer<Registry> + Send + Sync, ConfigError> {
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let filter = filter(variable)?;
    let terminal = io::stdout().is_terminal();
    let format = format(variable)?.unwrap_or(if terminal { Format::Text } else { Format::Json });
    Ok(layer(format, io::stdout, terminal).with_filter(filter))
}

/// A layer that writes lines to `writer`, for an application that puts its own subscriber together.
///
/// ```
/// use tower_vitals::logs::{self, Format};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = tracing_subscriber::registry().with(logs::layer(Format::Json, std::io::stderr, false));
/// ```
pub fn layer<W>(format: Format, writer: W, colour: bool) -> impl Layer<Registry> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match format {
        Format::Json => Box::new(Lines(writer)) as Boxed,
        Format::Text => {
            let text = tracing_subscriber::fmt::layer()
                .with_timer(Millis)
                .with_ansi(colour)
                .with_writer(writer);
            Box::new(text)
        }
    }
}

fn format(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Format>, ConfigError> {
    match variable("LOG_FORMAT").as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some("json") => Ok(Some(Format::Json)),
        Some("text") => Ok(Some(Format::Text)),
        Some(other) => Err(ConfigError::new(
            "LOG_FORMAT",
            other,
            "expected json or text",
        )),
    }
}

fn filter(variable: impl Fn(&str) -> Option<String>) -> Result<EnvFilter, ConfigError> {
    let set = |name| variable(name).filter(|value| !value.trim().is_empty());
    if let Some(directives) = set("RUST_LOG") {
        return EnvFilter::builder()
            .parse(&directives)
            .map_err(|error| ConfigError::new("RUST_LOG", directives, error.to_string()));
    }
    let level = match set("LOG_LEVEL") {
        None => LevelFilter::INFO,
        Some(level) => level.trim().parse().map_err(|_| {
            let reason = "expected error, warn, info, debug or trace";
            ConfigError::new("LOG_LEVEL", level, reason)
        })?,
    };
    Ok(EnvFilter::default().add_directive(level.into()))
}

impl FormatTime for Millis {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", timestamp::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_variable_stops_with_its_name_and_value() {
        for (name, value) in [
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "a=b=c"),
            ("LOG_LEVEL", "loud"),
        ] {
            let variable = |asked: &str| (asked == name).then(|| value.to_owned());
            let error = format(variable).err().or(filter(variable).err()).unwrap();
            assert_eq!((error.field(), error.value()), (name, value));
        }
    }

    #[test]
    fn rust_log_overrules_log_level() {
        let both = |asked: &str| match asked {
            "RUST_LOG" => Some("warn".to_owned()),
            _ => Some("debug".to_owned()),
        };
        assert_eq!(filter(both).unwrap().to_string(), "warn");
        assert_eq!(filter(|_| None).unwrap().to_string(), "info");
    }
}
