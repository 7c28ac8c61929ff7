//! Checks the free space of a file system.

use std::{io, path::PathBuf, sync::Arc, thread};

use tokio::sync::{Mutex, oneshot};

use super::{Answer, Check, check::BoxError};

/// Free space, in per cent, at or below which a disk is degraded.
const DEGRADED: u8 = 20;

/// Free space, in per cent, at or below which a disk has failed.
const FAILED: u8 = 10;

/// The bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Space {
    /// Free for every user, without the reserve of the superuser.
    available: u64,
    total: u64,
}

// === impl Check ===

impl Check {
    /// The free space of the file system that holds `path`. It is degraded at 20 % or less, and has failed at 10 % or less.
    ///
    /// The reserve of the superuser does not count as free. The check runs on a thread of its own, and never twice at a time:
    /// a network file system that hangs costs one thread and not the runtime.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "disk")))]
    #[must_use]
    pub fn disk(name: &str, path: impl Into<PathBuf>) -> Self {
        Self::disk_below(name, path, DEGRADED, FAILED)
    }

    /// As [`disk`](Self::disk), with other limits: the free space in per cent, from 0 to 100, at or below which the disk is
    /// `degraded` and has `failed`.
    ///
    /// [`HealthBuilder::start`](super::HealthBuilder::start) refuses a `degraded` above 100 as `health.{name}.degraded`, and
    /// a `failed` that is not below it as `health.{name}.failed`.
    ///
    /// ```
    /// use tower_vitals::health::{Check, Role};
    ///
    /// let uploads = Check::disk_below("uploads", "/var/lib/shop", 15, 5)
    ///     .role(Role::Optional);
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "disk")))]
    #[must_use]
    pub fn disk_below(name: &str, path: impl Into<PathBuf>, degraded: u8, failed: u8) -> Self {
        if degraded > 100 {
            let reason = "a percentage is at most 100";
            return Self::refused(name, "degraded", degraded.to_string(), reason);
        }
        if failed >= degraded {
            let reason = "must be below the percentage at which it is degraded";
            return Self::refused(name, "failed", failed.to_string(), reason);
        }
        let path = path.into();
        let measure = move || {
            let space = fs4::statvfs(&path)?;
            Ok(Space {
                available: space.available_space(),
                total: space.total_space(),
            })
        };
        Self::measured(name, measure, degraded, failed)
    }

    fn measured(
        name: &str,
        measure: impl Fn() -> io::Result<Space> + Send + Sync + 'static,
        degraded: u8,
        failed: u8,
    ) -> Self {
        let measure = Arc::new(measure);
        let only_one = Arc::new(Mutex::new(()));
        Self::new(name, move || {
            let measure = Arc::clone(&measure);
            let only_one = Arc::clone(&only_one);
            async move {
                let turn = only_one.lock_owned().await;
                let (answer, answered) = oneshot::channel();
                // Not a thread of the runtime, whose shutdown would wait for it.
                thread::Builder::new()
                    .name("vitals-disk".into())
                    .spawn(move || {
                        // The receiver can be gone.
                        let _ = answer.send(measure());
                        drop(turn);
                    })?;
                answered.await??.judge(degraded, failed)
            }
        })
        .healthy_label("enough space")
    }
}

// === impl Space ===

impl Space {
    fn judge(self, degraded: u8, failed: u8) -> Result<Answer, BoxError> {
        let Self { available, total } = self;
        if total == 0 {
            return Err("the file system has no size".into());
        }
        let at_most =
            |percent: u8| u128::from(available) * 100 <= u128::from(total) * u128::from(percent);
        let text = format!("{available} of {total} bytes free");
        if at_most(failed) {
            Err(text.into())
        } else if at_most(degraded) {
            Ok(Answer::Degraded(text))
        } else {
            Ok(Answer::Healthy)
        }
    }
}

#[cfg(test)]
mod tests;
