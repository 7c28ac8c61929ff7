//! Provides checks for common dependencies.

use std::{io, path::PathBuf};

use tokio::{
    fs,
    net::{TcpStream, ToSocketAddrs},
};

#[cfg(feature = "reqwest")]
use super::check::BoxError;
use super::{Answer, Check};

impl Check {
    /// Whether a TCP connection to `address`, such as `cache:6379`, can be opened.
    pub fn tcp(name: &str, address: impl ToSocketAddrs + Clone + Send + Sync + 'static) -> Self {
        Self::new(name, move || {
            let address = address.clone();
            async move { TcpStream::connect(address).await.map(drop) }
        })
    }

    /// The memory that the process's cgroup (version 2) uses. It is degraded from 80 % of the limit on, and never fails.
    /// Without a limit, and outside Linux, it is healthy.
    #[must_use]
    pub fn memory(name: &str) -> Self {
        Self::memory_in(name, "/sys/fs/cgroup".into())
    }

    pub(super) fn memory_in(name: &str, cgroup: PathBuf) -> Self {
        Self::new(name, move || {
            let cgroup = cgroup.clone();
            async move {
                let number = async |file: &str| match fs::read_to_string(cgroup.join(file)).await {
                    // `max` means no limit.
                    Ok(text) => Ok(text.trim().parse::<u64>().ok()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error),
                };
                let (limit, used) = (number("memory.max").await?, number("memory.current").await?);
                Ok::<_, io::Error>(match (limit, used) {
                    (Some(limit), Some(used)) if used >= limit / 5 * 4 => {
                        Answer::Degraded(format!("{used} of {limit} bytes in use"))
                    }
                    _ => Answer::Healthy,
                })
            }
        })
        .healthy_label("within limits")
    }

    /// Whether a database answers a ping over a connection of `pool`. If all connections are in use, the check opens one of
    /// its own: if the database answers there, the check is degraded.
    #[cfg(feature = "sqlx")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sqlx")))]
    #[must_use]
    pub fn sqlx<DB>(name: &str, pool: sqlx_core::pool::Pool<DB>) -> Self
    where
        DB: sqlx_core::database::Database,
    {
        use sqlx_core::connection::Connection;
        Self::new(name, move || {
            let pool = pool.clone();
            async move {
                let mut connection = match pool.try_acquire() {
                    Some(idle) => idle,
                    None if pool.size() >= pool.options().get_max_connections() => {
                        // The users of the connections may work, or wait for a database that hangs.
                        let options = pool.connect_options();
                        match DB::Connection::connect_with(&options).await {
                            Ok(mut beside) => {
                                beside.ping().await?;
                                beside.close().await?;
                            }
                            // The database answers, for example that it accepts no more connections.
                            Err(sqlx_core::Error::Database(_)) => {}
                            Err(error) => return Err(error),
                        }
                        return Ok(Answer::Degraded("every connection is in use".into()));
                    }
                    None => pool.acquire().await?,
                };
                connection.ping().await?;
                Ok::<_, sqlx_core::Error>(Answer::Healthy)
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

    /// Whether Redis answers a ping on a new connection.
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
}

/// The part of an address that may be shown. There can be a password before an `@`, and a key behind a `?`.
#[cfg(feature = "reqwest")]
fn without_secrets(url: &str) -> String {
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

    #[tokio::test]
    async fn memory_is_measured_against_the_limit_of_the_cgroup() {
        let folder =
            std::env::temp_dir().join(format!("tower-vitals-cgroup-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let check = Check::memory_in("memory", folder.clone());
        assert_eq!(check.ask().await.unwrap(), Answer::Healthy, "no cgroup");
        for (limit, used, fine) in [
            ("max\n", "999999999\n", true),
            ("1000\n", "799\n", true),
            ("1000\n", "800\n", false),
            ("1000\n", "1000\n", false),
        ] {
            std::fs::write(folder.join("memory.max"), limit).unwrap();
            std::fs::write(folder.join("memory.current"), used).unwrap();
            let answer = check.ask().await.unwrap();
            assert_eq!(answer == Answer::Healthy, fine, "{used} of {limit}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
