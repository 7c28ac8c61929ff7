//! Stands in for the chain of causes without feature `sentry`: it keeps nothing.

use std::error::Error;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Links;

impl Links {
    pub(crate) const fn of(_: &(dyn Error + 'static)) -> Self {
        Self
    }

    pub(crate) const fn types(&self) -> Option<(&str, &str)> {
        None
    }

    pub(crate) const fn or(self, _: Self) -> Self {
        self
    }
}
