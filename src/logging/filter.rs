//! Reads which lines are written, and refuses words that would silence all of them.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::config::{ConfigError, Environment};

/// What the levels are called elsewhere. `tracing` would take them for the names of crates, and no crate that logs has them.
const FOREIGN: [&str; 34] = [
    "alert",
    "all",
    "any",
    "crit",
    "critical",
    "debugging",
    "default",
    "disable",
    "disabled",
    "emerg",
    "emergency",
    "enable",
    "enabled",
    "err",
    "errors",
    "false",
    "fatal",
    "fine",
    "finer",
    "finest",
    "information",
    "informational",
    "no",
    "none",
    "notice",
    "notset",
    "panic",
    "quiet",
    "severe",
    "silent",
    "true",
    "verbose",
    "warning",
    "warnings",
];

/// The targets that write each byte of a request at `TRACE`, with the key that Sentry's client sends.
const BYTES_OF_REQUESTS: [&str; 3] = ["ureq", "ureq_proto", "ureq_proto::util"];

/// The filter that `RUST_LOG` or else `LOG_LEVEL` describes. A directive for [`BYTES_OF_REQUESTS`] has no effect beyond `INFO`,
/// and one for a span or a field of theirs has none.
pub(super) fn from_environment(environment: &Environment<'_>) -> Result<EnvFilter, ConfigError> {
    let directives = described(environment)?.to_string();
    // A directive with fields can fit each event, whatever its target. With one of these, it would go before what is added here.
    let has_fields = directives.contains('[');
    let levels = BYTES_OF_REQUESTS.map(|target| (target, level_of(target, &directives)));
    let loud = levels
        .into_iter()
        .filter(|(_, level)| has_fields || *level > LevelFilter::INFO)
        .map(|(target, level)| format!("{target}={}", level.min(LevelFilter::INFO)));
    let asked = directives.split(',').map(str::to_owned);
    let asked = asked.filter(|one| !(one.starts_with("ureq") && one.contains('[')));
    Ok(asked
        .chain(loud)
        .filter_map(|directive| directive.parse().ok())
        .fold(EnvFilter::default(), EnvFilter::add_directive))
}

/// The level that directives give a target outside of spans: that of the longest beginning of its name.
fn level_of(target: &str, directives: &str) -> LevelFilter {
    let known = directives.split(',').filter_map(|directive| {
        let (begin, level) = directive.rsplit_once('=').unwrap_or(("", directive));
        Some((begin, level.parse().ok()?))
    });
    let known = known.filter(|(begin, _)| target.starts_with(begin));
    let longest = known.max_by_key(|(begin, _)| begin.len());
    longest.map_or(LevelFilter::OFF, |(_, level)| level)
}

fn described(environment: &Environment<'_>) -> Result<EnvFilter, ConfigError> {
    if let Some(directives) = environment.get("RUST_LOG") {
        return parse(&directives)
            .map_err(|reason| ConfigError::new("RUST_LOG", &directives, reason));
    }
    let expected = "expected error, warn, info, debug, trace or off";
    let level = environment.parse("LOG_LEVEL", expected, |level| level.parse().ok())?;
    let level = level.unwrap_or(LevelFilter::INFO);
    Ok(EnvFilter::default().add_directive(level.into()))
}

fn parse(directives: &str) -> Result<EnvFilter, String> {
    // With a space before it, a directive is one for a target that begins with a space.
    let directives: Vec<_> = directives.split(',').map(str::trim).collect();
    if let Some(wrong) = directives.iter().find(|directive| is_mistake(directive)) {
        return Err(format!(
            "{wrong:?} is neither a level (error, warn, info, debug, trace or off) nor a target"
        ));
    }
    EnvFilter::builder()
        .parse(directives.join(","))
        .map_err(|error| error.to_string())
}

