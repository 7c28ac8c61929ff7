//! Lets alerts share their state by way of Redis.

use std::{sync::Arc, time::Duration};

use super::{Kept, fleet_numbers::OfFleet};
use crate::{
    alerts::{Begun, FIRST_ALONE, Held, Numbers, Shared, Unreached, Written},
    fleet::{Found, Holding, Lease, LinkError, Running},
};

/// What alerts share with other instances.
pub(super) struct SharedAlerts {
    lease: Arc<Lease>,
    running: Running,
    kept: Arc<Kept>,
}

// === impl SharedAlerts ===

impl SharedAlerts {
    pub(super) fn new(running: &Running, kept: &Arc<Kept>) -> Self {
        let links = [running.link(), running.link()];
        let (keys, start) = (running.keys().clone(), running.start_id());
        let lease = Arc::new(Lease::new(links, keys, start, FIRST_ALONE));
        // The first one stays.
        let _ = kept.lease.set(Arc::clone(&lease));
        Self {
            lease,
            running: running.clone(),
            kept: Arc::clone(kept),
        }
    }
}

impl Shared for SharedAlerts {
    fn hold(&self, length: Duration) -> Result<Held, Unreached> {
        let holding = self.lease.hold(length)?;
        Ok(Held::from(holding))
    }

    fn begin(&self, length: Duration) -> Result<Begun, Unreached> {
        let Found {
            holding,
            document,
            silences,
            notes,
        } = self.lease.begin(length)?;
        Ok(Begun {
            held: Held::from(holding),
            document,
            silences,
            notes,
        })
    }

    fn write(&self, fence: u64, written: &Written<'_>) -> Result<bool, Unreached> {
        let Written {
            document,
            noted,
            ended,
        } = written;
        Ok(self.lease.write(fence, document, noted, ended)?)
    }

    fn put_silences(&self, silences: &[(u64, String)]) -> Result<(), Unreached> {
        Ok(self.lease.put_silences(silences, false)?)
    }

    fn restore_silences(&self, silences: &[(u64, String)]) -> Result<(), Unreached> {
        Ok(self.lease.put_silences(silences, true)?)
    }

    fn silence(&self, silence: &str, above: u64) -> Result<u64, Unreached> {
        Ok(self.lease.silence(silence, above)?)
    }

    fn end_silence(&self, id: u64) -> Result<bool, Unreached> {
        Ok(self.lease.end_silence(id)?)
    }

    fn note(&self, name: &str, note: &str) -> Result<(), Unreached> {
        Ok(self.lease.note(name, note)?)
    }

    fn numbers(&self, judge: &mut dyn FnMut(&dyn Numbers)) -> Result<(), Unreached> {
        let view = self.running.view_for_alerts().map_err(|_| Unreached)?;
        let numbers = OfFleet::new(&self.kept, view);
        judge(&numbers);
        match numbers.is_whole() {
            true => Ok(()),
            false => Err(Unreached),
        }
    }
}

impl From<Holding> for Held {
    fn from(Holding { now, fence }: Holding) -> Self {
        Self { now, fence }
    }
}

/// Whatever is wrong with Redis, alerts go on without. The thread that writes what is counted tells why.
impl From<LinkError> for Unreached {
    fn from(_: LinkError) -> Self {
        Self
    }
}
