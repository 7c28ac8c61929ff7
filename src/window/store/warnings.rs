//! Tells a person that state is not kept.

use std::path::Path;
#[cfg(test)]
use std::{path::PathBuf, sync::mpsc::Sender};

use tracing::{Dispatch, dispatcher, subscriber::NoSubscriber};

use super::problem::Problem;
use crate::emit;

/// Where warnings go.
#[derive(Clone, Debug)]
pub(super) enum Warnings {
    /// To this subscriber: one event at level `WARN`, which names the file and the reason.
    Log(Dispatch),
    #[cfg(test)]
    Sent(Sender<(PathBuf, String)>),
}

// === impl Warnings ===

impl Warnings {
    /// To the subscriber of this thread, also when another thread tells.
    pub(super) fn log() -> Self {
        Self::Log(dispatcher::get_default(Clone::clone))
    }

    pub(super) fn tell(&self, file: &Path, problem: &Problem) {
        let reason = problem.to_string();
        match self {
            Self::Log(subscriber) => {
                let file = file.display().to_string();
                let write = move || {
                    tracing::warn!(target: "tower_vitals", file, reason, "a state file is not used");
                };
                // Where there was none, the application may have set one since.
                match subscriber.is::<NoSubscriber>() {
                    true => emit::tell(write),
                    false => dispatcher::with_default(subscriber, || emit::tell(write)),
                }
            }
            #[cfg(test)]
            Self::Sent(told) => {
                let _ = told.send((file.to_owned(), reason));
            }
        }
    }
}