/// Whether a directive is empty, or names a target that nothing can have.
fn is_mistake(directive: &str) -> bool {
    if directive.is_empty() {
        return true;
    }
    let target = directive.split(['=', '[']).next().unwrap_or_default();
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok_and(|_| !word.is_empty());
    let is_foreign = |word: &str| FOREIGN.iter().any(|other| word.eq_ignore_ascii_case(other));
    // As `hyper:debug` or `info;hyper=warn` would be one target.
    let path = target.replace("::", "_");
    let words = || path.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'));
    if words().count() > 1 {
        return words().any(|word| is_level(word) || is_foreign(word));
    }
    let number = target.starts_with(|first: char| first.is_ascii_digit());
    target == directive && !is_level(target) && (is_foreign(target) || number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust_log(value: &str) -> Result<String, ConfigError> {
        let variable = |asked: &str| (asked == "RUST_LOG").then(|| value.to_owned());
        described(&Environment(&variable)).map(|filter| filter.to_string())
    }

    #[test]
    fn a_word_that_is_no_level_does_not_silence_everything() {
        for value in [
            "warning",
            "WARNING",
            "verbose",
            "critical",
            "fatal",
            "all",
            "none",
            "true",
            "INFO,",
            ",",
            "info,,hyper=warn",
            "warn,warning",
            "tower_vitals=warning",
            "tower_vitals=warn,fatal",
            "hyper:debug",
            "info;hyper=warn",
            "info hyper=warn",
            "info|debug",
            "6",
            "a=b=c",
            "=warn",
            "'info'",
        ] {
            let error = rust_log(value).unwrap_err();
            assert_eq!((error.field(), error.value()), ("RUST_LOG", value));
        }
    }

    #[test]
    fn directives_of_tracing_stay_valid() {
        for (value, filter) in [
            ("warn", "warn"),
            ("WARN", "warn"),
            ("off", "off"),
            ("3", "info"),
            ("hyper", "hyper=trace"),
            ("my_app", "my_app=trace"),
            ("my-app", "my-app=trace"),
            ("hyper::proto::h2", "hyper::proto::h2=trace"),
            ("my::info::fatal=debug", "my::info::fatal=debug"),
            ("info, hyper=warn", "hyper=warn,info"),
            ("fatal=debug", "fatal=debug"),
            ("[request]=debug", "[request]=debug"),
            (
                "info,tower_vitals[request]=trace",
                "info,tower_vitals[request]=trace",
            ),
        ] {
            assert_eq!(rust_log(value).unwrap(), filter, "{value}");
        }
    }

    #[test]
    fn a_level_is_a_level_in_any_case_and_nothing_else() {
        let log_level = |value: &str| {
            let variable = |asked: &str| (asked == "LOG_LEVEL").then(|| value.to_owned());
            described(&Environment(&variable)).map(|filter| filter.to_string())
        };
        for (value, filter) in [
            ("warn", "warn"),
            ("Warn", "warn"),
            ("OFF", "off"),
            ("3", "info"),
        ] {
            assert_eq!(log_level(value).unwrap(), filter);
            assert_eq!(rust_log(value).unwrap(), filter);
        }
        for value in ["warning", "verbose", "loud", "6", "my_app"] {
            let error = log_level(value).unwrap_err();
            assert_eq!((error.field(), error.value()), ("LOG_LEVEL", value));
        }
    }

    #[test]
    fn rust_log_overrules_log_level() {
        let both = |asked: &str| match asked {
            "RUST_LOG" => Some("warn".to_owned()),
            _ => Some("debug".to_owned()),
        };
        let filter = |environment| described(&environment).unwrap().to_string();
        assert_eq!(filter(Environment(&both)), "warn");
        assert_eq!(filter(Environment(&|_| None)), "info");
    }

    #[test]
    fn no_directive_writes_the_bytes_of_a_request_with_its_key() {
        for value in [
            "trace",
            "debug,ureq_proto=trace",
            "ureq=trace,ureq_proto::util=trace",
            "info,[{message}]=trace",
            "info,ureq_proto[{message}]=trace",
        ] {
            let variable = |asked: &str| (asked == "RUST_LOG").then(|| value.to_owned());
            let filter = from_environment(&Environment(&variable)).unwrap();
            let filter = filter.to_string();
            let ureq = filter
                .split(',')
                .filter(|directive| directive.starts_with("ureq"));
            assert!(
                ureq.clone().all(|directive| directive.ends_with("=info")),
                "{filter}"
            );
            assert_eq!(ureq.count(), BYTES_OF_REQUESTS.len(), "{filter}");
        }
    }

    #[test]
    fn what_writes_no_bytes_of_requests_stays_as_it_is() {
        for (value, expected) in [
            ("info", "info"),
            ("debug,ureq=off", "ureq=off,debug"),
            ("trace,ureq=warn", "ureq=warn,trace"),
            ("off,shop=debug", "shop=debug,off"),
            (
                "ureq=off,[{id}]=warn",
                "ureq_proto::util=off,ureq_proto=off,ureq=off,[{id}]=warn",
            ),
            ("shop=debug", "shop=debug"),
            ("ureq_proto::util=trace", "ureq_proto::util=info"),
            (
                "ureq=error,ureq_proto=debug",
                "ureq_proto::util=info,ureq_proto=info,ureq=error",
            ),
        ] {
            let variable = |asked: &str| (asked == "RUST_LOG").then(|| value.to_owned());
            let filter = from_environment(&Environment(&variable)).unwrap();
            assert_eq!(filter.to_string(), expected, "{value}");
        }
        let filter = from_environment(&Environment(&|_| None)).unwrap();
        assert_eq!(filter.to_string(), "info");
    }
}
