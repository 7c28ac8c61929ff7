//! Hears the signals that ask a process to end.

use std::{future::pending, io};

use crate::emit;

/// Signals from the moment it was made, each once.
pub(super) struct Signals {
    /// `None` if they cannot be heard.
    listener: Option<Listener>,
}

#[cfg(unix)]
struct Listener {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(windows)]
struct Listener(tokio::signal::windows::CtrlC);

// === impl Signals ===

impl Signals {
    pub(super) fn new() -> Self {
        let listener = Listener::new()
            .inspect_err(|error| {
                let error = error.to_string();
                emit::tell(move || {
                    tracing::error!(target: "tower_vitals", error, "signals cannot be heard");
                });
            })
            .ok();
        Self { listener }
    }

    /// Waits for the next signal. Dropping this future loses none.
    pub(super) async fn next(&mut self) {
        match &mut self.listener {
            Some(listener) => listener.next().await,
            None => pending().await,
        }
    }
}

// === impl Listener ===

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(windows)]
impl Listener {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
