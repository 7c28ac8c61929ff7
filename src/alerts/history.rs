//! Keeps which alerts fired lately.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    alert::Alert,
    fingerprint::{Fingerprint, Labels},
    readable::Readable,
    severity::AlertSeverity,
    state::{AlertState, ResolveReason},
    wall_clock::Step,
};
use crate::statistics::WallTime;

/// How long an alert that has ended is kept.
const KEPT: Duration = Duration::from_secs(168 * 60 * 60);

/// The most alerts that are kept.
const MOST: usize = 1_000;

/// One time that an alert fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Tells the alert from all others. It can have fired more than once.
    pub fingerprint: Fingerprint,
    /// The name of its rule.
    pub name: String,
    /// How bad it was.
    pub severity: AlertSeverity,
    /// Of what it was. Empty for the whole service.
    pub labels: Labels,
    /// The name of its signal.
    pub signal: String,
    /// The message with which it began.
    pub message: String,
    /// The value with which it began.
    pub value: Option<f64>,
    /// The threshold of the rule.
    pub threshold: f64,
    fired_at: Duration,
    resolved_at: Option<Duration>,
    /// Why it stopped firing. `None` while it fires.
    pub resolve_reason: Option<ResolveReason>,
    /// What a later version wrote.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// The times that alerts fired lately, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Readable<HistoryEntry>", into = "Readable<HistoryEntry>")]
pub(crate) struct History {
    entries: VecDeque<HistoryEntry>,
    /// Those of a later version.
    other: Vec<Value>,
}

// === impl HistoryEntry ===

impl HistoryEntry {
    /// When it began to fire.
    #[must_use]
    pub const fn fired_at(&self) -> WallTime {
        WallTime::new(self.fired_at)
    }

    /// When it stopped. `None` while it fires.
    #[must_use]
    pub fn resolved_at(&self) -> Option<WallTime> {
        self.resolved_at.map(WallTime::new)
    }

    /// What is known of an alert that fires and has no entry: its signal and its threshold are not.
    pub(crate) fn unknown(
        name: &str,
        labels: &Labels,
        severity: AlertSeverity,
        fired_at: Duration,
    ) -> Self {
        Self {
            fingerprint: Fingerprint::of(name, labels),
            name: name.to_owned(),
            severity,
            labels: labels.clone(),
            signal: String::new(),
            message: format!("Alert: {name}"),
            value: None,
            threshold: 0.0,
            fired_at,
            resolved_at: None,
            resolve_reason: None,
            more: Map::new(),
        }
    }

    /// Of which alert it is, and when that began to fire: no other entry has both.
    pub(super) const fn time(&self) -> (Fingerprint, Duration) {
        (self.fingerprint, self.fired_at)
    }

    /// When it changed last.
    fn last(&self) -> Duration {
        self.resolved_at.unwrap_or(self.fired_at)
    }
}

// === impl History ===

impl History {
    /// Notes that an alert fires.
    pub(crate) fn fired(&mut self, alert: &Alert, at: Duration) {
        self.note(HistoryEntry {
            fingerprint: alert.fingerprint,
            name: alert.name.clone(),
            severity: alert.severity,
            labels: alert.labels.clone(),
            signal: alert.signal.clone(),
            message: alert.message.clone(),
            value: alert.value,
            threshold: alert.threshold,
            fired_at: at,
            resolved_at: None,
            resolve_reason: None,
            more: Map::new(),
        });
    }

    /// Adds an entry.
    pub(crate) fn note(&mut self, entry: HistoryEntry) {
        self.entries.push_back(entry);
        self.keep(MOST);
    }

