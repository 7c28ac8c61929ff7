//! Reads the settings from environment variables.

use std::{env, fmt::Display, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) exclude: Vec<String>,
    pub(crate) series_cap: usize,
    pub(crate) multi: bool,
    pub(crate) trust_inbound: bool,
    pub(crate) shutdown: Duration,
    pub(crate) auth: Option<String>,
    pub(crate) foreign_recorder: bool,
    /// The length of the shortest slot of statistics.
    pub(crate) slot: Duration,
    /// The file that carries statistics across a restart.
    pub(crate) state: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, String> {
        Ok(Self {
            address: loopback("ADDR", "127.0.0.1:3001")?,
            admin: loopback("ADMIN_ADDR", "127.0.0.1:3002")?,
            exclude: variable("EXCLUDE").map_or_else(Vec::new, |list| {
                list.split(',').map(|one| one.trim().to_owned()).collect()
            }),
            series_cap: parsed("SERIES_CAP", "1000")?,
            multi: match word("RUNTIME").as_deref() {
                None | Some("multi") => true,
                Some("current") => false,
                Some(other) => return Err(invalid("RUNTIME", other, "expected current or multi")),
            },
            auth: variable("AUTH"),
            foreign_recorder: match word("RECORDER").as_deref() {
                None | Some("own") => false,
                Some("foreign") => true,
                Some(other) => return Err(invalid("RECORDER", other, "expected own or foreign")),
            },
            shutdown: Duration::from_millis(parsed("SHUTDOWN_MS", "2000")?),
            slot: Duration::from_millis(parsed("SLOT_MS", "10000")?),
            state: variable("STATE").map(PathBuf::from),
            trust_inbound: match word("TRUST_INBOUND_ID").as_deref() {
                None | Some("true" | "1" | "yes" | "on") => true,
                Some("false" | "0" | "no" | "off") => false,
                Some(other) => {
                    return Err(invalid("TRUST_INBOUND_ID", other, "expected true or false"));
                }
            },
        })
    }
}

/// The value of a variable; an empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?.to_string_lossy().trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// The value in lower case: the case of a word means nothing.
fn word(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_ascii_lowercase())
}

fn parsed<T: FromStr<Err: Display>>(name: &str, default: &str) -> Result<T, String> {
    let value = variable(name).unwrap_or_else(|| default.into());
    value
        .parse()
        .map_err(|error| invalid(name, &value, &format!("{error}")))
}

fn loopback(name: &str, default: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = parsed(name, default)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(invalid(
        name,
        &address.to_string(),
        "only loopback: this server breaks on request",
    ))
}

fn invalid(name: &str, value: &str, reason: &str) -> String {
    format!("{name}: invalid value {value:?}: {reason}")
}
