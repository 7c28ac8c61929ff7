//! What the subscriber gets.

use std::sync::{Mutex, mpsc::Sender};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber,
};

use super::*;

/// Sends level, target and fields of each event.
struct Events(Mutex<Sender<(Level, String, Fields)>>);

type Fields = Vec<(&'static str, String)>;

struct Texts(Fields);

impl Subscriber for Events {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut texts = Texts(Vec::new());
        event.record(&mut texts);
        let metadata = event.metadata();
        let event = (*metadata.level(), metadata.target().to_owned(), texts.0);
        let _ = self.0.lock().unwrap().send(event);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

/// The only event that a call has written.
fn only_event(call: impl FnOnce()) -> Fields {
    let (sent, events) = channel();
    subscriber::with_default(Events(Mutex::new(sent)), call);
    // Until each thread that writes has let go of the subscriber.
    let events: Vec<_> = events.iter().collect();
    let [(level, target, fields)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((*level, target.as_str()), (Level::WARN, "tower_vitals"));
    fields.clone()
}

#[test]
fn a_warning_is_one_event_that_names_the_file_and_the_reason() {
    let folder = Folder::new("event");
    fs::write(folder.file(), "my notes").unwrap();
    let place = StatePlace {
        path: folder.file(),
        max_bytes: 65_536,
    };
    let file = folder.file().display().to_string();
    let expected = |reason: &str| {
        vec![
            ("message", "a state file is not used".to_owned()),
            ("file", file.clone()),
            ("reason", reason.to_owned()),
        ]
    };
    let foreign = only_event(|| {
        let never = Duration::from_secs(3_600);
        drop(start(place.clone(), None, never, || None, || {}));
    });
    assert_eq!(foreign, expected(FOREIGN));
    let refused = only_event(|| refuse_window(&place, "of another grid"));
    assert_eq!(refused, expected("of another grid, so it will be replaced"));
}
