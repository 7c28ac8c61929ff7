//! Looks at the error of a job, whatever carries it.

use std::error::Error;

use crate::facts::{
    evidence::{Evidence, Needs},
    rules::Rules,
    work::CallOutcome,
};

/// An error that a [job](super::Job) can return: any [`Error`], a box of one, or a text. With their features, also the errors of
/// `anyhow` and `eyre`.
///
/// `Of` tells the three apart, and is never named.
pub trait JobError<Of: ?Sized>: 'static {
    #[doc(hidden)]
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static)));
}

/// How a run ended that returned.
#[derive(Debug)]
pub(super) enum Ended {
    Success,
    Failed(Judged),
}

/// What is known of the error of a run.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) outcome: CallOutcome,
    pub(super) evidence: Evidence,
    /// How many times code of the error panicked.
    pub(super) panics: usize,
}

/// How a run ended that returned this.
pub(super) fn ended<T, E, Of>(result: &Result<T, E>) -> Ended
where
    E: JobError<Of>,
    Of: ?Sized,
{
    match result {
        Ok(_) => Ended::Success,
        Err(error) => {
            let mut judged = Judged::default();
            error.show(&mut |error| judged = Judged::of(error));
            Ended::Failed(judged)
        }
    }
}

// === impl JobError ===

impl<E: Error + 'static> JobError<dyn Error> for E {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(self);
    }
}

impl JobError<Self> for Box<dyn Error> {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(&**self);
    }
}

impl JobError<Box<dyn Error>> for Box<dyn Error + Send> {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(&**self);
    }
}

impl JobError<Box<dyn Error>> for Box<dyn Error + Send + Sync> {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(&**self);
    }
}

#[cfg(feature = "anyhow")]
impl JobError<Box<dyn Error>> for anyhow::Error {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(&**self);
    }
}

#[cfg(feature = "eyre")]
impl JobError<Box<dyn Error>> for eyre::Report {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(&**self);
    }
}

impl JobError<str> for String {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(&*Box::<dyn Error>::from(self.as_str()));
    }
}

impl JobError<str> for &'static str {
    fn show(&self, look: &mut dyn FnMut(&(dyn Error + 'static))) {
        look(&*Box::<dyn Error>::from(*self));
    }
}

// === impl Judged ===

impl Judged {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let (evidence, panics) =
            Rules::built_in().examine(error, true, false, Needs::TEXT.and(Needs::LINKS));
        Self {
            outcome: match evidence.of_timeout {
                true => CallOutcome::Timeout,
                false => CallOutcome::Error,
            },
            evidence,
            panics,
        }
    }
}

impl Default for Judged {
    fn default() -> Self {
        Self {
            outcome: CallOutcome::Error,
            evidence: Evidence::default(),
            panics: 0,
        }
    }
}
