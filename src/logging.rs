//! Writes the application's log lines: JSON for machines, text for people.
//!
//! Both formats tell the same facts. A line has a timestamp (milliseconds, UTC), the level, the target, the message and the
//! fields of the event, and the fields of the spans around it. An event that is logged while a request is
//! [current](crate::exchange::Exchange::current) also has its `request_id`. After a [`Vitals`](crate::Vitals) is built, each
//! line has `release` (if it is known) and `environment`. A record of crate `log` that comes through `tracing-log` has its
//! own target.
//!
//! In JSON every line is one flat object. If a name is there twice, the event's own field is written, or else the one of the
//! innermost span. `timestamp`, `level` and `target` are always those of the line: fields with these names get the prefix
//! `field_`. So do `message` of a span, and `request_id`, `release` and `environment` of a span, if the line has another value.
//! The causes of an error are in a field that ends with `.sources`.

mod fields;
mod filter;
mod json;
mod layer;
mod record;
mod text;

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    Layer, Registry, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use self::layer::{LineLayer, Style};
use crate::config::{ConfigError, Environment};

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// One line of text.
    Text,
}

/// Writes all log lines of the process to standard output, as [`from_env`] formats them.
///
/// ```
/// tower_vitals::logging::init()?;
/// tracing::info!(port = 3000, "listening");
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// # Errors
///
/// If a variable is not valid, or the process already has a subscriber.
pub fn init() -> Result<(), ConfigError> {
    tracing_subscriber::registry()
        .with(from_env()?)
        .try_init()
        .map_err(|error| ConfigError::new("logging", "init", error.to_string()))
}

/// A layer that writes lines to standard output, with settings from the environment, for use beside other layers.
///
/// | variable | |
/// | --- | --- |
/// | `LOG_FORMAT` | `json` or `text`; by default `text` on a terminal and `json` elsewhere |
/// | `RUST_LOG` | which lines, as directives of `tracing_subscriber::EnvFilter` |
/// | `LOG_LEVEL` | `error`, `warn`, `info` (the default), `debug`, `trace` or `off`, if `RUST_LOG` is not set |
///
/// # Errors
///
/// If a variable is not valid: the error names it. A directive of `RUST_LOG` without a level must be a target, so words such
/// as `warning` or `all` are refused.
pub fn from_env() -> Result<impl Layer<Registry> + Send + Sync, ConfigError> {
    let environment = Environment::process();
    let filter = filter::from_environment(&environment)?;
    let terminal = io::stdout().is_terminal();
    let default = if terminal { Format::Text } else { Format::Json };
    let format = format(&environment)?.unwrap_or(default);
    Ok(layer(format, io::stdout, terminal).with_filter(filter))
}

/// A layer that writes lines to `writer`, for an application that builds its own subscriber.
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
    LineLayer { style, writer }
}

fn format(environment: &Environment<'_>) -> Result<Option<Format>, ConfigError> {
    let formats = [("json", Format::Json), ("text", Format::Text)];
    environment.parse("LOG_FORMAT", "expected json or text", |text| {
        let mut formats = formats.into_iter();
        formats.find_map(|(name, format)| text.eq_ignore_ascii_case(name).then_some(format))
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
        ] {
            let variable = |asked: &str| (asked == name).then(|| value.to_owned());
            let environment = Environment(&variable);
            let error = format(&environment).err();
            let error = error
                .or(filter::from_environment(&environment).err())
                .unwrap();
            assert_eq!((error.field(), error.value()), (name, value));
        }
    }
}
