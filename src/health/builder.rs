//! Collects checks until they are started.

use std::sync::Arc;

use super::{
    check::{Check, Role},
    handle::Health,
    registry::Registry,
    runner,
    state::Entry,
};
use crate::{config::ConfigError, runtime};

/// Collects checks until they are started.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::health::{Check, Health, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let health = Health::builder()
///     .check(Check::tcp("database", "127.0.0.1:5432").timeout(Duration::from_secs(1)))
///     .check(Check::tcp("cache", "127.0.0.1:6379").role(Role::Optional))
///     // The application sets its status.
///     .manual("worker", Role::Optional)
///     .start()?;
/// # drop(health);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "no check runs before `start`"]
pub struct HealthBuilder {
    pub(super) checks: Vec<Check>,
}

// === impl Health ===

impl Health {
    /// A builder without checks.
    pub fn builder() -> HealthBuilder {
        HealthBuilder::default()
    }
}

// === impl HealthBuilder ===

impl HealthBuilder {
    /// Adds a check.
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Adds a check that the application sets itself with [`Health::set`]. Until then it is unknown. [`Check::manual`] has
    /// more settings, such as a time after which the status is too old.
    pub fn manual(self, name: &str, role: Role) -> Self {
        self.check(Check::manual(name).role(role))
    }

    /// Starts the checks, each in a task of its own on the current runtime.
    ///
    /// # Errors
    ///
    /// If a setting of a check is not valid, two checks have one name, or there is no Tokio runtime with a clock. A runtime without a
    /// clock is found by a panic of Tokio that ends here: the panic hook hears of it, and with `panic = "abort"` it aborts.
    pub fn start(self) -> Result<Health, ConfigError> {
        self.verify()?;
        let entries = self.checks.into_iter().map(Check::anew);
        let entries = entries.map(Entry::new).collect();
        let registry = Registry::new(entries);
        for index in 0..registry.entries.len() {
            registry.follow(index);
        }
        if !registry.entries.is_empty() {
            let runtime = runtime::with_clock("health")?;
            for (index, entry) in registry.entries.iter().enumerate() {
                let registry = Arc::downgrade(&registry);
                if entry.check.expires() {
                    runtime.spawn(runner::expire(registry, index));
                } else if entry.check.is_asked() {
                    runtime.spawn(runner::run(registry, index));
                }
            }
        }
        Ok(Health::of(registry))
    }

    /// Leaves out the checks with these names.
    #[cfg(feature = "cli")]
    pub(crate) fn without(mut self, names: &[String]) -> Self {
        self.checks
            .retain(|check| !names.contains(&(*check.name).to_owned()));
        self
    }

    /// Refuses checks that cannot work together.
    pub(super) fn verify(&self) -> Result<(), ConfigError> {
        for (index, check) in self.checks.iter().enumerate() {
            check.verify()?;
            let earlier = &self.checks[..index];
            if earlier.iter().any(|other| other.name == check.name) {
                let reason = "there is already a check with this name";
                return Err(ConfigError::new("health.check", &*check.name, reason));
            }
        }
        Ok(())
    }
}
