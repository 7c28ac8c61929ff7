//! Lets a shutdown wait for WebSocket sessions, which a server does not wait for.

use std::future::{Future, pending};

use tokio::{select, sync::watch, time};

use super::{Shutdown, Vitals};

/// The sessions of an application.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sessions {
    open: u64,
    /// How many the end of the shutdown has dropped.
    cut: u64,
}

/// One session for which a shutdown waits, until it is dropped.
#[derive(Debug)]
pub(in crate::vitals) struct WaitedFor {
    sessions: watch::Sender<Sessions>,
    is_cut: bool,
}

// === impl Shutdown ===

impl Shutdown {
    /// Resolves when everything must end, with the reason.
    pub(super) async fn ended(&self) -> &'static str {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`, so waiting cannot fail before `self` ends.
        if progress.wait_for(|it| it.begun.is_some()).await.is_err() {
            pending::<()>().await;
        }
        select! {
            _ = progress.wait_for(|it| it.over) => "a second signal",
            () = time::sleep(self.left_of(self.settings.deadline)) => "the deadline",
        }
    }

    /// Resolves when the server accepts no more requests.
    pub(in crate::vitals) async fn closing(&self) {
        let mut progress = self.progress.subscribe();
        if progress.wait_for(|it| it.begun.is_some()).await.is_err() {
            pending::<()>().await;
        }
        time::sleep(self.left_of(self.settings.delay)).await;
    }

    /// Runs `future` to its end, or until everything must end.
    pub(in crate::vitals) async fn until_over<F: Future>(&self, future: F) -> Option<F::Output> {
        select! {
            biased;
            output = future => Some(output),
            _ = self.ended() => None,
        }
    }

    /// Waits for one more session, until the result is dropped.
    pub(in crate::vitals) fn wait_for(&self) -> WaitedFor {
        self.sessions.send_modify(|sessions| sessions.open += 1);
        WaitedFor {
            sessions: self.sessions.clone(),
            is_cut: false,
        }
    }
}

// === impl WaitedFor ===

impl WaitedFor {
    /// Notes that the end of the shutdown dropped the session.
    pub(in crate::vitals) const fn cut(&mut self) {
        self.is_cut = true;
    }
}

impl Drop for WaitedFor {
    fn drop(&mut self) {
        let cut = u64::from(self.is_cut);
        self.sessions.send_modify(|sessions| {
            sessions.open -= 1;
            sessions.cut += cut;
        });
    }
}

// === impl Vitals ===

impl Vitals {
    /// Waits for the sessions of a server that has drained, to the deadline. Returns how many were or are cut off. A server that
    /// ended without a shutdown waits for nothing.
    pub(super) async fn sessions_end(&self) -> u64 {
        let mut sessions = self.shutdown.sessions.subscribe();
        if self.shutdown.progress.borrow().begun.is_some() {
            select! {
                _ = sessions.wait_for(|it| it.open == 0) => {}
                _ = self.shutdown.ended() => {}
            }
        }
        let Sessions { open, cut } = *sessions.borrow();
        open + cut
    }
}
