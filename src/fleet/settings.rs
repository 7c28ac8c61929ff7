//! Holds what a fleet can be set to.

use std::{path::Path, time::Duration};

use super::address::{Address, HIDDEN};
use crate::{
    bounded_file,
    config::{ConfigError, Environment},
};

/// The variable with the address of Redis.
const URL: &str = "REDIS_URL";

/// The variable with the password, or with `_FILE` behind it the file that holds it.
const PASSWORD: &str = "REDIS_PASSWORD";

/// The longest name of an instance, and the longest prefix of the guide's keys, in characters.
const LONGEST: usize = 200;

const TIMEOUT: Duration = Duration::from_secs(1);

/// Where the instances of a service meet: Redis 6.2 or later, or Valkey.
///
/// Nothing is sent there before [`VitalsBuilder::fleet`](crate::vitals::VitalsBuilder::fleet) gets this. Instances belong
/// together if their service and environment have the same names. Several services can share a database.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::fleet::Fleet;
///
/// let fleet = Fleet::at("redis://cache.internal:6379/2")?
///     .instance("shop-1")
///     .timeout(Duration::from_millis(500));
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fleet does nothing before a builder gets it"]
pub struct Fleet {
    address: Address,
    instance: Option<String>,
    timeout: Duration,
    guide_keys: Option<String>,
}

/// A fleet whose settings are checked.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(super) address: Address,
    /// The name of this instance.
    pub(crate) instance: String,
    /// Of an answer, and of an attempt to connect.
    pub(crate) timeout: Duration,
    /// The prefix of the guide's own keys. `None` if they are not written.
    pub(crate) guide_keys: Option<String>,
}

// === impl Fleet ===

impl Fleet {
    /// The Redis that the environment names.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `REDIS_URL` | where Redis is: see [`at`](Self::at) |
    /// | `REDIS_PASSWORD` | the password, if it is not in the address |
    /// | `REDIS_PASSWORD_FILE` | the file with the password. White space around it is no part of it |
    ///
    /// # Errors
    ///
    /// - `REDIS_URL` is unset, empty, or no address.
    /// - More than one of the address, `REDIS_PASSWORD` and `REDIS_PASSWORD_FILE` has a password.
    /// - The file cannot be read, or is empty.
    ///
    /// No error shows the address or the password.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    pub(crate) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let refuse = |reason: &str| ConfigError::new(URL, HIDDEN, reason);
        let Some(url) = environment.get(URL) else {
            let reason = "expected the address of Redis, such as redis://cache:6379";
            return Err(ConfigError::new(URL, "", reason));
        };
        let mut address = Address::parse(&url).map_err(refuse)?;
        if let Some(password) = environment.secret(PASSWORD).map_err(without_value)? {
            if address.password.is_some() {
                return Err(refuse("there is a password in REDIS_PASSWORD, too"));
            }
            address.password = Some(password);
        }
        Ok(Self::new(address))
    }

    /// The Redis at an address.
    ///
    /// It is `redis://user:password@host:port/database`, or `rediss://` for an encrypted connection, whose certificate must be
    /// one that this machine trusts. Only the host is needed. The port is 6379 otherwise, the user `default` and the database
    /// 0. Characters such as `@` in a password are written as `%40`. What follows a `?` is not used. In a cluster, it can be
    /// any node.
    ///
    /// # Errors
    ///
    /// If it is no such address. The error does not show it.
    pub fn at(url: &str) -> Result<Self, ConfigError> {
        let address = Address::parse(url.trim());
        let address = address.map_err(|reason| ConfigError::new("fleet.at", HIDDEN, reason))?;
        Ok(Self::new(address))
    }

    const fn new(address: Address) -> Self {
        Self {
            address,
            instance: None,
            timeout: TIMEOUT,
            guide_keys: None,
        }
    }

    /// The name of this instance, as people see it: 1 to 200 characters. Defaults to the name of the host, from `HOSTNAME` or the
    /// kernel. Two instances, and two processes of one instance, are told apart even if their names are equal.
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = Some(name.into());
        self
    }

    /// How long an answer of Redis, or an attempt to connect, may take: 10 ms to 10 s. Defaults to 1 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Also writes the keys that guide G4 describes, below this prefix, such as `clinic_perf`. It has 1 to 200 characters.
    /// Defaults to not writing them.
    pub fn guide_keys(mut self, prefix: impl Into<String>) -> Self {
        self.guide_keys = Some(prefix.into());
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If one of them is outside its range.
    pub(crate) fn checked(self) -> Result<Checked, ConfigError> {
        self.checked_in(&Environment::process())
    }

    fn checked_in(self, environment: &Environment<'_>) -> Result<Checked, ConfigError> {
        let range = Duration::from_millis(10)..=Duration::from_secs(10);
        if !range.contains(&self.timeout) {
            let value = format!("{:?}", self.timeout);
            return Err(ConfigError::new(
                "fleet.timeout",
                value,
                "expected 10 ms to 10 s",
            ));
        }
        let instance = match self.instance {
            Some(name) => text("fleet.instance", name)?,
            None => host(environment),
        };
        let guide_keys = self.guide_keys;
        let guide_keys = guide_keys.map(|prefix| text("fleet.guide_keys", prefix));
        Ok(Checked {
            address: self.address,
            instance,
            timeout: self.timeout,
            guide_keys: guide_keys.transpose()?,
        })
    }
}

