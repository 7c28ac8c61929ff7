//! Provides checks for common dependencies.

#[cfg(feature = "sqlx")]
use std::time::Duration;
use std::{
    any::Any,
    net::{self, SocketAddr},
    sync::Arc,
};

use tokio::net::TcpStream;
#[cfg(feature = "sqlx")]
use tokio::time;

use super::Check;
#[cfg(any(feature = "redis", feature = "reqwest"))]
use super::check::BoxError;
use crate::look_up::LookUp;

/// How long a pool takes at most to take back a connection.
#[cfg(feature = "sqlx")]
const GIVEN_BACK_WITHIN: Duration = Duration::from_millis(100);

/// How long Redis keeps the key of a round trip.
#[cfg(feature = "redis")]
const KEPT_SECONDS: u64 = 60;

impl Check {
    /// Whether a TCP connection to `address`, such as `cache:6379`, can be opened.
    ///
    /// A name is looked up by the system, which can hang. Then the check has failed until that look-up ends: no other one is begun.
    /// `127.0.0.1:5432` and `[::1]:5432` are looked up nowhere.
    pub fn tcp(
        name: &str,
        address: impl net::ToSocketAddrs + Clone + Send + Sync + 'static,
    ) -> Self {
        let names = Arc::new(LookUp::default());
        let known = literal(&address);
        Self::new(name, move || {
            let (address, names) = (address.clone(), Arc::clone(&names));
            async move {
                let found = match known {
                    Some(known) => vec![known],
                    None => names.addresses(address).await?,
                };
                TcpStream::connect(&*found).await.map(drop)
            }
        })
    }

    /// Whether a database answers a ping over a connection of `pool`. If all connections are in use, the check waits for one
    /// for a quarter of its timeout, but for 100 ms at most: a pool takes a connection back a moment after its user is done.
    /// Then it opens one of its own: if the database answers there, the check is degraded.
    #[cfg(feature = "sqlx")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sqlx")))]
    #[must_use]
    pub fn sqlx<DB>(name: &str, pool: sqlx_core::pool::Pool<DB>) -> Self
    where
        DB: sqlx_core::database::Database,
    {
        use super::Answer;
        use sqlx_core::{Error, connection::Connection};
        Self::within(name, move |timeout| {
            let pool = pool.clone();
            async move {
                let full = pool.size() >= pool.options().get_max_connections();
                let acquired = match pool.try_acquire() {
                    Some(idle) => Some(idle),
                    None if full => {
                        let wait = GIVEN_BACK_WITHIN.min(timeout / 4);
                        match time::timeout(wait, pool.acquire()).await {
                            Err(_) | Ok(Err(Error::PoolTimedOut)) => None,
                            Ok(acquired) => Some(acquired?),
                        }
                    }
                    None => Some(pool.acquire().await?),
                };
                if let Some(mut connection) = acquired {
                    connection.ping().await?;
                    return Ok(Answer::Healthy);
                }
                // The users of the connections may work, or wait for a database that hangs.
                let options = pool.connect_options();
                match DB::Connection::connect_with(&options).await {
                    Ok(mut beside) => {
                        beside.ping().await?;
                        beside.close().await?;
                    }
                    // The database answers, for example that it accepts no more connections.
                    Err(Error::Database(_)) => {}
                    Err(error) => return Err(error),
                }
                Ok(Answer::Degraded("every connection is in use".into()))
            }
        })
        .healthy_label("connected")
    }

