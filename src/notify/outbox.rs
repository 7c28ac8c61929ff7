//! Keeps what was decided and has not arrived, so that another instance of a fleet can tell it if this one dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::notification::{Ended, Notification, NotificationKind, Origin};
use crate::{
    alerts::{AlertSeverity, Fingerprint, ResolveReason},
    statistics::WallTime,
};

/// The most notifications that are kept. One that waits longer behind so many others is dropped by its own queue, too.
const MOST: usize = 256;

/// Held as long as a notification waits for somebody, or is on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticket(Arc<()>);

/// What was decided and has not arrived.
#[derive(Debug, Default)]
pub(super) struct Outbox(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    letter: StoredLetter,
    /// `None` before it is handed over.
    ticket: Option<Weak<()>>,
}

/// A notification, as another instance reads it. It is told with the origin of who tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredLetter {
    /// The names of the notifiers.
    pub(super) to: BTreeSet<String>,
    kind: NotificationKind,
    fingerprint: Option<Fingerprint>,
    severity: AlertSeverity,
    name: String,
    summary: String,
    text: String,
    labels: BTreeMap<String, String>,
    signal: Option<String>,
    value: Option<f64>,
    threshold: Option<f64>,
    at: Duration,
    fired_at: Option<Duration>,
    /// When it ended, after how long, and why.
    ended: Option<(Duration, Duration, ResolveReason)>,
    runbook: Option<String>,
    alone: bool,
}

// === impl Ticket ===

impl Ticket {
    fn weak(&self) -> Weak<()> {
        Arc::downgrade(&self.0)
    }
}

// === impl Outbox ===

impl Outbox {
    /// Keeps what is decided now.
    pub(super) fn put(&mut self, letter: StoredLetter) {
        self.forget_arrived();
        self.0.push(Entry {
            letter,
            ticket: None,
        });
        let excess = self.0.len().saturating_sub(MOST);
        self.0.drain(..excess);
    }

    /// Gives what is to be handed over, each with a ticket to be held until it has arrived.
    pub(super) fn hand_over(&mut self) -> Vec<(StoredLetter, Ticket)> {
        let new = self.0.iter_mut().filter(|entry| entry.ticket.is_none());
        new.map(|entry| {
            let ticket = Ticket::default();
            entry.ticket = Some(ticket.weak());
            (entry.letter.clone(), ticket)
        })
        .collect()
    }

    /// Forgets what was not handed over.
    pub(super) fn take_back(&mut self) {
        self.0.retain(|entry| entry.ticket.is_some());
    }

    /// What has not arrived.
    pub(super) fn stored(&mut self) -> Vec<StoredLetter> {
        self.forget_arrived();
        self.0.iter().map(|entry| entry.letter.clone()).collect()
    }

    fn forget_arrived(&mut self) {
        self.0.retain(|entry| {
            let ticket = entry.ticket.as_ref();
            ticket.is_none_or(|ticket| ticket.strong_count() > 0)
        });
    }
}

// === impl StoredLetter ===

impl StoredLetter {
    pub(super) fn new(to: BTreeSet<String>, one: &Notification) -> Self {
        Self {
            to,
            kind: one.kind,
            fingerprint: one.fingerprint,
            severity: one.severity,
            name: one.name.clone(),
            summary: one.summary.clone(),
            text: one.text.clone(),
            labels: one.labels.clone(),
            signal: one.signal.clone(),
            value: one.value,
            threshold: one.threshold,
            at: one.at.since_1970(),
            fired_at: one.fired_at.map(WallTime::since_1970),
            ended: one.ended.map(|ended| {
                let Ended { at, after, reason } = ended;
                (at.since_1970(), after, reason)
            }),
            runbook: one.runbook.clone(),
            alone: one.alone,
        }
    }

    pub(super) fn notification(self, origin: Origin) -> Notification {
        Notification {
            kind: self.kind,
            fingerprint: self.fingerprint,
            severity: self.severity,
            name: self.name,
            summary: self.summary,
            text: self.text,
            labels: self.labels,
            signal: self.signal,
            value: self.value,
            threshold: self.threshold,
            at: WallTime::new(self.at),
            fired_at: self.fired_at.map(WallTime::new),
            ended: self.ended.map(|(at, after, reason)| Ended {
                at: WallTime::new(at),
                after,
                reason,
            }),
            again_in: None,
            runbook: self.runbook,
            alone: self.alone,
            origin,
        }
    }
}
