//! Keeps alerts from being told for a while.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    checked::CheckedRule,
    fingerprint::{Fingerprint, Labels},
    readable::readable,
    wall_clock::Step,
};
use crate::{config::ConfigError, statistics::WallTime};

/// The first number of a silence that an instance of a fleet gives alone. It takes one at random, so no two give the same.
pub(crate) const FIRST_ALONE: u64 = 1 << 32;

/// The first number that is too great: JSON has no exact one above.
pub(super) const TOO_GREAT: u64 = 1 << 53;

/// The longest text, in bytes.
const LONGEST_TEXT: usize = 1_000;

/// A time in which nobody is told of the alerts that fit.
///
/// An alert fits if it has all the labels. Beside those of alerts these are `alert`, the name of the rule, `severity` and
/// `fingerprint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Silence {
    /// Its number.
    pub id: u64,
    /// What alerts must have to fit.
    pub labels: Labels,
    from: Duration,
    pub(super) until: Duration,
    /// Who asked for it.
    pub by: String,
    /// What for.
    pub comment: String,
}

/// All silences that have not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Silences {
    #[serde(deserialize_with = "readable")]
    all: Vec<Silence>,
    last_id: u64,
}

/// A silence that is asked for. It needs at least one label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it is no silence before `AlertsHandle::silence`"]
pub struct NewSilence {
    pub(crate) labels: Labels,
    pub(crate) lasts: Duration,
    pub(crate) by: String,
    pub(crate) comment: String,
}

// === impl Silence ===

impl Silence {
    /// When it began.
    #[must_use]
    pub const fn from(&self) -> WallTime {
        WallTime::new(self.from)
    }

    /// When it ends.
    #[must_use]
    pub const fn until(&self) -> WallTime {
        WallTime::new(self.until)
    }

    /// A clock that was ahead made it: it begins now, and lasts as long as asked.
    pub(super) fn not_after(mut self, now: Duration) -> Self {
        let ahead = self.from.saturating_sub(now);
        self.shift(Step::Back(ahead));
        self
    }

    /// The wall clock was set.
    pub(super) fn shift(&mut self, step: Step) {
        step.apply([&mut self.from, &mut self.until]);
    }

    fn fits(&self, rule: &CheckedRule, labels: &Labels) -> bool {
        self.labels
            .iter()
            .all(|(name, wanted)| match name.as_str() {
                "alert" => *wanted == *rule.name,
                "severity" => wanted == rule.severity.as_str(),
                "fingerprint" => *wanted == Fingerprint::of(&rule.name, labels).to_string(),
                name => labels.get(name) == Some(wanted),
            })
    }
}

// === impl NewSilence ===

impl NewSilence {
    /// The longest one.
    pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// The most of them at a time.
    pub(crate) const MOST: usize = 256;

    /// The most labels that one has.
    pub(crate) const MOST_LABELS: usize = 16;

    /// A silence that lasts so long from its begin on: above 0 and at most 30 days.
    pub fn of(lasts: Duration) -> Self {
        Self {
            lasts,
            ..Self::default()
        }
    }

    /// Only alerts with this label. Beside those of alerts, such as `endpoint`, these are `alert`, the name of the rule, `severity` and
    /// `fingerprint`. An alert must have all labels of the silence, of which there are at most 16.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Who asks for it. Defaults to nobody.
    pub fn by(mut self, name: impl Into<String>) -> Self {
        self.by = name.into();
        self
    }

    /// What for. Defaults to nothing.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = comment.into();
        self
    }
}

// === impl Silences ===

impl Silences {
    /// A silence that begins now, if it can be added. It has no number yet.
    pub(crate) fn checked(
        &mut self,
        new: NewSilence,
        now: Duration,
    ) -> Result<Silence, ConfigError> {
        let wrong = |field: &str, value: String, reason: &str| {
            Err(ConfigError::new(format!("silence.{field}"), value, reason))
        };
        if new.labels.is_empty() {
            let reason = "a silence needs a label, such as `alert`: without one it fits all alerts";
            return wrong("labels", String::new(), reason);
        }
        if new.labels.len() > NewSilence::MOST_LABELS {
            let reason = format!("at most {} labels", NewSilence::MOST_LABELS);
            return wrong("labels", new.labels.len().to_string(), &reason);
        }
        if new.lasts.is_zero() || new.lasts > NewSilence::LONGEST {
            let reason = "must be above 0 and at most 30 days";
            return wrong("lasts", format!("{:?}", new.lasts), reason);
        }
        let labels = new.labels.iter().flat_map(|(name, value)| [name, value]);
        let longest = labels.map(String::len).max().unwrap_or(0);
        let texts = [
            ("labels", longest),
            ("by", new.by.len()),
            ("comment", new.comment.len()),
        ];
        if let Some((field, length)) = texts.iter().find(|(_, length)| *length > LONGEST_TEXT) {
            let reason = format!("a text has at most {LONGEST_TEXT} bytes");
            return wrong(field, format!("{length} bytes"), &reason);
        }
        self.forget(now);
        if self.all.len() >= NewSilence::MOST {
            let reason = "so many silences are there already";
            return wrong("labels", self.all.len().to_string(), reason);
        }
        Ok(Silence {
            id: 0,
            labels: new.labels,
            from: now,
            until: now.saturating_add(new.lasts),
            by: new.by,
            comment: new.comment,
        })
    }

    /// Adds a silence that begins now.
    pub(crate) fn add(&mut self, new: NewSilence, now: Duration) -> Result<Silence, ConfigError> {
        let mut silence = self.checked(new, now)?;
        self.last_id += 1;
        silence.id = self.last_id;
        self.all.push(silence.clone());
        Ok(silence)
    }

    /// Adds one that has a number.
    pub(crate) fn push(&mut self, silence: Silence) {
        if silence.id < FIRST_ALONE {
            self.last_id = self.last_id.max(silence.id);
        }
        self.all.retain(|known| known.id != silence.id);
        self.all.push(silence);
    }

    /// These take the place of all.
    pub(crate) fn replace(&mut self, all: impl IntoIterator<Item = Silence>) {
        self.all.clear();
        all.into_iter().for_each(|silence| self.push(silence));
    }

    /// The greatest number that a silence had.
    pub(crate) const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Ends a silence. `false` if there is none with this number.
    pub(crate) fn end(&mut self, id: u64) -> bool {
        let before = self.all.len();
        self.all.retain(|silence| silence.id != id);
        self.all.len() < before
    }

    /// Forgets those that have ended.
    pub(crate) fn forget(&mut self, now: Duration) {
        self.all.retain(|silence| silence.until > now);
    }

    /// The wall clock was set.
    pub(crate) fn shift(&mut self, step: Step) {
        for silence in &mut self.all {
            silence.shift(step);
        }
    }

    /// The silence that fits an alert.
    pub(crate) fn of(&self, rule: &CheckedRule, labels: &Labels, now: Duration) -> Option<u64> {
        let mut running = self.all.iter().filter(|silence| silence.until > now);
        let found = running.find(|silence| silence.fits(rule, labels));
        found.map(|silence| silence.id)
    }

    pub(crate) fn all(&self) -> &[Silence] {
        &self.all
    }
}
