//! What happened to the service beside its requests: starts, of which some are deployments, and the deployments that the
//! application recorded.

use std::collections::VecDeque;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::text::shortened;

/// The most records that are kept. The oldest ones go first.
const MOST: usize = 1_000;

/// The longest text of a record, in bytes. What is longer is cut: one record must never leave no room for the others.
const LONGEST: usize = 4_096;

/// The kind of the record with the alerts, of which there is one.
pub(crate) const ALERTS: &str = "alerts";

/// The kind of the record with what was told of alerts, of which there is one.
pub(crate) const TOLD: &str = "told";

/// The records of a service, the oldest first: one JSON object a line, with its `kind`.
///
/// Records of a kind that is not known here are kept as they are. So an older version of this crate, to which somebody went
/// back, loses nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Records {
    all: VecDeque<Value>,
}

/// The first start of a version after another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartRecord {
    pub(crate) version: String,
    /// In milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// `false` for the first start of all.
    pub(crate) is_deployment: bool,
}

/// A deployment, as the application recorded it or as a start showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    pub(crate) version: String,
    /// In milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) environment: String,
    pub(crate) by: String,
    pub(crate) changes: String,
}

/// Whether a start of version `running` is a deployment, if `stored` is the version that was stored last.
///
/// It is where the two differ, so also where somebody goes back to an older version. If either is not known, nobody can say
/// that they differ, and a mark that is wrong misleads more than one that is missing: the first start with a state file and
/// the one after a damaged file are no deployments. A process without a version is none, and leaves the stored version as it
/// is.
pub(crate) fn is_deployment(stored: Option<&str>, running: Option<&str>) -> bool {
    match (stored, running) {
        (Some(stored), Some(running)) => stored != running,
        (None, _) | (_, None) => false,
    }
}

// === impl Records ===

impl Records {
    /// Notes a start, in milliseconds since 1970. Returns its record, which is then the last one, if it is the first start of
    /// all or a deployment. A start of the same version again changes nothing, so a process that dies again and again writes
    /// nothing.
    pub(crate) fn started(&mut self, running: Option<&str>, at_ms: u64) -> Option<StartRecord> {
        // Cut before it is compared: else each start of a long version would be a deployment.
        let running = running.map(|version| shortened(version, LONGEST));
        let running = running.as_deref();
        let last = self.starts().next_back();
        let stored = last.as_ref().map(|start| start.version.as_str());
        let version = running?;
        let is_deployment = is_deployment(stored, running);
        if stored.is_some() && !is_deployment {
            return None;
        }
        let start = StartRecord {
            version: version.to_owned(),
            at_ms,
            is_deployment,
        };
        self.push(start.to_json());
        Some(start)
    }

    /// Notes a deployment that the application recorded. Returns whether it is of another version or environment than the one that
    /// it recorded before.
    pub(crate) fn deployed(&mut self, deployed: &Deployed) -> bool {
        let record = deployed.to_json();
        let before = self.all.iter().rev();
        let before = before.filter(|record| is_of(record, Deployed::KIND));
        let place = |record: &Value| {
            let field = |name| record.get(name).cloned();
            (field("version"), field("environment"))
        };
        let before = before.map(place).next();
        let is_new = before != Some(place(&record));
        self.push(record);
        is_new
    }

    /// All deployments, the oldest first. A start of a new version that the application also recorded is one deployment: what
    /// it recorded tells more.
    pub(crate) fn deployments(&self) -> Vec<Deployed> {
        merged(self.all.iter())
    }

    /// The last of them.
    pub(crate) fn last_deployment(&self) -> Option<Deployed> {
        // It tells of one record, or of a start and the record after it.
        let places = self.all.iter().enumerate().rev();
        let mut places = places.filter(|(_, record)| is_mark(record));
        let last = places.next()?.0;
        let from = places.next().map_or(last, |(before, _)| before);
        merged(self.all.range(from..)).pop()
    }

    /// What the only record of this kind holds.
    pub(crate) fn only<T: DeserializeOwned>(&self, kind: &str) -> Option<T> {
        let mut all = self.all.iter().rev();
        let record = all.find(|record| is_of(record, kind))?;
        T::deserialize(record.get(kind)?).ok()
    }

    /// Keeps this in the only record of this kind, in place of what it held.
    pub(crate) fn set_only(&mut self, kind: &str, held: &impl Serialize) {
        let Ok(held) = serde_json::to_value(held) else {
            return;
        };
        self.all.retain(|record| !is_of(record, kind));
        self.push(json!({ "kind": kind, kind: held }));
    }

    fn push(&mut self, record: Value) {
        if self.all.len() >= MOST {
            self.all.pop_front();
        }
        self.all.push_back(record);
    }

