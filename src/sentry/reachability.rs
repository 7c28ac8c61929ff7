//! Logs once when Sentry cannot be reached, and once when it can be reached again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::emit;

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// Sentry asks to wait.
    Limited,
    /// With this status.
    Refused(u16),
    /// For this reason, which shows no key.
    Unreachable(String),
}

/// The least time between two warnings. So a Sentry that refuses every other event makes no line for each.
const BETWEEN: Duration = Duration::from_secs(60);

/// Whether the Sentry of one client takes what is sent.
pub(super) struct Reachability {
    host: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    away: bool,
    warned: Option<Instant>,
}

/// What is worth a log line.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Away,
    Back,
}

// === impl Reachability ===

impl Reachability {
    /// `host` must not show a key.
    pub(super) fn new(host: String) -> Self {
        Self {
            host,
            state: Mutex::default(),
        }
    }

    /// Notes what came of an attempt, and tells the log if that is news. The subscriber can hang, so another thread calls it.
    pub(super) fn note(&self, answer: &Answer) {
        let news = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.note(answer, Instant::now())
        };
        let host = self.host.clone();
        match (news, answer) {
            (Some(News::Away), Answer::Refused(status)) => {
                let reason = format!("status {status}");
                emit::tell(move || {
                    tracing::warn!(target: "tower_vitals", host, reason, "Sentry refuses what is sent");
                });
            }
            (Some(News::Away), Answer::Unreachable(reason)) => {
                let reason = reason.clone();
                emit::tell(move || {
                    tracing::warn!(target: "tower_vitals", host, reason, "Sentry cannot be reached");
                });
            }
            (Some(News::Back), _) => emit::tell(move || {
                tracing::info!(target: "tower_vitals", host, "Sentry takes what is sent again");
            }),
            _ => {}
        }
    }
}

// === impl State ===

impl State {
    fn note(&mut self, answer: &Answer, now: Instant) -> Option<News> {
        match answer {
            Answer::Taken if self.away => {
                self.away = false;
                Some(News::Back)
            }
            // Sentry is there, and says when it takes more.
            Answer::Taken | Answer::Limited => None,
            Answer::Refused(_) | Answer::Unreachable(_) => {
                let warned = self.warned.map(|warned| now.duration_since(warned));
                if self.away || warned.is_some_and(|since| since < BETWEEN) {
                    return None;
                }
                self.away = true;
                self.warned = Some(now);
                Some(News::Away)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once_and_a_warning_at_most_once_a_minute() {
        let start = Instant::now();
        let away = || Answer::Unreachable("refused".into());
        let mut state = State::default();
        for (second, answer, news) in [
            (0, Answer::Taken, None),
            (0, Answer::Limited, None),
            (1, away(), Some(News::Away)),
            (2, Answer::Refused(403), None),
            (3, Answer::Limited, None),
            (4, Answer::Taken, Some(News::Back)),
            (5, Answer::Taken, None),
            (60, Answer::Refused(413), None),
            (60, Answer::Taken, None),
            (61, Answer::Refused(413), Some(News::Away)),
            (200, away(), None),
            (201, Answer::Taken, Some(News::Back)),
        ] {
            let now = start + Duration::from_secs(second);
            assert_eq!(state.note(&answer, now), news, "{second}: {answer:?}");
        }
    }
}
