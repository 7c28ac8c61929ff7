//! Asks PostgreSQL how large a database is, and how many connections there are.

use std::{fmt, time::Duration};

use sqlx_core::{
    column::ColumnIndex,
    database::Database,
    decode::Decode,
    executor::Executor,
    pool::{Pool, PoolConnection},
    row::Row,
    types::Type,
};
use tokio::time;

use super::{asking, sampling::Sampling};
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// The comment with which the statements of this crate begin. They are not measured.
pub(super) const OURS: &str = "/* tower-vitals */";

/// The size, the connections, and how many there may be. All three are of type `bigint`.
const STATEMENT: &str = "/* tower-vitals */ SELECT pg_database_size(current_database()), \
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()), \
    current_setting('max_connections')::bigint";

/// How much longer than its timeout a question is waited for, so that it can take its connection out of the pool.
const RESERVE: Duration = Duration::from_secs(1);

/// A database of PostgreSQL to watch. See [`postgres`].
#[must_use = "nobody asks before `start`"]
pub struct Postgres<DB: Database> {
    sampling: Sampling,
    pool: Pool<DB>,
    timeout: Duration,
}

/// A connection that goes back to its pool only if it answered.
struct Lent<DB: Database>(Option<PoolConnection<DB>>);

/// Watches a database of PostgreSQL: asks it from time to time, over a connection of `pool`, which is an `sqlx::PgPool`.
///
/// It publishes `postgres_database_size_bytes{name}`, `postgres_connections{name}` (to this database, of all its clients) and
/// `postgres_connections_max{name}` (of the whole server).
///
/// ```
/// use tower_vitals::{config::ConfigError, operations::postgres};
///
/// # use sqlx_core::{column::ColumnIndex, database::Database, decode::Decode, executor::Executor, types::Type};
/// # fn watch<DB: Database>(db: &sqlx_core::pool::Pool<DB>) -> Result<(), ConfigError>
/// # where
/// #     for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
/// #     for<'r> i64: Decode<'r, DB> + Type<DB>,
/// #     usize: ColumnIndex<DB::Row>,
/// # {
/// postgres("shop", db.clone()).start()?;
/// # Ok(())
/// # }
/// ```
///
/// # The connection
///
/// It takes an idle connection of the pool, or opens one if the pool is not full, and gives it back at once. It waits for none:
/// when every connection is in use, the values are absent. A connection that fails, or does not answer in time, is closed, and no
/// user of the pool gets it. Where PostgreSQL refuses the statement, the connection goes back, and the values stay absent. Its
/// statement begins with `/* tower-vitals */`, and is not measured as a query.
///
/// # When PostgreSQL misbehaves
///
/// Without an answer in time all values are absent, and `vitals_sample_age_seconds{sampler="postgres:shop"}` grows.
pub fn postgres<DB>(name: &str, pool: Pool<DB>) -> Postgres<DB>
where
    DB: Database,
{
    Postgres {
        sampling: Sampling::new("postgres", name),
        pool,
        timeout: asking::TIMEOUT,
    }
}

// === impl Postgres ===

impl<DB: Database> Postgres<DB> {
    /// How often it is asked, from 1 s to 1 h. Defaults to 10 s.
    pub const fn every(mut self, every: Duration) -> Self {
        self.sampling.every = every;
        self
    }

    /// How long an answer may take, with the connection: more than 0 s. Defaults to 2 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Publishes with these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.sampling.metrics = Some(metrics.clone());
        self
    }

    /// Asks from now on, first at once, in a task on the current runtime. The bounds say that the database takes statements and
    /// that its rows have whole numbers.
    ///
    /// # Errors
    ///
    /// If the name is empty, `every` is out of its range, the timeout is 0, the pool is of another database, or there is no Tokio
    /// runtime with a clock.
    pub fn start(self) -> Result<(), ConfigError>
    where
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        for<'r> i64: Decode<'r, DB> + Type<DB>,
        usize: ColumnIndex<DB::Row>,
    {
        let Self {
            sampling,
            pool,
            timeout,
        } = self;
        let sampler = sampling.checked()?;
        sampling.check_timeout(timeout)?;
        let Sampling {
            name,
            every,
            metrics,
            ..
        } = sampling;
        if DB::NAME != "PostgreSQL" {
            let field = format!("postgres.{name}.pool");
            return Err(ConfigError::new(
                field,
                DB::NAME,
                "expected a pool of PostgreSQL",
            ));
        }
        let latest = timeout.saturating_add(RESERVE);
        asking::in_task(&sampler, every, latest, metrics.as_ref(), move || {
            let (pool, name) = (pool.clone(), name.clone());
            async move {
                let values = time::timeout(timeout, ask(&pool)).await.ok()??;
                let ids = [Id::PostgresSize, Id::PostgresConnections, Id::PostgresMax];
                let known = ids.into_iter().zip(values);
                let gauge = |(id, value)| Sampled::gauge(id, &[&name], value);
                Some(known.map(gauge).collect())
            }
        })
    }
}

impl<DB: Database> fmt::Debug for Postgres<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sampling = &self.sampling;
        f.debug_struct("Postgres")
            .field("sampling", sampling)
            .finish_non_exhaustive()
    }
}

// === impl Lent ===

impl<DB: Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            // A pool waits for what it takes back.
            drop(connection.detach());
        }
    }
}

/// Whether the database has refused the statement. Its connection is as good as before.
const fn is_answer(error: &sqlx_core::Error) -> bool {
    matches!(error, sqlx_core::Error::Database(_))
}

/// The values, or `None`.
async fn ask<DB>(pool: &Pool<DB>) -> Option<[f64; 3]>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> i64: Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let full = || pool.size() >= pool.options().get_max_connections();
    let connection = match pool.try_acquire() {
        Some(idle) => idle,
        None if full() => return None,
        None => pool.acquire().await.ok()?,
    };
    let mut lent = Lent(Some(connection));
    let connection = lent.0.as_mut()?;
    let row = match (&mut **connection).fetch_one(STATEMENT).await {
        Ok(row) => row,
        Err(error) => {
            if is_answer(&error) {
                drop(lent.0.take());
            }
            return None;
        }
    };
    let number = |index: usize| row.try_get::<i64, _>(index).map(|number| number as f64);
    let values = [number(0).ok()?, number(1).ok()?, number(2).ok()?];
    drop(lent.0.take());
    Some(values)
}
