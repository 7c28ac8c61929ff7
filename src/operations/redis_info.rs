//! Asks Redis how much memory it uses, how many clients it has, and how often it finds what is looked up.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::aio::MultiplexedConnection;

use super::{asking, sampling::Sampling};
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// A Redis to watch. See [`redis_info`].
#[must_use = "nobody asks before `start`"]
pub struct RedisInfo {
    sampling: Sampling,
    client: redis::Client,
    timeout: Duration,
}

/// What is kept from one answer to the next.
#[derive(Default)]
struct Kept {
    connection: Option<MultiplexedConnection>,
    lookups: Option<Lookups>,
}

/// How many lookups found their key, and how many did not, since Redis started.
#[derive(Clone, Copy, Debug)]
struct Lookups {
    hits: u64,
    misses: u64,
}

/// The text of an answer to `INFO`.
struct Info<'a>(&'a str);

/// Watches a Redis: sends `INFO` from time to time, over a connection of its own.
///
/// It publishes, each with the label `name`:
///
/// | metric | field of `INFO` |
/// | --- | --- |
/// | `redis_memory_used_bytes` | `used_memory` |
/// | `redis_memory_max_bytes` | `maxmemory`; absent without a limit |
/// | `redis_keyspace_hit_ratio` | `keyspace_hits` and `keyspace_misses`, between the last two answers; absent without lookups |
/// | `redis_connected_clients` | `connected_clients` |
/// | `redis_evicted_keys_total` | `evicted_keys` |
///
/// ```no_run
/// use tower_vitals::operations::redis_info;
///
/// # async fn watch() -> Result<(), Box<dyn std::error::Error>> {
/// let client = redis::Client::open("redis://cache:6379")?;
/// redis_info("cache", client).start()?;
/// # Ok(())
/// # }
/// ```
///
/// # When Redis misbehaves
///
/// Without an answer in time all values are absent, and `vitals_sample_age_seconds{sampler="redis:cache"}` grows. The next question
/// then opens a new connection. A field that is missing, or is no number, is absent. After a restart of Redis the ratio is absent
/// once. A user with restricted rights needs `+info`.
pub fn redis_info(name: &str, client: redis::Client) -> RedisInfo {
    RedisInfo {
        sampling: Sampling::new("redis", name),
        client,
        timeout: asking::TIMEOUT,
    }
}

// === impl RedisInfo ===

impl RedisInfo {
    /// How often Redis is asked, from 1 s to 1 h. Defaults to 10 s.
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

    /// Asks from now on, first at once, in a task on the current runtime.
    ///
    /// # Errors
    ///
    /// If the name is empty, `every` is out of its range, the timeout is 0, or there is no Tokio runtime with a clock.
    pub fn start(self) -> Result<(), ConfigError> {
        let Self {
            sampling,
            client,
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
        let kept = Arc::<Mutex<Kept>>::default();
        asking::in_task(&sampler, every, timeout, metrics.as_ref(), move || {
            let (client, kept, name) = (client.clone(), Arc::clone(&kept), name.clone());
            async move {
                // If there is no answer in time, the connection is dropped here.
                let before = lock(&kept).connection.take();
                let mut connection = match before {
                    Some(connection) => connection,
                    None => client.get_multiplexed_async_connection().await.ok()?,
                };
                let asked = redis::cmd("INFO")
                    .query_async::<String>(&mut connection)
                    .await;
                let info = asked.ok()?;
                let mut kept = lock(&kept);
                kept.connection = Some(connection);
                let lookups = Info(&info).lookups();
                let before = std::mem::replace(&mut kept.lookups, lookups);
                Some(Info(&info).values(&name, before))
            }
        })
    }
}

impl fmt::Debug for RedisInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client shows its password.
        let sampling = &self.sampling;
        f.debug_struct("RedisInfo")
            .field("sampling", sampling)
            .finish_non_exhaustive()
    }
}

// === impl Info ===

impl Info<'_> {
    fn number(&self, wanted: &str) -> Option<u64> {
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            (name == wanted).then(|| value.trim().parse().ok())
        };
        self.0.lines().find_map(field).flatten()
    }

    fn lookups(&self) -> Option<Lookups> {
        Some(Lookups {
            hits: self.number("keyspace_hits")?,
            misses: self.number("keyspace_misses")?,
        })
    }

    /// What is published. `before` are the lookups of the answer before this one.
    fn values(&self, name: &str, before: Option<Lookups>) -> Vec<Sampled> {
        let gauge = |id, value| Sampled::gauge(id, &[name], value);
        let number = |field| self.number(field).map(|number| number as f64);
        let ratio = || self.lookups()?.ratio_since(before?);
        [
            number("used_memory").map(|bytes| gauge(Id::RedisMemoryUsed, bytes)),
            number("maxmemory")
                .filter(|bytes| *bytes > 0.0)
                .map(|bytes| gauge(Id::RedisMemoryMax, bytes)),
            ratio().map(|ratio| gauge(Id::RedisHitRatio, ratio)),
            number("connected_clients").map(|clients| gauge(Id::RedisClients, clients)),
            self.number("evicted_keys")
                .map(|keys| Sampled::counter(Id::RedisEvicted, &[name], keys)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

// === impl Lookups ===

impl Lookups {
    /// The share of lookups since `before` that found their key. `None` without lookups, and if Redis started again.
    fn ratio_since(self, before: Self) -> Option<f64> {
        let hits = self.hits.checked_sub(before.hits)? as f64;
        let misses = self.misses.checked_sub(before.misses)? as f64;
        let all = hits + misses;
        (all > 0.0).then_some(hits / all)
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sampled::Value;

    fn values(info: &str, before: Option<(u64, u64)>) -> Vec<(Id, Value)> {
        let before = before.map(|(hits, misses)| Lookups { hits, misses });
        let values = Info(info).values("cache", before);
        values.into_iter().map(|it| (it.id, it.value)).collect()
    }

    #[test]
    fn what_redis_says_is_read_and_what_it_does_not_say_is_absent() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:0\r\n\r\n# Clients\r\n\
            connected_clients:3\r\n# Stats\r\nevicted_keys:7\r\nkeyspace_hits:13\r\nkeyspace_misses:6\r\n";
        let known = vec![
            (Id::RedisMemoryUsed, Value::Gauge(1_048_576.0)),
            (Id::RedisClients, Value::Gauge(3.0)),
            (Id::RedisEvicted, Value::Counter(7)),
        ];
        assert_eq!(values(info, None), known);
        assert_eq!(values(info, Some((13, 6))), known, "no lookups");
        assert_eq!(values(info, Some((14, 6))), known, "it started again");
        let mut with_ratio = known;
        with_ratio.insert(1, (Id::RedisHitRatio, Value::Gauge(0.75)));
        assert_eq!(values(info, Some((10, 5))), with_ratio);
        let limited = values("maxmemory:2048", None);
        assert_eq!(limited, [(Id::RedisMemoryMax, Value::Gauge(2048.0))]);
    }

    #[test]
    fn odd_fields_of_redis_are_absent() {
        for info in [
            "",
            "used_memory",
            "used_memory:",
            "used_memory:-1",
            "used_memory:1e3",
            "used_memory:NaN",
            "used_memory:99999999999999999999999999",
            "used_memory:many\nused_memory:5",
            "keyspace_hits:1\nkeyspace_misses:x",
            ":::\n\u{1f980}:1",
        ] {
            assert_eq!(values(info, Some((0, 0))), [], "{info}");
        }
    }
}
