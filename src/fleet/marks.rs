//! Writes deployments to Redis and reads them, so that ten instances that start with a new version make one mark.

use std::time::Duration;

use redis::{Pipeline, Value};
use serde::{Deserialize, Serialize};

use super::keys::{Keys, StartId};
use crate::text::shortened;

/// Notes a deployment: one script, so that of ten instances one is the first.
const SCRIPT: &str = include_str!("mark.lua");

/// Puts back what was lost, where nobody has written anything since.
const RESTORE: &str = "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end \
     for place = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[place]) end \
     redis.call('PEXPIRE', KEYS[1], ARGV[1]) return 1";

/// The most marks that are kept. The oldest ones go first.
const MOST: usize = 100;

/// The longest text of a mark, in bytes.
const LONGEST: usize = 500;

/// How long marks are kept after somebody looked at them last.
const LASTS: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// An instance that gave a sign of life within this time runs.
const LIVE: Duration = Duration::from_secs(60);

/// A deployment, as all instances know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    kind: Kind,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) environment: String,
    #[serde(default)]
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) changes: String,
    /// By the clock of Redis, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// The starts that told of it themselves.
    #[serde(default)]
    told: serde_json::Map<String, serde_json::Value>,
    /// Tells the note that made it from all others.
    #[serde(default)]
    token: String,
    /// Whether people were not told of it yet, as that note heard: 1 or 0.
    #[serde(default)]
    news: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// The version that ran when the fleet began: no deployment.
    First,
    /// A start showed it.
    Start,
    /// Somebody told of it.
    Recorded,
}

/// How an instance knows of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Its version differs from the one before.
    Start,
    /// The application said so, as each of its instances does.
    Process,
    /// Somebody said so to one instance, for all.
    Outside,
}

/// A deployment that is to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewMark {
    pub(crate) told: Told,
    pub(crate) version: String,
    pub(crate) environment: String,
    pub(crate) by: String,
    pub(crate) changes: String,
    /// Tells it from all others, so that it is noted once, also if its answer is lost and it is asked for again.
    pub(crate) token: u64,
}

/// Which instance notes it.
#[derive(Clone, Debug)]
pub(crate) struct Noting {
    pub(crate) keys: Keys,
    pub(crate) start: StartId,
    /// The name of the instance.
    pub(crate) id: String,
    /// The version that it runs.
    pub(crate) version: Option<String>,
}

/// What became of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It has a mark. `is_news`: people were not told of it yet.
    Marked { is_news: bool },
    /// Another instance has told of it, or it is none.
    Known,
    /// Redis is not reached: nobody knows what the others told.
    Alone,
}

// === impl Mark ===

impl Mark {
    /// A deployment that this instance alone knows.
    pub(crate) fn alone(new: &NewMark, at: Duration) -> Self {
        Self {
            kind: match new.told {
                Told::Start => Kind::Start,
                Told::Process | Told::Outside => Kind::Recorded,
            },
            version: new.version.clone(),
            environment: new.environment.clone(),
            by: new.by.clone(),
            changes: new.changes.clone(),
            at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            told: serde_json::Map::new(),
            token: new.token(),
            news: 0,
        }
    }

    /// The deployments of a list. What is none, and what cannot be read, is left out.
    pub(crate) fn of_list(list: &[String]) -> Vec<Self> {
        let read = |text: &String| serde_json::from_str::<Self>(text).ok();
        let marks = list.iter().filter_map(read);
        marks.filter(|mark| mark.kind != Kind::First).collect()
    }
}

// === impl NewMark ===

impl NewMark {
    /// The version that a start runs.
    pub(crate) fn start(version: String) -> Self {
        Self {
            told: Told::Start,
            version,
            environment: String::new(),
            by: String::new(),
            changes: String::new(),
            token: fastrand::u64(..),
        }
    }

    fn token(&self) -> String {
        format!("{:016x}", self.token)
    }
}

// === impl Told ===

impl Told {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Process => "process",
            Self::Outside => "outside",
        }
    }
}

// === impl Noting ===

impl Noting {
    /// Notes a deployment of so long ago.
    pub(crate) fn note(&self, new: &NewMark, ago: Duration) -> Pipeline {
        let NewMark {
            told,
            version,
            environment,
            by,
            changes,
            ..
        } = new;
        let is_own = self.version.as_ref() == Some(version);
        let mut pipeline = Pipeline::new();
        let call = pipeline.cmd("EVAL").arg(SCRIPT).arg(3);
        call.arg(self.keys.deployments())
            .arg(self.keys.instances())
            .arg(self.keys.seen())
            .arg(told.as_str())
            .arg(self.start.to_string())
            .arg(&self.id);
        for text in [version, environment, by, changes] {
            call.arg(&*shortened(text, LONGEST));
        }
        call.arg(ago.as_millis().to_string())
            .arg(LIVE.as_millis().to_string())
            .arg(u8::from(is_own))
            .arg(MOST)
            .arg(LASTS.as_millis().to_string())
            .arg(new.token());
        pipeline
    }

    /// Asks whether there are other marks than those that were read: for their number and the last one.
    pub(crate) fn look(&self) -> Pipeline {
        let list = self.keys.deployments();
        let mut pipeline = Pipeline::new();
        pipeline.cmd("LLEN").arg(&list);
        pipeline.cmd("LINDEX").arg(&list).arg(-1);
        let lasts = LASTS.as_millis().to_string();
        pipeline.cmd("PEXPIRE").arg(&list).arg(lasts).ignore();
        pipeline
    }

    /// Reads all marks.
    pub(crate) fn read(&self) -> Pipeline {
        let mut pipeline = Pipeline::new();
        let list = self.keys.deployments();
        pipeline.cmd("LRANGE").arg(list).arg(0).arg(-1);
        pipeline
    }

    /// Puts back marks that Redis has lost.
    pub(crate) fn restore(&self, marks: &[Mark]) -> Pipeline {
        let mut pipeline = Pipeline::new();
        let call = pipeline.cmd("EVAL").arg(RESTORE).arg(1);
        call.arg(self.keys.deployments())
            .arg(LASTS.as_millis().to_string());
        let newest = marks.len().saturating_sub(MOST);
        for mark in marks.iter().skip(newest) {
            // It has texts and numbers only.
            call.arg(serde_json::to_string(mark).unwrap_or_default());
        }
        pipeline
    }
}

// === impl Noted ===

impl Noted {
    /// Reads the answer of the script.
    pub(crate) fn of(answer: &Value) -> Option<Self> {
        let Value::Array(answer) = answer else {
            return None;
        };
        let [Value::Array(answer)] = &answer[..] else {
            return None;
        };
        let [Value::BulkString(word), Value::Int(news)] = &answer[..] else {
            return None;
        };
        match &word[..] {
            b"marked" => Some(Self::Marked {
                is_news: *news == 1,
            }),
            b"known" | b"first" => Some(Self::Known),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
