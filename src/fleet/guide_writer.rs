//! Writes the guide's keys, from what all instances counted. Of several instances, one does it.

use std::{collections::BTreeMap, fmt, time::Duration};

use redis::{Pipeline, Value};

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

    /// Writes all keys, if it is the turn of this instance. Half of the numbers are never written: where not all can be read, none is.
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
        let checks = self.checks()?;
        let keys = GuideKeys::of(&self.prefix, &lately.statistics, &checks);
        let () = self.link.ask(&keys.pipeline())?;
        Ok(())
    }

    fn has_turn(&mut self) -> Result<bool, LinkError> {
        let mut turn = Pipeline::new();
        let set = turn.cmd("SET").arg(self.running.keys().guide());
        set.arg(self.running.start_id().to_string()).arg("NX");
        set.arg("PX").arg(TURN.as_millis().to_string());
        let (taken,): (Value,) = self.link.ask(&turn)?;
        Ok(taken != Value::Nil)
    }

    /// The worst word of each check of the instances that are there.
    fn checks(&self) -> Result<BTreeMap<String, String>, FleetError> {
        let view = self.running.view()?;
        let instances = view.instances(&self.running.described());
        let there = instances.iter().filter(|one| one.is_live());
        let checks = there.filter_map(|one| {
            let checks = one.entry.described.get("checks")?;
            serde_json::from_value(checks.clone()).ok()
        });
        let checks: Vec<BTreeMap<String, String>> = checks.collect();
        Ok(worst_of_each(&checks))
    }
}

impl fmt::Debug for GuideWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuideWriter").finish_non_exhaustive()
    }
}
