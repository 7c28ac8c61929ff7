//! Rebuilds items for [`Scrubbing::health_data`](super::Scrubbing::health_data) from a list of what may leave.

mod allowed;
mod code;
mod logged;

use serde_json::{Map, Value, json};

pub(super) use self::logged::may_be_logged;
use self::{
    allowed::{CHECK_IN, CLOSED, CONTEXTS, FRAME, ITEM, NUMBERS, OWN_TAGS, SESSION, SPAN},
    code::{is_code, is_template},
};
use super::FILTERED;
use crate::facts::route::UNMATCHED;

/// The first part of the fingerprint of events of this crate.
const OURS: &str = "tower-vitals";

/// An item of an envelope that can be rebuilt.
#[derive(Clone, Copy)]
pub(crate) enum Item {
    Event,
    Transaction,
    /// One session or counts of sessions.
    Session,
    CheckIn,
}

/// The item with nothing but what may leave.
pub(super) fn rebuilt(kind: Item, item: &Value) -> Value {
    let kept = match kind {
        Item::Event => event(item),
        Item::Transaction => transaction(item),
        Item::Session => session(item),
        Item::CheckIn => check_in(item),
    };
    Value::Object(kept)
}

/// Whether a text is the template of a route. A sentence is none.
pub(super) fn is_route(text: &str) -> bool {
    is_template(text) || [UNMATCHED, "excluded"].contains(&text)
}

fn event(item: &Value) -> Map<String, Value> {
    let mut kept = exchange(item);
    set(&mut kept, "stacktrace", stacktrace(&item["stacktrace"]));
    set(
        &mut kept,
        "exception",
        values(&item["exception"], exception),
    );
    set(&mut kept, "threads", values(&item["threads"], thread));
    let Some(fingerprint) = fingerprint(item) else {
        return kept;
    };
    kept.insert("fingerprint".into(), fingerprint.clone().into());
    let mut extra = only(&item["extra"], NUMBERS, Value::is_number);
    extra.extend(closed(&item["extra"]));
    set(&mut kept, "extra", Some(Value::Object(extra)));
    if kept.get("exception").is_none() {
        let message = message(&fingerprint, item["release"].as_str());
        set(&mut kept, "logentry", Some(json!({ "message": message })));
    }
    kept
}

fn transaction(item: &Value) -> Map<String, Value> {
    let mut kept = exchange(item);
    let spans = item["spans"].as_array().into_iter().flatten();
    let spans: Vec<_> = spans
        .map(|span| Value::Object(copied(span, SPAN)))
        .collect();
    kept.insert("spans".into(), spans.into());
    kept
}

/// What events and transactions say of an exchange.
fn exchange(item: &Value) -> Map<String, Value> {
    let mut kept = copied(item, ITEM);
    kept.extend(only(item, &["platform", "dist"], is_word));
    let route = item["transaction"].as_str().filter(|name| is_route(name));
    set(&mut kept, "transaction", route.map(Value::from));
    let mut tags = closed(&item["tags"]);
    tags.extend(only(&item["tags"], &["endpoint"], |tag| {
        tag.as_str().is_some_and(is_route)
    }));
    tags.extend(only(&item["tags"], &["request_id"], |tag| {
        tag.as_str().is_some_and(is_uuid)
    }));
    if fingerprint(item).is_some() {
        tags.extend(only(&item["tags"], OWN_TAGS, is_word));
    }
    set(&mut kept, "tags", Some(Value::Object(tags)));
    let mut request = closed(&item["request"]);
    if let Some(route) = route.filter(|route| route.starts_with('/') && !item["request"].is_null())
    {
        request.insert("url".into(), format!("http://unknown{route}").into());
    }
    set(&mut kept, "request", Some(Value::Object(request)));
    set(
        &mut kept,
        "contexts",
        Some(Value::Object(contexts(&item["contexts"]))),
    );
    kept
}

fn contexts(all: &Value) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, kind, fields) in CONTEXTS {
        let context = &all[*name];
        if context["type"] != *kind {
            continue;
        }
        let mut fields = only(context, fields, is_word_or_number);
        fields.insert("type".into(), (*kind).into());
        if *name == "trace" {
            if context["op"] == "http.server" {
                fields.insert("op".into(), context["op"].clone());
            }
            let status = "http.response.status_code";
            let data = only(&context["data"], &[status], Value::is_number);
            set(&mut fields, "data", Some(Value::Object(data)));
        }
        kept.insert((*name).into(), Value::Object(fields));
    }
    kept
}

fn session(item: &Value) -> Map<String, Value> {
    let mut kept = copied(item, SESSION);
    if let Some(counts) = item["aggregates"].as_array() {
        let counts: Vec<_> = counts
            .iter()
            .map(|count| Value::Object(copied(count, SESSION)))
            .collect();
        kept.insert("aggregates".into(), counts.into());
    }
    let attributes = copied(&item["attrs"], &["release", "environment"]);
    kept.insert("attrs".into(), Value::Object(attributes));
    kept
}

