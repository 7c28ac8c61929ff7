//! Judges how something ended by what it returned.

use std::any::Any;

use crate::facts::{evidence::Needs, rules::Rules, work::CallOutcome};

/// How something ended that returned this. An error is a timeout if it or one of its causes is known to be one by its type.
pub(super) fn outcome<T, E: 'static>(result: &Result<T, E>) -> CallOutcome {
    match result {
        Ok(_) => CallOutcome::Success,
        Err(error) => of_error(error),
    }
}

/// As [`outcome`] judges an error.
pub(super) fn of_error(error: &dyn Any) -> CallOutcome {
    let rules = Rules::built_in();
    let error = rules.as_error(error);
    let is_timeout =
        error.is_some_and(|error| rules.examine(error, false, false, Needs::NONE).0.of_timeout);
    if is_timeout {
        CallOutcome::Timeout
    } else {
        CallOutcome::Error
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fmt, future, io, panic::resume_unwind, sync::Arc, time::Duration};

    use tokio::time::{error::Elapsed, timeout};

    use super::*;

    /// An error of the application, with what caused it.
    #[derive(Debug)]
    struct Wrapped(Elapsed);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    /// An error of which every part panics.
    struct Hostile;

    impl fmt::Debug for Hostile {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            resume_unwind(Box::new("as asked"))
        }
    }

    impl fmt::Display for Hostile {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            resume_unwind(Box::new("as asked"))
        }
    }

    impl Error for Hostile {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            resume_unwind(Box::new("as asked"))
        }
    }

    fn of<E: 'static>(error: E) -> CallOutcome {
        outcome(&Err::<(), E>(error))
    }

    fn late() -> io::Error {
        io::ErrorKind::TimedOut.into()
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }

    async fn elapsed() -> Elapsed {
        let never = future::pending::<()>();
        timeout(Duration::ZERO, never).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_a_timeout_if_its_type_or_that_of_a_cause_says_so() {
        assert_eq!(of(late()), CallOutcome::Timeout);
        assert_eq!(of(Box::new(late())), CallOutcome::Timeout);
        assert_eq!(of(Arc::new(late())), CallOutcome::Timeout);
        assert_eq!(of(elapsed().await), CallOutcome::Timeout);
        assert_eq!(of(io::Error::other(elapsed().await)), CallOutcome::Timeout);
        let boxed: Box<dyn Error + Send + Sync> = Box::new(Wrapped(elapsed().await));
        assert_eq!(of(boxed), CallOutcome::Timeout);
        let boxed: Box<dyn Error> = Box::new(late());
        assert_eq!(of(boxed), CallOutcome::Timeout);
        let shared: Arc<dyn Error + Send + Sync> = Arc::new(late());
        assert_eq!(of(shared), CallOutcome::Timeout);
        #[cfg(feature = "anyhow")]
        assert_eq!(
            of(anyhow::Error::new(late()).context("a query")),
            CallOutcome::Timeout
        );
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_error_is_an_error() {
        assert_eq!(outcome(&Ok::<_, io::Error>(())), CallOutcome::Success);
        assert_eq!(of(refused()), CallOutcome::Error);
        let boxed: Box<dyn Error + Send + Sync> = "timed out".into();
        assert_eq!(of(boxed), CallOutcome::Error, "a text is no type");
        #[cfg(feature = "anyhow")]
        assert_eq!(of(anyhow::Error::new(refused())), CallOutcome::Error);
        // A type of the application that nothing is known of.
        assert_eq!(of(Wrapped(elapsed().await)), CallOutcome::Error);
        assert_eq!(of("late"), CallOutcome::Error);
        assert_eq!(of(()), CallOutcome::Error);
    }

    #[cfg(feature = "sqlx")]
    #[test]
    fn an_error_of_a_database_is_a_timeout_if_the_database_or_a_cause_says_so() {
        use std::borrow::Cow;

        use sqlx_core::error::{DatabaseError, ErrorKind};

        /// What a database answers, with this SQLSTATE.
        #[derive(Debug)]
        struct State(&'static str);

        impl fmt::Display for State {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("as asked")
            }
        }

        impl Error for State {}

        impl DatabaseError for State {
            fn message(&self) -> &str {
                "as asked"
            }

            fn code(&self) -> Option<Cow<'_, str>> {
                Some(self.0.into())
            }

            fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
                self
            }

            fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
                self
            }

            fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
                self
            }

            fn kind(&self) -> ErrorKind {
                ErrorKind::Other
            }
        }

        let database = |code| sqlx_core::Error::Database(Box::new(State(code)));
        assert_eq!(of(sqlx_core::Error::PoolTimedOut), CallOutcome::Timeout);
        assert_eq!(of(sqlx_core::Error::Io(late())), CallOutcome::Timeout);
        assert_eq!(of(sqlx_core::Error::Io(refused())), CallOutcome::Error);
        assert_eq!(of(database("57014")), CallOutcome::Timeout);
        assert_eq!(of(database("23505")), CallOutcome::Error);
        assert_eq!(of(sqlx_core::Error::RowNotFound), CallOutcome::Error);
    }

    #[cfg(feature = "redis")]
    #[test]
    fn an_error_of_redis_is_a_timeout_if_it_says_so() {
        assert_eq!(of(redis::RedisError::from(late())), CallOutcome::Timeout);
        assert_eq!(of(redis::RedisError::from(refused())), CallOutcome::Error);
    }

    #[test]
    fn an_error_that_panics_when_it_is_asked_is_an_error() {
        let boxed: Box<dyn Error + Send + Sync> = Box::new(Hostile);
        assert_eq!(of(boxed), CallOutcome::Error);
        assert_eq!(of(Hostile), CallOutcome::Error);
        assert_eq!(of(io::Error::other(Hostile)), CallOutcome::Error);
    }
}
