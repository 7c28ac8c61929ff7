//! Asks a file system how much room it has left.

use std::{io, path::PathBuf, sync::Arc, thread};

use tokio::sync::{Mutex, oneshot};

use super::{Answer, Check, check::BoxError};

/// What of it is free from which on a disk is degraded, and failed, in percent.
const DEGRADED: u8 = 20;
const FAILED: u8 = 10;

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Space {
    /// For everybody, without what is kept back for the superuser.
    available: u64,
    total: u64,
}

// === impl Check ===

impl Check {
    /// How much room there is on the file system that holds `path`: degraded where 20 % or less is free, failed where it is 10 %
    /// or less.
    ///
    /// Free is what is there for everybody: what the file system keeps back for the superuser is not. It is asked on a thread of
    /// its own, and never twice at a time, so that a network file system that hangs costs one thread and no runtime.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "disk")))]
    #[must_use]
    pub fn disk(name: &str, path: impl Into<PathBuf>) -> Self {
        Self::disk_below(name, path, DEGRADED, FAILED)
    }

    /// As [`disk`](Self::disk), with limits of your own: the percentages of free space, each from 0 to 100, at which and below
    /// which the disk is `degraded` and `failed`.
    ///
    /// [`HealthBuilder::start`](super::HealthBuilder::start) refuses a `degraded` beyond 100 as `health.{name}.degraded`, and a
    /// `failed` that is not below it as `health.{name}.failed`.
    ///
    /// ```
    /// use tower_vitals::health::{Check, Role};
    ///
    /// let uploads = Check::disk_below("uploads", "/var/lib/shop", 15, 5).role(Role::Optional);
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
                // Not one of the runtime's: it would wait for this one before it ends.
                thread::Builder::new()
                    .name("vitals-disk".into())
                    .spawn(move || {
                        // Nobody may be waiting any more.
                        let _ = answer.send(measure());
                        drop(turn);
                    })?;
                answered.await??.judge(degraded, failed)
            }
        })
        .word("enough space")
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
            Ok(Answer::Fine)
        }
    }
}

#[cfg(test)]
mod tests;
