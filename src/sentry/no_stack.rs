//! What the reports of code that belongs to no stack share: work, jobs, circuit breakers.

use std::sync::LazyLock;

use super::base::Base;
use crate::{metrics::Sink, report::rate_limit::RateLimit};

/// With what they begin, where they belong to no request.
pub(super) static BASE: LazyLock<Base> = LazyLock::new(Base::default);

/// Limits how many are sent.
pub(super) static LIMIT: LazyLock<RateLimit> =
    LazyLock::new(|| RateLimit::new(Sink::SentryFlood, None));
