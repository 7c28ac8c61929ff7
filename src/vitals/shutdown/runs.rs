//! Counts the servers of a process that run at a time: only the last one ends what they share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The servers that run. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Those that have begun and not ended.
    serving: usize,
    /// The open requests of which a server has told that they are cut off.
    told: u64,
    /// What they share has ended.
    is_over: bool,
}

/// A server that runs, until this is dropped.
#[derive(Debug)]
pub(in crate::vitals) struct Run {
    runs: Runs,
    has_ended: bool,
}

// === impl Runs ===

impl Runs {
    /// One more server. `None` if what they share has ended.
    pub(super) fn begin(&self) -> Option<Run> {
        let mut state = self.lock();
        if state.is_over {
            return None;
        }
        state.serving += 1;
        Some(Run {
            runs: self.clone(),
            has_ended: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Run ===

impl Run {
    /// Of the requests that are open when this server is cut off, those of which no other one has told. Nobody knows at which
    /// server a request is, and one deadline cuts off all servers.
    pub(in crate::vitals) fn cut_off(&self, open: u64) -> u64 {
        let mut state = self.runs.lock();
        let new = open.saturating_sub(state.told);
        state.told += new;
        new
    }

    /// The server has ended. Returns whether it was the last one: then what they share ends now, and no server begins any more.
    pub(in crate::vitals) fn end(mut self) -> bool {
        self.has_ended = true;
        let mut state = self.runs.lock();
        state.serving -= 1;
        state.is_over |= state.serving == 0;
        state.is_over
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.has_ended {
            self.runs.lock().serving -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_server_ends_what_they_share_and_none_begins_after_it() {
        let runs = Runs::default();
        let (first, second) = (runs.begin().unwrap(), runs.begin().unwrap());
        assert!(!first.end());
        // A supervisor starts it again, and gives it up.
        let (again, given_up) = (runs.begin().unwrap(), runs.begin().unwrap());
        assert!(!second.end());
        drop(given_up);
        assert!(again.end());
        assert!(runs.begin().is_none());
    }

    #[test]
    fn a_server_that_is_dropped_ends_nothing() {
        let runs = Runs::default();
        drop(runs.begin().unwrap());
        assert!(runs.begin().unwrap().end());
    }

    #[test]
    fn a_request_that_is_cut_off_is_told_once() {
        let runs = Runs::default();
        let (first, second) = (runs.begin().unwrap(), runs.begin().unwrap());
        assert_eq!(first.cut_off(5), 5, "of both servers");
        assert_eq!(second.cut_off(2), 0, "three ended with the first");
        assert_eq!(second.cut_off(6), 1);
    }
}
