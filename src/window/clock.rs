//! Reads both clocks of the machine.
#![expect(
    clippy::disallowed_types,
    reason = "the thread of the window waits in real time, and a test gives it a clock of its own"
)]

use std::{sync::LazyLock, time::Duration, time::Instant};

use super::moment::Moment;
use crate::timestamp;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The current moment. Its monotonic time counts from the first call.
pub(super) fn now() -> Moment {
    let since_1970 = Duration::try_from_secs_f64(timestamp::seconds_since_1970());
    Moment {
        monotonic: ORIGIN.elapsed(),
        wall: since_1970.unwrap_or_default(),
    }
}
