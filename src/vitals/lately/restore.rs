//! Takes what the process before kept in the state file, and writes it from now on.

use std::time::Duration;

use crate::{
    emit,
    metrics::{Metrics, Sink},
    window::{
        Window,
        store::{self, Records, StatePlace, StoreWriter},
    },
};

/// How often the window is written to the state file.
const WRITE_EVERY: Duration = Duration::from_secs(600);

/// Takes what the process before has written, and writes from now on.
pub(super) fn restore(
    place: &StatePlace,
    service: Option<&str>,
    window: &Window,
    metrics: &Metrics,
) -> (StoreWriter, Records) {
    let room = store::window_room(place, service);
    let written = {
        // It lasts until the last write, which is after all others are dropped.
        let window = window.clone();
        move || Some(bytes(&window, room))
    };
    let failed = {
        let metrics = metrics.clone();
        move || metrics.dropped(Sink::State)
    };
    let (writer, restored) = store::start(place.clone(), service, WRITE_EVERY, written, failed);
    if let Some(bytes) = restored.window
        && let Err(error) = window.restore(&bytes)
    {
        store::refuse_window(place, &error.to_string());
    }
    // The process before has published them, too.
    for deployed in restored.records.deployments() {
        let at = Duration::from_millis(deployed.at_ms).as_secs_f64();
        metrics.record_deployment(&deployed.version, at);
    }
    (writer, restored.records)
}

/// The window as the state file holds it. Says how many endpoints and names of work had no room.
fn bytes(window: &Window, room: usize) -> Vec<u8> {
    let (bytes, left_out) = window.to_bytes(room);
    if left_out > 0 {
        emit::tell(move || {
            tracing::info!(
                target: "tower_vitals",
                left_out,
                "the state file has no room for the least used endpoints and operations"
            );
        });
    }
    bytes
}
