//! Measures a query of a database.

use super::{
    finished::{SLOW, Subject},
    measured::Measured,
};
use crate::facts::{query::Operation, work::Work};

/// Measures a query, such as `SELECT` of `appointments`, as `db_query_duration_seconds{operation,table}`.
///
/// The operation is `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `CALL`, `COPY`, `CREATE`, `ALTER`, `DROP`, `TRUNCATE`, `BEGIN`,
/// `COMMIT` or `ROLLBACK`, in upper or lower case. Another one is counted as `other`. The table is `'static`, so it cannot come from
/// a client. 256 tables have series of their own; further ones share the name `overflow`.
///
/// # With sqlx
///
/// With `sqlx_queries`, which `logging::init` has with feature `sqlx`, queries of sqlx are measured already. `query` around one
/// of them adds the outcome, and the whole counts once: what sqlx tells while the future or the closure of `query` runs is left
/// to `query`. **It counts twice with SQLite**, which works on a thread of its own, and between [`start`](Measured::start) and
/// the end of its guard.
///
/// ```
/// use tower_vitals::query;
///
/// # async fn rows() -> Result<u64, std::io::Error> { Ok(2) }
/// async fn appointments_today() -> Result<u64, std::io::Error> {
///     query("SELECT", "appointments").try_run(rows()).await
/// }
/// ```
///
/// See the [module docs](super).
pub fn query(operation: &str, table: &'static str) -> Measured {
    Measured::new(Subject {
        work: Work::Query,
        name: table,
        detail: Operation::named(operation).index(),
        threshold: SLOW,
    })
}
