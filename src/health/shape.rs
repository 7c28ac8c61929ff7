//! Gives a probe the words and the JSON that a dashboard or a script already expects.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    response::{self, Report},
    state::{CheckReport, Status},
};
use crate::{config::ConfigError, timestamp::rfc3339};

/// The words and the JSON of an [alias](super::HealthService::alias_as).
///
/// ```
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_vitals::health::{Health, Shape};
///
/// // {"status":"ok","database":"connected"}
/// let shape = Shape::flat().words("ok", "degraded", "error");
/// let health = Health::builder().start()?;
/// let probes = health.service().alias_as("/status/db", "/health/database", shape)?;
/// # Ok(())
/// # }
/// ```
///
/// Such a probe answers in JSON, unless its query asks for another format. Texts of errors are for readers of
/// [`Details`](super::Details) alone, and stand after the word of their check: `error: connection refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a shape does nothing before an alias has it"]
pub struct Shape {
    layout: Layout,
    /// Healthy, degraded, and neither.
    words: [&'static str; 3],
    /// The same for one check. Its healthy label and the usual words if `None`.
    check_words: Option<[&'static str; 3]>,
    timestamp: bool,
    failing: StatusCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Bare,
    Flat,
    /// The checks by name below this key.
    Below(&'static str),
    /// The same, each as an object.
    Objects(&'static str),
}

// === impl Shape ===

impl Shape {
    const fn new(layout: Layout) -> Self {
        Self {
            layout,
            words: ["healthy", "degraded", "unhealthy"],
            check_words: None,
            timestamp: false,
            failing: StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Only the status: `{"status":"healthy"}`.
    pub const fn bare() -> Self {
        Self::new(Layout::Bare)
    }

    /// The checks beside the status: `{"status":"healthy","database":"connected"}`. A check that is called `status` or
    /// `timestamp` is not shown.
    pub const fn flat() -> Self {
        Self::new(Layout::Flat)
    }

    /// The checks below a key: `{"status":"healthy","checks":{"database":"connected"}}`.
    pub const fn below(key: &'static str) -> Self {
        Self::new(Layout::Below(key))
    }

    /// The checks below a key, each with the words of the service and the time of its last answer:
    /// `{"status":"healthy","services":{"database":{"status":"healthy","timestamp":"…"}}}`.
    pub const fn objects(key: &'static str) -> Self {
        Self::new(Layout::Objects(key))
    }

    /// The words for the service: healthy, degraded, and unhealthy or unknown. Defaults to `healthy`, `degraded` and
    /// `unhealthy`.
    pub const fn words(
        mut self,
        healthy: &'static str,
        degraded: &'static str,
        unhealthy: &'static str,
    ) -> Self {
        self.words = [healthy, degraded, unhealthy];
        self
    }

    /// The words for each check: healthy, degraded, and unhealthy or unknown. Defaults to the healthy label of the check, and
    /// to `degraded`, `unavailable` and `unknown`.
    pub const fn check_words(
        mut self,
        healthy: &'static str,
        degraded: &'static str,
        unhealthy: &'static str,
    ) -> Self {
        self.check_words = Some([healthy, degraded, unhealthy]);
        self
    }

    /// Shows the time of the answer as `timestamp`. Defaults to not.
    pub const fn timestamp(mut self) -> Self {
        self.timestamp = true;
        self
    }

    /// The status code while unhealthy or unknown, from 400 to 599. Defaults to 503.
    pub const fn failing_status(mut self, status: StatusCode) -> Self {
        self.failing = status;
        self
    }

    pub(super) const fn failing(&self) -> StatusCode {
        self.failing
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |value: &str, reason| Err(ConfigError::new("health.shape", value, reason));
        let words = self.words.iter().chain(self.check_words.iter().flatten());
        let key = match &self.layout {
            Layout::Bare | Layout::Flat => None,
            Layout::Below(key) | Layout::Objects(key) => Some(key),
        };
        if words.chain(key).any(|word| word.trim().is_empty()) {
            return refuse("", "a word or a key is empty");
        }
        if let Some(key @ &("status" | "timestamp")) = key {
            return refuse(key, "this key has another value already");
        }
        let mut words = [Some(&self.words), self.check_words.as_ref()].into_iter();
        let same = words.find_map(|words| words.filter(|[healthy, _, not]| healthy == not));
        if let Some([word, ..]) = same {
            return refuse(word, "healthy and unhealthy are the same word");
        }
        if !self.failing.is_client_error() && !self.failing.is_server_error() {
            return refuse(self.failing.as_str(), "a failure is from 400 to 599");
        }
        Ok(())
    }

    pub(super) fn json(&self, report: &Report<'_>) -> String {
        let checks = report.checks.iter();
        let each = checks.map(|one| (one.name.to_string(), self.one(one, report.details)));
        let each: Map<String, Value> = each.collect();
        let mut all = match self.layout {
            Layout::Bare => json!({}),
            Layout::Flat => Value::Object(each),
            Layout::Below(key) | Layout::Objects(key) => json!({ key: each }),
        };
        all["status"] = word(&self.words, report.status).into();
        if self.timestamp {
            all["timestamp"] = rfc3339::now().to_string().into();
        }
        format!("{all}\n")
    }

    fn one(&self, check: &CheckReport, details: bool) -> Value {
        let error = check.error.as_deref().filter(|_| details);
        if let Layout::Objects(_) = self.layout {
            let words = self.check_words.as_ref().unwrap_or(&self.words);
            let mut one = json!({
                "status": word(words, check.status),
                "timestamp": response::answered_at(check),
            });
            if let Some(error) = error {
                one["error"] = error.into();
            }
            return one;
        }
        let label = match &self.check_words {
            Some(words) => word(words, check.status),
            None => response::label(check),
        };
        match error {
            Some(error) => format!("{label}: {error}").into(),
            None => label.into(),
        }
    }
}

const fn word(words: &[&'static str; 3], status: Status) -> &'static str {
    match status {
        Status::Healthy => words[0],
        Status::Degraded => words[1],
        Status::Unknown | Status::Unhealthy => words[2],
    }
}
