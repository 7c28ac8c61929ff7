//! Remembers what is the same for all events of one place in the code: the keys of its fields.

use std::{cell::RefCell, collections::HashMap, hash::BuildHasherDefault, rc::Rc};

use tracing::{Metadata, callsite::Identifier};

use super::fields::name;
use crate::address_hash::AddressHasher;

/// How many places a thread remembers. Then it forgets all and starts again.
const REMEMBERED: usize = 4_096;

/// What a line knows without its event.
pub(super) const OWN: [&str; 6] = [
    "request_id",
    "trace_id",
    "span_id",
    "release",
    "environment",
    "service",
];

/// What is the same for all events of one place.
pub(super) struct Shape {
    /// In the order in which the event declares them.
    pub(super) fields: Box<[FieldShape]>,
    /// The marks of all keys. A key without its mark is not there, which saves the search.
    marks: u128,
    /// Where the names of [`OWN`] are among the fields, as bits.
    pub(super) own: [u128; OWN.len()],
    /// What a line of JSON has between the text of its timestamp and its fields.
    pub(super) json: Box<str>,
}

/// One field that events of a place can have.
pub(super) struct FieldShape {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    /// Another field has the same key.
    pub(super) is_double: bool,
    /// Its place, as a bit.
    pub(super) bit: u128,
    /// The key as it is in a line of JSON, with what stands around it.
    pub(super) json: Box<str>,
}

type Shapes = HashMap<Identifier, Rc<Shape>, BuildHasherDefault<AddressHasher>>;

thread_local! {
    static SHAPES: RefCell<Shapes> = RefCell::default();
}

/// The shape of the events with this metadata.
pub(super) fn of(metadata: &Metadata<'_>) -> Rc<Shape> {
    let place = metadata.callsite();
    let known = SHAPES.try_with(|shapes| shapes.borrow().get(&place).map(Rc::clone));
    if let Ok(Some(known)) = known {
        return known;
    }
    let shape = Rc::new(Shape::new(metadata));
    // A thread that is ending remembers nothing.
    let _ = SHAPES.try_with(|shapes| {
        let mut shapes = shapes.borrow_mut();
        if shapes.len() >= REMEMBERED {
            shapes.clear();
        }
        shapes.insert(place, Rc::clone(&shape));
    });
    shape
}

/// The key of a field. A line already has the first three.
pub(super) fn key(name: &'static str) -> &'static str {
    match name {
        "timestamp" => "field_timestamp",
        "level" => "field_level",
        "target" => "field_target",
        other => other,
    }
}

/// The key and what stands around it in a line of JSON.
pub(super) fn json_key(key: &str) -> String {
    format!(",{}:", quoted(key))
}

/// What a line of JSON has behind its timestamp.
pub(super) fn json_head(level: &str, target: &str) -> String {
    format!(r#"","level":"{level}","target":{}"#, quoted(target))
}

/// 0 for a field beyond the most that an event has.
fn bit(index: usize) -> u128 {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    1_u128.checked_shl(index).unwrap_or(0)
}

// === impl Shape ===

impl Shape {
    fn new(metadata: &Metadata<'_>) -> Self {
        let names: Vec<_> = metadata.fields().iter().map(|field| name(&field)).collect();
        let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        let fields = names
            .iter()
            .zip(&keys)
            .enumerate()
            .map(|(index, (name, key))| FieldShape {
                bit: bit(index),
                name,
                key,
                is_double: keys.iter().filter(|other| *other == key).count() > 1,
                json: json_key(key).into(),
            });
        let mut shape = Self {
            fields: fields.collect(),
            marks: keys.iter().fold(0, |marks, key| marks | mark(key)),
            own: [0; OWN.len()],
            json: json_head(metadata.level().as_str(), metadata.target()).into(),
        };
        shape.own = OWN.map(|name| shape.places(name));
        shape
    }

    /// `false` if no field has this key.
    pub(super) fn may_have(&self, key: &str) -> bool {
        self.marks & mark(key) != 0
    }

    /// The fields with this key, as bits.
    pub(super) fn places(&self, wanted: &str) -> u128 {
        let places = self.fields.iter().filter(|field| field.key == wanted);
        places.fold(0, |bits, field| bits | field.bit)
    }
}

/// One of 128 bits, by the length and the ends of a key.
fn mark(key: &str) -> u128 {
    let end = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
    let bytes = key.as_bytes();
    1 << ((bytes.len() + 5 * end(bytes.first()) + 11 * end(bytes.last())) % 128)
}

/// The text as JSON has it.
fn quoted(text: &str) -> String {
    // A text can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tracing::{Event, subscriber::with_default};
    use tracing_subscriber::{
        Layer,
        layer::{Context, SubscriberExt},
        registry,
    };

    use super::*;

    thread_local! {
        static LOOKED: RefCell<Vec<Rc<Shape>>> = RefCell::default();
    }

    /// Looks at the shape of each event.
    struct Look;

    impl<S: tracing::Subscriber> Layer<S> for Look {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            LOOKED.with_borrow_mut(|looked| looked.push(of(event.metadata())));
        }
    }

    #[test]
    fn a_place_is_looked_at_once_and_each_place_has_its_own_keys() {
        let log = |number: u64| {
            tracing::info!(
                number,
                r#type = 1,
                release = 2,
                "field \"level\"" = 3,
                level = 4
            );
        };
        let subscriber = registry().with(Look);
        with_default(subscriber, || {
            log(1);
            log(2);
            tracing::info!(field_level = 1, level = 2);
        });
        let shapes = LOOKED.take();
        assert!(Rc::ptr_eq(&shapes[0], &shapes[1]));
        let keys = |shape: &Shape| -> Vec<_> { shape.fields.iter().map(|it| it.key).collect() };
        assert_eq!(
            keys(&shapes[0]),
            [
                "number",
                "type",
                "release",
                "field \"level\"",
                "field_level"
            ]
        );
        assert_eq!(&*shapes[0].fields[3].json, r#","field \"level\"":"#);
        assert_eq!(shapes[0].own, [0, 0, 0, 0b100, 0, 0]);
        assert!(shapes[0].fields.iter().all(|field| !field.is_double));
        assert!(shapes[2].fields.iter().all(|field| field.is_double));
    }
}
