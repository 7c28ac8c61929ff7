//! Writes the keys that guide G4 describes, so that what reads them today goes on. They hold the numbers of all instances.

use std::{collections::BTreeMap, time::Duration};

use redis::Pipeline;
use serde_json::json;

use crate::{
    facts::category::ErrorCategory,
    statistics::{EndpointOrder, Statistics, WallTime},
};

/// How long the statistics of an endpoint last after its last request, and errors after they were written.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the health lasts.
const HEALTH: Duration = Duration::from_secs(5 * 60);

/// The shortest time that a key lasts: until it is written again.
const SHORTEST: Duration = Duration::from_secs(120);

/// The keys at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct GuideKeys {
    /// Each with its value, and how long it lasts.
    written: Vec<(String, String, Duration)>,
    /// Those of categories without an error.
    gone: Vec<String>,
}

// === impl GuideKeys ===

impl GuideKeys {
    /// The keys below a prefix, from the last 24 hours of all instances. `checks` has the worst word of each check.
    pub(super) fn of(prefix: &str, lately: &Statistics, checks: &BTreeMap<String, String>) -> Self {
        let now = lately.until.since_1970();
        let mut keys = Self::default();
        for endpoint in lately.endpoints(EndpointOrder::default()) {
            let key = format!(
                "{prefix}:endpoint_stats:{}:{}",
                endpoint.endpoint, endpoint.method
            );
            // It has texts and numbers only.
            let Ok(value) = serde_json::to_string(&endpoint.summary()) else {
                continue;
            };
            let last = endpoint
                .traffic
                .last_updated
                .map_or(now, WallTime::since_1970);
            let lasts = (last + DAY).saturating_sub(now).clamp(SHORTEST, DAY);
            keys.written.push((key, value, lasts));
        }
        let errors = lately.errors_by_category();
        for category in ErrorCategory::ALL.map(ErrorCategory::as_str) {
            let key = format!("{prefix}:error:{category}");
            match errors.get(category) {
                Some(count) => keys.written.push((key, count.to_string(), DAY)),
                None => keys.gone.push(key),
            }
        }
        if !checks.is_empty() {
            let at = lately.until;
            let of_check = |(name, word): (&String, &String)| {
                let word = if word == "unhealthy" {
                    "critical"
                } else {
                    word
                };
                (name.clone(), json!({ "status": word, "timestamp": at }))
            };
            let health: serde_json::Map<_, _> = checks.iter().map(of_check).collect();
            let value = serde_json::Value::Object(health).to_string();
            keys.written
                .push((format!("{prefix}:health_status"), value, HEALTH));
        }
        keys
    }

    /// Writes all of them.
    pub(super) fn pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::new();
        // All of them or none, also where a cluster has them on several nodes.
        pipeline.atomic();
        for (key, value, lasts) in &self.written {
            let lasts = lasts.as_millis().to_string();
            let set = pipeline.cmd("SET").arg(key).arg(value);
            set.arg("PX").arg(lasts).ignore();
        }
        for key in &self.gone {
            pipeline.cmd("DEL").arg(key).ignore();
        }
        pipeline
    }
}

/// The worst word of each check of all instances.
pub(super) fn worst_of_each<'a>(
    instances: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let mut worst: BTreeMap<String, String> = BTreeMap::new();
    for (name, word) in instances.into_iter().flatten() {
        let known = worst.entry(name.clone()).or_default();
        if rank(word) > rank(known) {
            known.clone_from(word);
        }
    }
    worst
}

/// Whether it is a word of a check.
#[cfg(feature = "health")]
pub(crate) fn is_word_of_health(word: &str) -> bool {
    rank(word) > 0
}

/// How bad a word is.
fn rank(word: &str) -> u8 {
    match word {
        "healthy" => 1,
        "unknown" => 2,
        "degraded" => 3,
        "unhealthy" => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
