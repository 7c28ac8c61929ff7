//! Stands in for the reports of jobs without feature `sentry`.

use crate::facts::{Facts, exchange::Exchange, sentry_data::SentryData};

pub(crate) const fn begin() -> Option<SentryData> {
    None
}

pub(crate) const fn report(_: &Exchange, _: &Facts, _: bool) {}
