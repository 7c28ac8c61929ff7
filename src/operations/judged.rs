//! Judges how something ended by what it returned.

use std::any::Any;

use crate::facts::{category::ErrorCategory, evidence::Needs, rules::Rules, work::CallOutcome};

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
    let category = error.and_then(|error| rules.examine(error, false, Needs::NONE).0.by_type);
    match category {
        Some(ErrorCategory::Timeout) => CallOutcome::Timeout,
        _ => CallOutcome::Error,
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

    #[test]
    fn an_error_that_panics_when_it_is_asked_is_an_error() {
        let boxed: Box<dyn Error + Send + Sync> = Box::new(Hostile);
        assert_eq!(of(boxed), CallOutcome::Error);
        assert_eq!(of(Hostile), CallOutcome::Error);
        assert_eq!(of(io::Error::other(Hostile)), CallOutcome::Error);
    }
}
