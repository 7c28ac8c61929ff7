//! Hears the events of this crate in tests.

use std::{
    fmt,
    sync::{Mutex, mpsc::Sender},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Sends the level and the message of each event.
pub(super) struct Heard(Mutex<Sender<String>>);

struct Message(String);

// === impl Heard ===

impl Heard {
    pub(super) const fn new(sender: Sender<String>) -> Self {
        Self(Mutex::new(sender))
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tower_vitals"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(event.metadata().level().to_string());
        event.record(&mut message);
        let _ = self.0.lock().unwrap().send(message.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

// === impl Message ===

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.push_str(&format!(" {value:?}"));
        }
    }
}