fn check_in(item: &Value) -> Map<String, Value> {
    let mut kept = copied(item, CHECK_IN);
    let slug = Some(&item["monitor_slug"]).filter(|slug| is_word(slug));
    kept.insert(
        "monitor_slug".into(),
        slug.cloned().unwrap_or(FILTERED.into()),
    );
    kept
}

fn exception(exception: &Value) -> Value {
    let mut kept = copied(exception, &["thread_id"]);
    let name = exception["type"].as_str().filter(|name| is_code(name));
    kept.insert("type".into(), name.unwrap_or(FILTERED).into());
    if let Some(mechanism) = exception.get("mechanism").filter(|own| own.is_object()) {
        let mut fields = copied(mechanism, &["handled", "synthetic"]);
        let kind = Some(&mechanism["type"]).filter(|kind| is_word(kind));
        fields.insert("type".into(), kind.cloned().unwrap_or("generic".into()));
        kept.insert("mechanism".into(), fields.into());
    }
    set(
        &mut kept,
        "stacktrace",
        stacktrace(&exception["stacktrace"]),
    );
    Value::Object(kept)
}

fn thread(thread: &Value) -> Value {
    let mut kept = copied(thread, &["crashed", "current"]);
    kept.extend(only(thread, &["id"], Value::is_number));
    set(&mut kept, "stacktrace", stacktrace(&thread["stacktrace"]));
    Value::Object(kept)
}

fn stacktrace(stack: &Value) -> Option<Value> {
    let frames = stack["frames"].as_array()?;
    let frame = |frame: &Value| {
        let mut kept = only(frame, FRAME, is_word_or_number);
        let named = |name: &Value| name.as_str().is_some_and(is_code);
        kept.extend(only(frame, &["function", "module"], named));
        Value::Object(kept)
    };
    Some(json!({ "frames": frames.iter().map(frame).collect::<Vec<_>>() }))
}

fn values(list: &Value, rebuild: fn(&Value) -> Value) -> Option<Value> {
    let values = list["values"].as_array()?;
    Some(json!({ "values": values.iter().map(rebuild).collect::<Vec<_>>() }))
}

/// The fingerprint if it is of this crate. A part that can be a sentence is filtered.
fn fingerprint(item: &Value) -> Option<Vec<Value>> {
    let parts = item["fingerprint"].as_array()?;
    let ours = parts.first().is_some_and(|first| first == OURS);
    let word = |part: &Value| match is_word(part) {
        true => part.clone(),
        false => FILTERED.into(),
    };
    ours.then(|| parts.iter().map(word).collect())
}

/// What an event of this crate says, from closed words alone.
fn message(fingerprint: &[Value], release: Option<&str>) -> String {
    let parts: Vec<_> = fingerprint.iter().filter_map(Value::as_str).collect();
    match parts[..] {
        [_, "health", check] => format!("health check {check} failed"),
        [_, "circuit", circuit] => format!("circuit {circuit} opened"),
        [_, "deployment", environment] => {
            format!("deployed {} to {environment}", release.unwrap_or_default())
        }
        _ => parts.get(1..).unwrap_or_default().join(" "),
    }
}

/// Tags, extras or parts of a request that have one of their closed values.
fn closed(fields: &Value) -> Map<String, Value> {
    let kept = CLOSED.iter().filter_map(|(name, words)| {
        let value = fields[*name]
            .as_str()
            .filter(|value| words.contains(value))?;
        Some(((*name).to_owned(), value.into()))
    });
    kept.collect()
}

fn copied(from: &Value, names: &[&str]) -> Map<String, Value> {
    only(from, names, |_| true)
}

fn only(from: &Value, names: &[&str], may: impl Fn(&Value) -> bool) -> Map<String, Value> {
    let kept = names.iter().filter_map(|name| {
        let value = from.get(*name).filter(|value| may(value))?;
        Some(((*name).to_owned(), value.clone()))
    });
    kept.collect()
}

/// Sets a field, unless there is nothing in it.
fn set(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    if let Some(value) = value.filter(|value| !empty(value)) {
        fields.insert(name.to_owned(), value);
    }
}

/// Whether the value is one word, as names of checks and environments are.
fn is_word(value: &Value) -> bool {
    let one = |one: char| one.is_ascii_graphic() && !"@?=&%\"'".contains(one);
    value.as_str().is_some_and(|text| text.chars().all(one))
}

fn is_word_or_number(value: &Value) -> bool {
    !value.is_string() || is_word(value)
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.bytes().enumerate();
    text.len() == 36
        && bytes.into_iter().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
