//! Reads both clocks of the machine.
#![expect(
    clippy::disallowed_types,
    reason = "the thread of the window waits in real time, and a test gives it a clock of its own"
)]

use std::{sync::LazyLock, time::Instant};

use super::moment::Moment;
use crate::timestamp;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The current moment. Its monotonic time counts from the first call.
pub(crate) fn now() -> Moment {
    Moment {
        monotonic: ORIGIN.elapsed(),
        wall: timestamp::since_1970(),
    }
}
