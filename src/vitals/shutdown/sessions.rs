//! Counts WebSocket sessions, for which a shutdown waits although their server does not.

use tokio::{select, sync::watch};

use super::Shutdown;

/// The sessions of an application.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sessions {
    open: u64,
    /// How many the end of the shutdown has dropped.
    cut: u64,
}

/// One session for which a shutdown waits, until it is dropped.
#[derive(Debug)]
pub(in crate::vitals) struct CountedSession {
    sessions: watch::Sender<Sessions>,
    is_cut: bool,
}

// === impl Shutdown ===

impl Shutdown {
    /// Counts one more session, until the result is dropped.
    pub(in crate::vitals) fn count_session(&self) -> CountedSession {
        self.sessions.send_modify(|sessions| sessions.open += 1);
        CountedSession {
            sessions: self.sessions.clone(),
            is_cut: false,
        }
    }

    /// Waits for the sessions of servers that have drained, to the deadline. Returns how many were or are cut off. A server that
    /// ended without a shutdown waits for nothing.
    pub(in crate::vitals) async fn sessions_end(&self) -> u64 {
        let mut sessions = self.sessions.subscribe();
        if self.has_begun() {
            select! {
                _ = sessions.wait_for(|it| it.open == 0) => {}
                _ = self.ended() => {}
            }
        }
        let Sessions { open, cut } = *sessions.borrow();
        open + cut
    }
}

// === impl CountedSession ===

impl CountedSession {
    /// Notes that the end of the shutdown dropped the session.
    pub(in crate::vitals) const fn cut(&mut self) {
        self.is_cut = true;
    }
}

impl Drop for CountedSession {
    fn drop(&mut self) {
        let cut = u64::from(self.is_cut);
        self.sessions.send_modify(|sessions| {
            sessions.open -= 1;
            sessions.cut += cut;
        });
    }
}
