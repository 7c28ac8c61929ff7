//! Stands in for the scrubbing of lines without feature `scrub`: asking for it is an error.

use std::{borrow::Cow, convert::Infallible, io::Write};

use crate::config::{ConfigError, Environment};

pub(super) const fn needs_json() -> bool {
    false
}

pub(super) const fn at_once(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(Cow::Borrowed(line))
}

pub(super) fn from_environment(
    environment: &Environment<'_>,
) -> Result<Option<Infallible>, ConfigError> {
    let refused = "needs the feature scrub of tower-vitals";
    let off = environment.parse("LOG_SCRUB", refused, |word| {
        (word == "false").then_some(None)
    })?;
    Ok(off.flatten())
}

pub(super) fn writer<W: Write + Send>(_: Option<Infallible>, writer: W) -> W {
    writer
}

pub(super) const fn adopted(never: Infallible) -> Option<Infallible> {
    match never {}
}
