//! Writes the guide's keys, from what all instances counted. Of several instances, one does it.

use std::{collections::BTreeMap, fmt, time::Duration};

use redis::Pipeline;

use super::{
    error::FleetError,
    guide::{GuideKeys, worst_of_each},
    link::Link,
    link_error::LinkError,
    running::Running,
    statistics::over,
};
use crate::emit;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long nobody else writes them. It is less than the minute after which the next one does.
const TURN: Duration = Duration::from_secs(50);

/// How long after a loss of all data all instances have certainly written what they counted, if their ticks are not longer than a third
/// of that.
const WRITTEN_AGAIN: Duration = Duration::from_secs(30);

/// How long it is known since when there are data.
const SINCE_KEPT: Duration = Duration::from_secs(26 * 60 * 60);

/// Takes the turn, if nobody has it. Gives whether it was taken, and since how many milliseconds there are data, as far as is known.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = tonumber(redis.call('GET', KEYS[2]) or now)
redis.call('SET', KEYS[2], string.format('%.0f', since), 'PX', ARGV[3])
local taken = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return {taken and 1 or 0, now - since}
";

/// Writes the guide's keys once a minute.
pub(crate) struct GuideWriter {
    running: Running,
    link: Link,
    prefix: String,
    /// The log has said that they cannot be written.
    has_failed: bool,
}

// === impl GuideWriter ===

impl GuideWriter {
    /// `None` if nobody wants these keys.
    pub(crate) fn of(running: &Running) -> Option<Self> {
        Some(Self {
            running: running.clone(),
            link: running.link(),
            prefix: running.checked().guide_keys.clone()?,
            has_failed: false,
        })
    }

    /// Writes all keys, if it is the turn of this instance. Half of the numbers are never written: where not all can be read, none is, nor
    /// before all instances have written again what Redis lost.
    pub(crate) fn write(&mut self) {
        let failed = self.try_to_write().err();
        match failed {
            Some(error) if !self.has_failed => {
                self.has_failed = true;
                emit::tell(move || {
                    let error = error.to_string();
                    tracing::warn!(target: "tower_vitals", error, "the guide's keys are not written");
                });
            }
            Some(_) => {}
            None => self.has_failed = false,
        }
    }

    fn try_to_write(&mut self) -> Result<(), FleetError> {
        if !self.has_turn()? {
            return Ok(());
        }
        let lately = over(&self.running, DAY)?;
        let Some(checks) = self.checks()? else {
            return Ok(());
        };
        let keys = GuideKeys::of(&self.prefix, &lately.statistics, &checks);
        let () = self.link.ask(&keys.pipeline())?;
        Ok(())
    }

    fn has_turn(&mut self) -> Result<bool, LinkError> {
        let mut turn = Pipeline::new();
        let keys = self.running.keys();
        let take = turn.cmd("EVAL").arg(TAKE).arg(2);
        take.arg(keys.guide()).arg(keys.guide_since());
        take.arg(self.running.start_id().to_string());
        for time in [TURN, SINCE_KEPT] {
            take.arg(time.as_millis().to_string());
        }
        let ((taken, since),): ((bool, u64),) = self.link.ask(&turn)?;
        Ok(taken && Duration::from_millis(since) >= WRITTEN_AGAIN)
    }

    /// The worst word of each check of the instances that are there. `None` if not all of them were read.
    fn checks(&self) -> Result<Option<BTreeMap<String, String>>, FleetError> {
        let view = self.running.view()?;
        if !view.is_complete() {
            return Ok(None);
        }
        let instances = view.instances(&self.running.described());
        let there = instances.iter().filter(|one| one.is_live());
        let checks = there.filter_map(|one| {
            let checks = one.entry.described.get("checks")?;
            serde_json::from_value(checks.clone()).ok()
        });
        let checks: Vec<BTreeMap<String, String>> = checks.collect();
        Ok(Some(worst_of_each(&checks)))
    }
}

impl fmt::Debug for GuideWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuideWriter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