    /// The starts, the oldest first.
    pub(crate) fn starts(&self) -> impl DoubleEndedIterator<Item = StartRecord> {
        self.all.iter().filter_map(StartRecord::from_json)
    }

    /// The lines of the newest records that have room in so many bytes.
    pub(super) fn encode(&self, room: usize) -> Vec<u8> {
        let mut lines = VecDeque::new();
        let mut bytes = 0;
        for record in self.all.iter().rev() {
            let line = format!("{record}\n");
            bytes += line.len();
            if bytes > room {
                break;
            }
            lines.push_front(line);
        }
        Vec::from(lines).concat().into_bytes()
    }

    pub(super) fn decode(lines: &[u8]) -> Result<Self, Problem> {
        let lines = lines.split(|byte| *byte == b'\n');
        let lines = lines.enumerate().filter(|(_, line)| !line.is_empty());
        let mut all = VecDeque::new();
        for (index, line) in lines {
            let wrong = || Problem::Content(format!("line {} is no record", index + 1));
            let record: Value = serde_json::from_slice(line).map_err(|_| wrong())?;
            let kind = record.get("kind").and_then(Value::as_str);
            let is_whole = match kind {
                Some(StartRecord::KIND) => StartRecord::from_json(&record).is_some(),
                Some(Deployed::KIND) => Deployed::from_json(&record).is_some(),
                // Of a newer version of this crate.
                Some(_) => true,
                None => false,
            };
            if !is_whole {
                return Err(wrong());
            }
            if all.len() >= MOST {
                all.pop_front();
            }
            all.push_back(record);
        }
        Ok(Self { all })
    }
}

/// The deployments of these records.
fn merged<'r>(records: impl Iterator<Item = &'r Value>) -> Vec<Deployed> {
    let mut all: Vec<Deployed> = Vec::new();
    // The start, if it is told by no record yet.
    let mut of_start = false;
    for record in records {
        let started = StartRecord::from_json(record).filter(|start| start.is_deployment);
        if let Some(start) = started {
            all.push(Deployed::of_start(start));
            of_start = true;
        } else if let Some(deployed) = Deployed::from_json(record) {
            let last = all.last_mut().filter(|_| of_start);
            match last.filter(|last| last.version == deployed.version) {
                Some(last) => {
                    let at_ms = last.at_ms;
                    *last = Deployed { at_ms, ..deployed };
                }
                None => all.push(deployed),
            }
            of_start = false;
        }
    }
    all
}

/// Whether the record is a deployment: one that was recorded, or one that a start showed.
fn is_mark(record: &Value) -> bool {
    let is_new_version = || record.get("is_deployment").and_then(Value::as_bool) == Some(true);
    is_of(record, Deployed::KIND) || (is_of(record, StartRecord::KIND) && is_new_version())
}

fn is_of(record: &Value, kind: &str) -> bool {
    record.get("kind").and_then(Value::as_str) == Some(kind)
}

// === impl StartRecord ===

impl StartRecord {
    const KIND: &str = "start";

    fn to_json(&self) -> Value {
        let Self {
            version,
            at_ms,
            is_deployment,
        } = self;
        json!({ "kind": Self::KIND, "version": version, "at_ms": at_ms, "is_deployment": is_deployment })
    }

    fn from_json(record: &Value) -> Option<Self> {
        if record.get("kind")? != Self::KIND {
            return None;
        }
        Some(Self {
            version: record.get("version")?.as_str()?.to_owned(),
            at_ms: record.get("at_ms")?.as_u64()?,
            is_deployment: record.get("is_deployment")?.as_bool()?,
        })
    }
}

// === impl Deployed ===

impl Deployed {
    const KIND: &str = "deployment";

    /// What a start shows by itself.
    fn of_start(start: StartRecord) -> Self {
        Self {
            version: start.version,
            at_ms: start.at_ms,
            environment: String::new(),
            by: String::new(),
            changes: String::new(),
        }
    }

    fn to_json(&self) -> Value {
        let Self {
            version,
            at_ms,
            environment,
            by,
            changes,
        } = self;
        json!({
            "kind": Self::KIND,
            "version": shortened(version, LONGEST),
            "at_ms": at_ms,
            "environment": shortened(environment, LONGEST),
            "by": shortened(by, LONGEST),
            "changes": shortened(changes, LONGEST),
        })
    }

    fn from_json(record: &Value) -> Option<Self> {
        if record.get("kind")? != Self::KIND {
            return None;
        }
        let text = |field: &str| Some(record.get(field)?.as_str()?.to_owned());
        Some(Self {
            version: text("version")?,
            at_ms: record.get("at_ms")?.as_u64()?,
            environment: text("environment")?,
            by: text("by")?,
            changes: text("changes")?,
        })
    }
}

#[cfg(test)]
mod tests;
