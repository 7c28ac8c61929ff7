//! Asks the usual dependencies in the usual way.

use std::{io, path::PathBuf};

use tokio::{
    fs,
    net::{TcpStream, ToSocketAddrs},
};

#[cfg(feature = "reqwest")]
use super::check::BoxError;
use super::{Answer, Check};

impl Check {
    /// Whether something listens at `address`, such as `cache:6379`.
    pub fn tcp(name: &str, address: impl ToSocketAddrs + Clone + Send + Sync + 'static) -> Self {
        Self::new(name, move || {
            let address = address.clone();
            async move { TcpStream::connect(address).await.map(drop) }
        })
    }

    /// How much of its memory limit the process's cgroup (version 2) has in use: degraded from 80 % on, failed never. Without
    /// a limit, and outside Linux, all is well.
    #[must_use]
    pub fn memory(name: &str) -> Self {
        Self::memory_in(name, "/sys/fs/cgroup".into())
    }

    pub(super) fn memory_in(name: &str, cgroup: PathBuf) -> Self {
        Self::new(name, move || {
            let cgroup = cgroup.clone();
            async move {
                let number = async |file: &str| match fs::read_to_string(cgroup.join(file)).await {
                    // `max` is no limit.
                    Ok(text) => Ok(text.trim().parse::<u64>().ok()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error),
                };
                let (limit, used) = (number("memory.max").await?, number("memory.current").await?);
                Ok::<_, io::Error>(match (limit, used) {
                    (Some(limit), Some(used)) if used >= limit / 5 * 4 => {
                        Answer::Degraded(format!("{used} of {limit} bytes in use"))
                    }
                    _ => Answer::Fine,
                })
            }
        })
        .word("within limits")
    }

    /// Whether a database answers a ping over a connection of `pool`. A pool whose connections are all in use is degraded, and
    /// not dead for as long as the database answers beside it, on a connection that is opened for the question.
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
                        // Those who hold them may be at work, or wait for a database that has frozen.
                        let options = pool.connect_options();
                        match DB::Connection::connect_with(&options).await {
                            Ok(mut beside) => {
                                beside.ping().await?;
                                beside.close().await?;
                            }
                            // It answers, if only to say that it has no connection left.
                            Err(sqlx_core::Error::Database(_)) => {}
                            Err(error) => return Err(error),
                        }
                        return Ok(Answer::Degraded("every connection is in use".into()));
                    }
                    None => pool.acquire().await?,
                };
                connection.ping().await?;
                Ok::<_, sqlx_core::Error>(Answer::Fine)
            }
        })
        .word("connected")
    }

    /// Whether a GET of `url`, an `http` or `https` address, is answered with a 2xx; the body is not read. The address is in no
    /// error and no answer, for it may hold a password or a key.
    ///
    /// A bad address is refused by [`HealthBuilder::start`](super::HealthBuilder::start) as `health.{name}.url`, without what
    /// is secret in it.
    ///
    /// ```
    /// use tower_vitals::health::{Check, Role};
    ///
    /// # fn checks() -> Check {
    /// Check::reqwest("payments", reqwest::Client::new(), "http://payments:8080/readyz").role(Role::Optional)
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

    /// Whether Redis answers a ping on a connection of its own.
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
        .word("connected")
    }
}

/// As much of an address as may be shown: what stands before an `@` may be a password, what stands behind a `?` a key.
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
        assert_eq!(check.ask().await.unwrap(), Answer::Fine, "no cgroup");
        for (limit, used, fine) in [
            ("max\n", "999999999\n", true),
            ("1000\n", "799\n", true),
            ("1000\n", "800\n", false),
            ("1000\n", "1000\n", false),
        ] {
            std::fs::write(folder.join("memory.max"), limit).unwrap();
            std::fs::write(folder.join("memory.current"), used).unwrap();
            let answer = check.ask().await.unwrap();
            assert_eq!(answer == Answer::Fine, fine, "{used} of {limit}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
