//! Sets up the application's log lines: JSON for machines, text for people.
//!
//! In JSON every line is one flat object: `timestamp` (milliseconds, UTC), `level`, `target`, `message`, the event's own
//! fields (one that is named as the first three gets `field_` before its name), and `request_id` on whatever is logged while a request is
//! [current](crate::exchange::Exchange::current), by whomever; and once a [`Vitals`](crate::Vitals) is built, `release` (if there
//! is one) and `environment`.

use std::{
    env, fmt,
    io::{self, IsTerminal},
};

use json_subscriber::{FieldWriter, JsonLayer};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::LevelFilter,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{config::ConfigError, exchange::Exchange, release::Release};

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

/// Writes the fields of an event into its line.
struct Fields<'a, 'b>(&'a mut FieldWriter<'b>);

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
        Format::Json => Box::new(json(writer)) as Boxed,
        Format::Text => {
            let text = tracing_subscriber::fmt::layer()
                .with_timer(Millis)
                .with_ansi(colour)
                .with_writer(writer);
            Box::new(text)
        }
    }
}

fn json<S, W>(writer: W) -> JsonLayer<S, W>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let mut layer = JsonLayer::new(writer);
    layer.with_timer("timestamp", Millis);
    layer.with_level("level");
    layer.with_target("target");
    // Field by field into the line, with no tree of values in between.
    layer.add_multiple_dynamic_fields(|event: &Event<'_>, _, line| {
        event.record(&mut Fields(line));
        // An event with an id of its own keeps it; a second one would make two keys of one name.
        if event.metadata().fields().field("request_id").is_none()
            && let Some(exchange) = Exchange::current()
            && let Some(id) = exchange.id()
        {
            // Text is always written.
            let _ = line.write_field("request_id", id);
        }
        if let Some(release) = Release::current() {
            let said = |name| event.metadata().fields().field(name).is_some();
            if let Some(version) = release.version.as_deref().filter(|_| !said("release")) {
                let _ = line.write_field("release", version);
            }
            if !said("environment") {
                let _ = line.write_field("environment", &*release.environment);
            }
        }
    });
    layer
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

impl Fields<'_, '_> {
    fn write(&mut self, field: &Field, value: impl serde::Serialize) {
        // A raw identifier is written with a mark that is not part of its name. A value that cannot be written is left out.
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        let _ = match name {
            // The line has these already, and no two keys of one name.
            "timestamp" | "level" | "target" => self.0.write_field(&format!("field_{name}"), value),
            _ => self.0.write_field(name, value),
        };
    }
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, format!("{value:?}"));
    }
}

impl FormatTime for Millis {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let mut text = String::with_capacity(32);
        SystemTime.format_time(&mut Writer::new(&mut text))?;
        // 2026-11-20T12:00:00.123456Z, up to its milliseconds.
        w.write_str(text.get(..23).unwrap_or(&text))?;
        w.write_char('Z')
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