fn text(field: &str, text: String) -> Result<String, ConfigError> {
    let length = text.chars().count();
    if (1..=LONGEST).contains(&length)
        && !text.trim().is_empty()
        && !text.contains(char::is_control)
    {
        return Ok(text);
    }
    let reason = "expected 1 to 200 characters, none of them a control character";
    Err(ConfigError::new(field, text, reason))
}

/// The name of the machine.
fn host(environment: &Environment<'_>) -> String {
    let name = environment.get("HOSTNAME");
    let name = name.or_else(|| bounded_file::text(Path::new("/proc/sys/kernel/hostname")));
    let name = name.and_then(|name| text("", name.trim().to_owned()).ok());
    name.unwrap_or_else(|| "unknown".to_owned())
}

/// Somebody could have written the password itself where the name of a file belongs.
fn without_value(error: ConfigError) -> ConfigError {
    ConfigError::new(error.field(), HIDDEN, error.reason())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Fleet, ConfigError> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Fleet::from_environment(&Environment(&variable))
    }

    fn field_of(variables: &[(&str, &str)]) -> String {
        let error = from(variables).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        error.field().to_owned()
    }

    #[test]
    fn a_fleet_needs_a_redis_url_and_hides_its_value() {
        let missing = from(&[]).unwrap_err().to_string();
        let expected = r#"REDIS_URL: invalid value "": expected the address of Redis, such as redis://cache:6379"#;
        assert_eq!(missing, expected);
        let bad = from(&[("REDIS_URL", "http://u:s3cret@cache")]).unwrap_err();
        let expected = r#"REDIS_URL: invalid value "…": expected an address that begins with redis:// or rediss://"#;
        assert_eq!(bad.to_string(), expected);
        let fleet = from(&[("REDIS_URL", " redis://u:s3cret@cache/3 ")]).unwrap();
        assert_eq!(fleet.address.database, 3);
        assert!(!format!("{fleet:?}").contains("s3cret"));
        assert!(!format!("{:?}", fleet.checked()).contains("s3cret"));
        let at = Fleet::at("s3cret").unwrap_err();
        assert_eq!((at.field(), at.value()), ("fleet.at", "…"));
    }

    #[test]
    fn the_password_of_redis_comes_from_one_place() {
        let file = std::env::temp_dir().join(format!("vitals-{:x}", fastrand::u64(..)));
        fs::write(&file, "s3cret\n").unwrap();
        let path = file.to_str().unwrap();
        let url = ("REDIS_URL", "redis://cache");
        let with_password = ("REDIS_URL", "redis://:s3cret@cache");
        let in_file = ("REDIS_PASSWORD_FILE", path);
        let fleet = from(&[url, in_file]).unwrap();
        assert_eq!(fleet.address.password.as_deref(), Some("s3cret"));
        assert_eq!(field_of(&[with_password, in_file]), "REDIS_URL");
        let value = ("REDIS_PASSWORD", "s3cret");
        let fleet = from(&[url, value]).unwrap();
        assert_eq!(fleet.address.password.as_deref(), Some("s3cret"));
        assert_eq!(field_of(&[with_password, value]), "REDIS_URL");
        assert_eq!(field_of(&[url, value, in_file]), "REDIS_PASSWORD_FILE");

        fs::write(&file, " \n").unwrap();
        assert_eq!(field_of(&[url, in_file]), "REDIS_PASSWORD_FILE");
        fs::remove_file(&file).unwrap();
        assert_eq!(field_of(&[url, in_file]), "REDIS_PASSWORD_FILE");
        let mistaken = ("REDIS_PASSWORD_FILE", "s3cret");
        assert_eq!(field_of(&[url, mistaken]), "REDIS_PASSWORD_FILE");
    }

    #[test]
    fn a_fleets_settings_have_ranges() {
        let fleet = || Fleet::at("redis://cache").unwrap();
        let field = |fleet: Fleet| fleet.checked().unwrap_err().field().to_owned();
        assert_eq!(fleet().checked().unwrap().timeout, Duration::from_secs(1));
        for millis in [0, 9, 10_001] {
            let timeout = Duration::from_millis(millis);
            assert_eq!(field(fleet().timeout(timeout)), "fleet.timeout");
        }
        for millis in [10, 10_000] {
            let timeout = Duration::from_millis(millis);
            assert_eq!(fleet().timeout(timeout).checked().unwrap().timeout, timeout);
        }
        let long = "x".repeat(201);
        for name in ["", "  ", "a\nb", &long] {
            assert_eq!(field(fleet().instance(name)), "fleet.instance");
            assert_eq!(field(fleet().guide_keys(name)), "fleet.guide_keys");
        }
        let named = fleet().instance("shop-1").guide_keys("clinic_perf");
        let named = named.checked().unwrap();
        assert_eq!(named.instance, "shop-1");
        assert_eq!(named.guide_keys.as_deref(), Some("clinic_perf"));
    }

    #[test]
    fn an_instance_is_called_as_its_host() {
        let variable = |name: &str| (name == "HOSTNAME").then(|| " pod-7 ".to_owned());
        let fleet = Fleet::at("redis://cache").unwrap();
        let checked = fleet.clone().checked_in(&Environment(&variable)).unwrap();
        assert_eq!(checked.instance, "pod-7");
        let none = fleet.checked_in(&Environment(&|_| None)).unwrap();
        let kernel = fs::read_to_string("/proc/sys/kernel/hostname");
        let kernel = kernel.map_or("unknown".to_owned(), |name| name.trim().to_owned());
        assert_eq!(none.instance, kernel);
    }
}
