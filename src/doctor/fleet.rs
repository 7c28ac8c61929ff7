//! Judges the instances beside which a service runs.

use std::time::Duration;

use super::{
    facts::{Facts, FleetFacts},
    finding::Finding,
};

/// A clock that is further off than this misleads who reads times.
const FAR_OFF: Duration = Duration::from_secs(30);

/// What changes the address of Redis.
const ADDRESS: &str = "REDIS_URL, or VitalsBuilder::fleet";

/// Nothing where the service is in no fleet.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(fleet) = &facts.fleet else {
        return Vec::new();
    };
    let FleetFacts {
        silence,
        instances,
        lost,
        other_settings,
        clock_off,
    } = fleet;
    if let Some(silence) = silence {
        let what = format!("nothing is known of other instances: {silence}");
        return vec![Finding::problem("fleet", what, ADDRESS)];
    }
    let mut all: Vec<_> = lost.iter().map(|id| lost_instance(id)).collect();
    all.extend(other_settings.iter().map(|id| odd_instance(id)));
    if *clock_off > FAR_OFF {
        let what = format!("the clock of this machine is {clock_off:.0?} off that of Redis");
        all.push(Finding::warning("fleet", what, "NTP on this machine"));
    }
    if all.is_empty() {
        let what = format!("{instances} instances, all with the same thresholds");
        all.push(Finding::ok("fleet", what));
    }
    all
}

fn lost_instance(id: &str) -> Finding {
    let what = format!("instance {id} gives no sign of life");
    Finding::warning("fleet", what, "that process, or its way to Redis")
}

fn odd_instance(id: &str) -> Finding {
    let what = format!("instance {id} has other thresholds than the others");
    Finding::warning(
        "fleet",
        what,
        "the rules, ALERT_* and bands of that instance",
    )
}