    /// Whether an alert has an entry without an end.
    pub(crate) fn is_open(&self, fingerprint: Fingerprint) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.fingerprint == fingerprint && entry.resolved_at.is_none())
    }

    /// Takes the end back that was noted of an alert: it still fires. `fired_at` tells which of its times it is.
    pub(crate) fn fires_on(&mut self, fingerprint: Fingerprint, fired_at: Duration) {
        let mut entries = self.entries.iter_mut();
        let of_it = |entry: &&mut HistoryEntry| entry.time() == (fingerprint, fired_at);
        if let Some(entry) = entries.find(of_it) {
            entry.resolved_at = None;
            entry.resolve_reason = None;
        }
    }

    /// Notes that an alert stopped. Gives its entry, if it is still kept.
    pub(crate) fn resolved(
        &mut self,
        fingerprint: Fingerprint,
        at: Duration,
        reason: ResolveReason,
    ) -> Option<&HistoryEntry> {
        let mut entries = self.entries.iter_mut().rev();
        let entry = entries
            .find(|entry| entry.fingerprint == fingerprint && entry.resolved_at.is_none())?;
        entry.resolved_at = Some(at);
        entry.resolve_reason = Some(reason);
        Some(entry)
    }

    /// Whether the end of an alert is noted. `fired_at` tells which of its times it is.
    pub(crate) fn has_end(&self, fingerprint: Fingerprint, fired_at: Duration) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.time() == (fingerprint, fired_at) && entry.resolved_at.is_some())
    }

    /// What ended, and when it did so last.
    pub(crate) fn ends(&self) -> BTreeMap<Fingerprint, Duration> {
        let entries = self.entries.iter();
        let ends = entries.filter_map(|entry| Some((entry.fingerprint, entry.resolved_at?)));
        ends.collect()
    }

    /// Forgets what ended long ago.
    pub(crate) fn forget(&mut self, now: Duration) {
        let oldest = now.saturating_sub(KEPT);
        self.entries
            .retain(|entry| entry.resolved_at.is_none_or(|at| at >= oldest));
    }

    /// Notes that all alerts but these have stopped: their rules are gone, or nobody kept them.
    pub(crate) fn end_all_but(&mut self, fires: impl Fn(&HistoryEntry) -> bool, at: Duration) {
        let open = self.entries.iter_mut();
        let open = open.filter(|entry| entry.resolved_at.is_none());
        for entry in open.filter(|entry| !fires(entry)) {
            entry.resolved_at = Some(at);
            entry.resolve_reason = Some(ResolveReason::NoData);
        }
    }

    /// The wall clock was set.
    pub(crate) fn shift(&mut self, step: Step) {
        for entry in &mut self.entries {
            step.apply([&mut entry.fired_at]);
            step.apply(&mut entry.resolved_at);
        }
    }

    /// Adds entries of another history that are not here.
    pub(crate) fn add(&mut self, other: Self) {
        self.other = other.other;
        let here: HashSet<_> = self.entries.iter().map(HistoryEntry::time).collect();
        let new = other.entries.into_iter();
        self.entries
            .extend(new.filter(|one| !here.contains(&one.time())));
        let entries = self.entries.make_contiguous();
        entries.sort_by_key(|one| one.fired_at);
        self.keep(MOST);
    }

    /// Keeps so many entries. The oldest go first, and one that fires only if all do.
    fn keep(&mut self, most: usize) {
        let mut excess = self.entries.len().saturating_sub(most);
        if excess == 0 {
            return;
        }
        self.entries.retain(|entry| {
            let goes = excess > 0 && entry.resolved_at.is_some();
            excess -= usize::from(goes);
            !goes
        });
        self.entries.drain(..excess);
    }

    /// Why an alert stopped firing, the last time that it did.
    pub(crate) fn reason_of(&self, fingerprint: Fingerprint) -> Option<ResolveReason> {
        let mut entries = self.entries.iter().rev();
        let entry = entries.find(|entry| entry.fingerprint == fingerprint)?;
        entry.resolve_reason
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.other.is_empty()
    }

    /// Forgets the older half of what has ended, and else of all. Returns `false` if there was nothing.
    pub(crate) fn forget_half(&mut self) -> bool {
        let entries = self.entries.iter();
        let ended = entries.filter(|entry| entry.resolved_at.is_some()).count();
        let half = match ended {
            0 => self.entries.len().div_ceil(2),
            ended => ended.div_ceil(2),
        };
        self.keep(self.entries.len() - half);
        let other = self.other.len().div_ceil(2);
        self.other.drain(..other);
        half + other > 0
    }

    /// The alerts that fired, or went on firing, in the time until now, the newest first.
    pub(crate) fn lately(
        &self,
        now: Duration,
        time: Duration,
    ) -> impl Iterator<Item = &HistoryEntry> {
        let from = now.saturating_sub(time);
        let entries = self.entries.iter().rev();
        entries.filter(move |entry| entry.resolved_at.is_none() || entry.last() >= from)
    }
}

impl From<Readable<HistoryEntry>> for History {
    fn from(list: Readable<HistoryEntry>) -> Self {
        let mut other = list.other;
        other.truncate(MOST);
        Self {
            entries: list.known.into(),
            other,
        }
    }
}

impl From<History> for Readable<HistoryEntry> {
    fn from(History { entries, other }: History) -> Self {
        Self {
            known: entries.into(),
            other,
        }
    }
}

// === impl Alert ===

impl Alert {
    /// The alert, once it has ended.
    pub(crate) fn ended(self, at: Duration, reason: ResolveReason) -> Self {
        Self {
            state: AlertState::Resolved,
            since: WallTime::new(at),
            resolved_at: Some(WallTime::new(at)),
            resolve_reason: Some(reason),
            acknowledged_by: None,
            acknowledged_at: None,
            muted: None,
            is_broken: false,
            is_new: false,
            ..self
        }
    }

    /// What is known of an alert whose rule is not there any more.
    pub(crate) fn of_entry(entry: &HistoryEntry) -> Self {
        let resolved_at = entry.resolved_at();
        Self {
            fingerprint: entry.fingerprint,
            name: entry.name.clone(),
            severity: entry.severity,
            state: AlertState::Resolved,
            labels: entry.labels.clone(),
            signal: entry.signal.clone(),
            value: None,
            threshold: entry.threshold,
            message: entry.message.clone(),
            summary: String::new(),
            runbook: None,
            since: resolved_at.unwrap_or_else(|| entry.fired_at()),
            fired_at: Some(entry.fired_at()),
            resolved_at,
            resolve_reason: entry.resolve_reason,
            acknowledged_by: None,
            acknowledged_at: None,
            muted: None,
            error: None,
            alone: false,
            is_broken: false,
            is_new: false,
        }
    }
}
