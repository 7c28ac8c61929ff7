//! Shows how many connections of a pool are open, idle and in use.

use std::{fmt, time::Duration};

use super::sampling::Sampling;
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// How a pool of connections is now. See [`pool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// How many connections are open, idle or in use.
    pub size: u32,
    /// How many of them nobody uses.
    pub idle: u32,
    /// How many may be open at most.
    pub max: u32,
}

/// A pool to watch. See [`pool`].
#[must_use = "nobody asks before `start`"]
pub struct Pool {
    sampling: Sampling,
    state: Box<dyn FnMut() -> PoolState + Send>,
}

/// Watches a pool of connections: `state` is asked from time to time, on a thread of its own.
///
/// The answer is published as `db_connection_pool_size{pool}`, `db_connection_pool_idle{pool}`, `db_connection_pool_in_use{pool}`
/// (size without idle, at least 0) and `db_connection_pool_max{pool}`. A scrape shows the last answer and asks nobody.
///
/// ```
/// use tower_vitals::operations::{PoolState, pool};
///
/// pool("primary", || PoolState { size: 5, idle: 3, max: 10 }).start()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// For a pool of sqlx, with feature `sqlx`: `pool("primary", move || PoolState::of_sqlx(&db))`.
///
/// The thread has no Tokio runtime: `state` can block, and `Handle::current()` panics there. What only an `async` call can tell
/// is best kept in an atomic by a task of yours.
///
/// # When `state` misbehaves
///
/// If it hangs, its last answer stays, and `vitals_sample_age_seconds{sampler="pool:primary"}` grows. If it panics, its values are
/// absent until it answers again, and one hook failure is counted. A second pool with the same name takes the place of the first
/// one. The thread ends with the counters that get the values.
pub fn pool(name: &str, state: impl FnMut() -> PoolState + Send + 'static) -> Pool {
    Pool {
        sampling: Sampling::new("pool", name),
        state: Box::new(state),
    }
}

// === impl PoolState ===

impl PoolState {
    /// How a pool of sqlx is now.
    ///
    /// sqlx takes a connection back a moment after its user is done, so it can seem to be in use a little longer. A closed pool
    /// has neither connections nor idle ones. A closure that holds the pool keeps it open until the application closes it.
    #[cfg(feature = "sqlx")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sqlx")))]
    #[must_use]
    pub fn of_sqlx<DB: sqlx_core::database::Database>(pool: &sqlx_core::pool::Pool<DB>) -> Self {
        // First the idle ones: a connection that is opened in between is no idle one.
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        Self {
            size: pool.size(),
            idle,
            max: pool.options().get_max_connections(),
        }
    }

    fn values(self, pool: &str) -> Vec<Sampled> {
        let Self { size, idle, max } = self;
        let in_use = size.saturating_sub(idle);
        [
            (Id::PoolSize, size),
            (Id::PoolIdle, idle),
            (Id::PoolInUse, in_use),
            (Id::PoolMax, max),
        ]
        .into_iter()
        .map(|(id, value)| Sampled::gauge(id, &[pool], f64::from(value)))
        .collect()
    }
}

// === impl Pool ===

impl Pool {
    /// How often the pool is asked, from 1 s to 1 h. Defaults to 10 s.
    pub const fn every(mut self, every: Duration) -> Self {
        self.sampling.every = every;
        self
    }

    /// Publishes with these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.sampling.metrics = Some(metrics.clone());
        self
    }

    /// Asks from now on, first at once.
    ///
    /// # Errors
    ///
    /// If the name is empty, `every` is out of its range, or the thread cannot start.
    pub fn start(self) -> Result<(), ConfigError> {
        let mut state = self.state;
        self.sampling.on_thread(move |pool| state().values(pool))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sampling = &self.sampling;
        f.debug_struct("Pool")
            .field("sampling", sampling)
            .finish_non_exhaustive()
    }
}
