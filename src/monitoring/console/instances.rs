//! Shows all instances of the service, as they were asked last. A drawing never waits for them: they are asked on a thread of their own.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;

use super::super::{
    fleet::{AskFleet, FleetNumbers, FleetSilence, ShownInstance},
    sources::Sources,
};
use crate::{statistics::WallTime, timestamp};

/// Over which time they are compared.
const WINDOW: Duration = Duration::from_secs(300);

/// How often they are asked, while somebody looks.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// The instances as they were asked last. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Instances(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// When they were asked last.
    asked: Option<Instant>,
    /// A thread asks them now.
    is_asking: bool,
    section: InstancesSection,
}

/// All instances.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct InstancesSection {
    /// The service is one of several.
    joined: bool,
    /// Why nothing newer is known. The instances are as they were at `read_at` then.
    trouble: Option<String>,
    /// When they were read. `None` before the first time.
    read_at: Option<WallTime>,
    window_seconds: u64,
    requests: u64,
    errors: u64,
    p95_ms: Option<f64>,
    instances_count: usize,
    instances: Vec<ShownInstance>,
}

// === impl Instances ===

impl Instances {
    /// What is known of them. If that is old, they are asked meanwhile, for a later drawing.
    pub(super) fn section(&self, sources: &Sources, now: Instant) -> InstancesSection {
        let Some(fleet) = &sources.fleet else {
            return InstancesSection::default();
        };
        let mut known = self.known();
        let is_old = |asked: Instant| now.duration_since(asked) >= ASK_EVERY;
        if !known.is_asking && known.asked.is_none_or(is_old) {
            known.is_asking = true;
            drop(known);
            self.ask(Arc::clone(fleet));
            known = self.known();
        }
        InstancesSection {
            joined: true,
            ..known.section.clone()
        }
    }

    fn ask(&self, fleet: Arc<dyn AskFleet>) {
        let asking = Asking(self.clone());
        let ask = move || {
            let told = fleet.over(WINDOW);
            asking.0.known().section.hear(told);
        };
        // Without a thread they are asked with the next drawing.
        let _ = thread::Builder::new()
            .name("vitals-console".to_owned())
            .spawn(ask);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody asks. Its end is noted also where that panics, or has no thread.
struct Asking(Instances);

impl Drop for Asking {
    fn drop(&mut self) {
        let mut known = self.0.known();
        known.is_asking = false;
        known.asked = Some(Instant::now());
    }
}

// === impl InstancesSection ===

impl InstancesSection {
    /// Takes an answer. Without one the last numbers stay, with their time.
    fn hear(&mut self, told: Result<FleetNumbers, FleetSilence>) {
        *self = match told {
            Ok(numbers) => Self::of(&numbers),
            Err(silence) => Self {
                trouble: Some(silence.reason),
                ..mem::take(self)
            },
        };
    }

    fn of(numbers: &FleetNumbers) -> Self {
        let total = &numbers.statistics.total;
        Self {
            joined: true,
            trouble: None,
            read_at: Some(WallTime::new(timestamp::since_1970())),
            window_seconds: WINDOW.as_secs(),
            requests: total.requests,
            errors: total.errors,
            p95_ms: total.p95_ms,
            instances_count: numbers.instances.len(),
            instances: ShownInstance::of_each(&numbers.instances),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::super::fleet::tests::{instance, numbers},
        *,
    };

    #[test]
    fn a_fleet_that_falls_silent_keeps_its_last_numbers_with_their_time() {
        let mut section = InstancesSection::default();
        let silence = FleetSilence {
            reason: "Redis is not reached".to_owned(),
        };
        section.hear(Err(silence.clone()));
        let shown = serde_json::to_value(&section).unwrap();
        assert_eq!(
            (&shown["trouble"], &shown["read_at"]),
            (&json!("Redis is not reached"), &json!(null))
        );
        section.hear(Ok(numbers(vec![instance("shop-1", 7, 4.0)])));
        let known = section.clone();
        assert_eq!((known.trouble.as_deref(), known.instances_count), (None, 1));
        section.hear(Err(silence));
        assert_eq!(section.instances, known.instances);
        assert_eq!(
            (section.read_at, section.requests),
            (known.read_at, known.requests)
        );
        assert_eq!(section.trouble.as_deref(), Some("Redis is not reached"));
    }
}