    /// Whether the response to a GET of `url`, an `http` or `https` address, is 2xx. The body is not read. No error and no
    /// response shows the address, since it can contain a password or a key.
    ///
    /// [`HealthBuilder::start`](super::HealthBuilder::start) refuses an address that is not valid as `health.{name}.url`,
    /// without its secrets.
    ///
    /// ```
    /// use tower_vitals::health::{Check, Role};
    ///
    /// # fn checks() -> Check {
    /// let url = "http://payments:8080/readyz";
    /// Check::reqwest("payments", reqwest::Client::new(), url).role(Role::Optional)
    /// # }
    /// ```
    #[cfg(feature = "reqwest")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "reqwest")))]
    #[must_use]
    pub fn reqwest(name: &str, client: reqwest::Client, url: &str) -> Self {
        let parsed = reqwest::Url::parse(url).ok();
        let Some(address) = parsed.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            let reason = "expected an http or https address";
            return Self::refused(name, "url", without_secrets(url), reason);
        };
        Self::new(name, move || {
            let asked = client.get(address.clone()).send();
            async move {
                let answer = asked.await.map_err(reqwest::Error::without_url)?;
                let status = answer.status();
                match status.is_success() {
                    true => Ok(()),
                    false => Err::<_, BoxError>(format!("answered {}", status.as_u16()).into()),
                }
            }
        })
    }

    /// Whether Redis answers a ping on a new connection. A Redis that is full or read-only does; see
    /// [`redis_round_trip`](Self::redis_round_trip).
    #[cfg(feature = "redis")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "redis")))]
    #[must_use]
    pub fn redis(name: &str, client: redis::Client) -> Self {
        Self::new(name, move || {
            let client = client.clone();
            async move {
                let mut connection = client.get_multiplexed_async_connection().await?;
                redis::cmd("PING").exec_async(&mut connection).await
            }
        })
        .healthy_label("connected")
    }

    /// Whether Redis takes a value and gives it back, on a new connection. A Redis that is full (`maxmemory`), read-only (a
    /// replica), or cannot save has failed.
    ///
    /// The key is `tower-vitals:health:` and a random UUID for each question, so it is no key of the application, of another
    /// replica or of another question. It expires after a minute. A user with restricted rights needs
    /// `~tower-vitals:health:* +set +get`. A plain client of a cluster gets an error, since the key is on another node.
    #[cfg(feature = "redis")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "redis")))]
    #[must_use]
    pub fn redis_round_trip(name: &str, client: redis::Client) -> Self {
        let random = || uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes());
        Self::new(name, move || {
            let client = client.clone();
            // Another question at the same time has its own.
            let key = format!("tower-vitals:health:{}", random().into_uuid());
            let value = random().into_uuid().to_string();
            async move {
                let mut connection = client.get_multiplexed_async_connection().await?;
                let mut set = redis::cmd("SET");
                let set = set.arg(&key).arg(&value).arg("EX").arg(KEPT_SECONDS);
                set.exec_async(&mut connection).await?;
                let get = redis::cmd("GET").arg(&key).to_owned();
                let got: Option<String> = get.query_async(&mut connection).await?;
                match got == Some(value) {
                    true => Ok(()),
                    false => Err::<_, BoxError>("the value did not come back".into()),
                }
            }
        })
        .healthy_label("connected")
    }
}

/// The address that is written out in an address of one of the usual types.
fn literal(address: &dyn Any) -> Option<SocketAddr> {
    if let Some(address) = address.downcast_ref::<SocketAddr>() {
        return Some(*address);
    }
    let owned = || address.downcast_ref::<String>().map(String::as_str);
    let text = address.downcast_ref::<&str>().copied().or_else(owned);
    text?.parse().ok()
}

/// The part of an address that may be shown. There can be a password before an `@`, and a key behind a `?`.
#[cfg(any(feature = "certificates", feature = "reqwest"))]
pub(super) fn without_secrets(url: &str) -> String {
    let shown = match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    };
    let end = shown.find(['?', '#']).unwrap_or(shown.len());
    shown[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_written_out_is_looked_up_nowhere() {
        let known = SocketAddr::from(([127, 0, 0, 1], 5432));
        for address in [
            &known as &dyn Any,
            &"127.0.0.1:5432",
            &"127.0.0.1:5432".to_owned(),
        ] {
            assert_eq!(literal(address), Some(known));
        }
        assert_eq!(literal(&"[::1]:1").map(|found| found.is_ipv6()), Some(true));
        for address in [
            &"localhost:5432" as &dyn Any,
            &"127.0.0.1",
            &("127.0.0.1", 1),
        ] {
            assert_eq!(literal(address), None);
        }
    }
}
