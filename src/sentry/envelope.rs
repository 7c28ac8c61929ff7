//! Scrubs each item of an envelope.

use sentry::{
    Envelope,
    protocol::{Attachment, Context, EnvelopeItem, Event, ItemContainer, LogEntry},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    event::{cut, cut_text},
    readable::read,
};
use crate::scrub::{Scrubbing, health_data::Item};

/// The envelope without secrets, and how many of its items could not be scrubbed and are dropped.
pub(super) fn scrubbed(envelope: Envelope, scrubbing: &Scrubbing) -> (Option<Envelope>, usize) {
    let Some(headers) = by_json(envelope.headers(), |json| {
        scrubbing.scrub_envelope_header(json)
    }) else {
        return (None, 1);
    };
    let mut kept = Envelope::new().with_headers(headers);
    let mut empty = true;
    // An envelope of raw bytes has no items that can be scrubbed, so it is dropped.
    let mut lost = usize::from(envelope.items().next().is_none());
    for item in envelope.into_items() {
        let (item, lost_here) = scrubbed_item(item, scrubbing);
        lost += lost_here;
        if let Some(item) = item {
            kept.add_item(item);
            empty = false;
        }
    }
    ((!empty).then_some(kept), lost)
}

/// The item without secrets, and how much of it could not be scrubbed and is dropped.
fn scrubbed_item(item: EnvelopeItem, scrubbing: &Scrubbing) -> (Option<EnvelopeItem>, usize) {
    match item {
        EnvelopeItem::ItemContainer(ItemContainer::Logs(logs)) => list(logs, scrubbing),
        EnvelopeItem::ItemContainer(ItemContainer::Metrics(metrics)) => list(metrics, scrubbing),
        one => {
            let kept = scrubbed_one(one, scrubbing);
            let lost = usize::from(kept.is_none());
            (kept, lost)
        }
    }
}

fn scrubbed_one(item: EnvelopeItem, scrubbing: &Scrubbing) -> Option<EnvelopeItem> {
    Some(match item {
        EnvelopeItem::Event(event) => {
            let mut event = in_schema(*event);
            rename_types(event.contexts.values_mut());
            let mut event = by_fields(&event, Item::Event, scrubbing)?;
            event.tags.values_mut().for_each(cut);
            let texts = event
                .exception
                .iter_mut()
                .filter_map(|one| one.value.as_mut());
            texts.for_each(cut_text);
            let id = event.user.as_mut().and_then(|user| user.id.as_mut());
            id.into_iter().for_each(cut);
            event.into()
        }
        EnvelopeItem::Transaction(mut item) => {
            rename_types(item.contexts.values_mut());
            let mut transaction = by_fields(&*item, Item::Transaction, scrubbing)?;
            transaction.tags.values_mut().for_each(cut);
            transaction.into()
        }
        EnvelopeItem::SessionUpdate(item) => by_fields(&item, Item::Session, scrubbing)?.into(),
        EnvelopeItem::SessionAggregates(item) => by_fields(&item, Item::Session, scrubbing)?.into(),
        EnvelopeItem::MonitorCheckIn(item) => by_fields(&item, Item::CheckIn, scrubbing)?.into(),
        EnvelopeItem::Attachment(attachment) => scrubbed_attachment(attachment, scrubbing)?.into(),
        // It has only numbers of lost items.
        report @ EnvelopeItem::ClientReport(_) => report,
        // A kind of a later SDK, which cannot be scrubbed.
        _ => return None,
    })
}

fn by_fields<T: Serialize + DeserializeOwned>(
    item: &T,
    kind: Item,
    scrubbing: &Scrubbing,
) -> Option<T> {
    by_json(item, |json| scrubbing.scrub_item(kind, json))
}

/// Logs or metrics, one by one: a metric that is no number cannot be sent, and the others can. All that they say is free, so the
/// preset for health data drops them.
fn list<T>(list: Vec<T>, scrubbing: &Scrubbing) -> (Option<EnvelopeItem>, usize)
where
    T: Serialize + DeserializeOwned,
    EnvelopeItem: From<Vec<T>>,
{
    if !scrubbing.keeps_free_text() {
        return (None, 1);
    }
    let all = list.len();
    let kept = list
        .iter()
        .filter_map(|one| by_json(one, |json| scrubbing.scrub_any(json)));
    let kept: Vec<T> = kept.collect();
    let lost = all - kept.len();
    ((!kept.is_empty()).then(|| kept.into()), lost)
}

fn by_json<T: Serialize + DeserializeOwned>(item: &T, scrub: impl Fn(&mut Value)) -> Option<T> {
    let mut json = serde_json::to_value(item).ok()?;
    scrub(&mut json);
    read(json)
}

/// Renames the fields of the application's that are called `type`. In JSON, the type of a context has the same name.
fn rename_types<'c>(contexts: impl Iterator<Item = &'c mut Context>) {
    let others = contexts.filter_map(|context| match context {
        Context::Other(fields) => Some(fields),
        Context::Device(device) => Some(&mut device.other),
        Context::Os(os) => Some(&mut os.other),
        Context::Runtime(runtime) => Some(&mut runtime.other),
        Context::App(app) => Some(&mut app.other),
        Context::Browser(browser) => Some(&mut browser.other),
        Context::Gpu(gpu) => Some(&mut gpu.other),
        Context::Otel(otel) => Some(&mut otel.other),
        _ => None,
    });
    for fields in others {
        if let Some(value) = fields.remove("type") {
            let mut name = "type_".to_owned();
            while fields.contains_key(&name) {
                name.push('_');
            }
            fields.insert(name, value);
        }
    }
}

/// An attachment that is text is scrubbed. Any other is dropped, since it cannot be scrubbed.
fn scrubbed_attachment(attachment: Attachment, scrubbing: &Scrubbing) -> Option<Attachment> {
    let text = String::from_utf8(attachment.buffer).ok()?;
    if !scrubbing.keeps_free_text() {
        return None;
    }
    // An attachment can be JSON.
    let without_secrets = |text: String| by_json(&text, |json| scrubbing.scrub_any(json));
    Some(Attachment {
        buffer: without_secrets(text)?.into_bytes(),
        filename: without_secrets(attachment.filename)?,
        content_type: match attachment.content_type {
            Some(kind) => Some(without_secrets(kind)?),
            None => None,
        },
        ty: attachment.ty,
    })
}

/// The event with its message in the field of Sentry's schema. The SDK uses an older name, which a strict server refuses.
fn in_schema(mut event: Event<'static>) -> Event<'static> {
    if let Some(message) = event.message.take() {
        event.logentry.get_or_insert_with(|| LogEntry {
            message,
            ..LogEntry::default()
        });
    }
    event
}
