//! Reads the trace that the caller names, and names it in events that no span of the application is around.

use std::sync::Arc;

use sentry::{
    Hub,
    protocol::{Context, Event, SpanId, TraceContext, TraceId},
};

use super::shown_request;
use crate::facts::sentry_data::SentryData;

/// The ids of the trace of which the request is a part, as the caller names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallersTrace {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

/// The trace in `sentry-trace`, else in `traceparent`. Only the ids are taken: whether the caller samples is its own matter.
pub(super) fn of_caller(sentry: &SentryData) -> Option<CallersTrace> {
    read(shown_request::traces(sentry))
}

fn read([of_sentry, of_w3c]: [Option<&str>; 2]) -> Option<CallersTrace> {
    let of_sentry = of_sentry.and_then(sentry_trace);
    of_sentry.or_else(|| of_w3c.and_then(traceparent))
}

/// Names the caller's trace in an event, or one of the request's own. The trace of a span stays.
///
/// The trace that a hub has without a span is that of the hub from which it was made, so other requests have it too.
pub(super) fn name(event: &mut Event<'static>, sentry: &SentryData) {
    let of_event = match event.contexts.get("trace") {
        Some(Context::Trace(trace)) => Some(trace.trace_id),
        _ => None,
    };
    if of_event.is_some() && of_event != of_hub(&sentry.hub) {
        return;
    }
    let trace = match (&sentry.transaction, of_caller(sentry)) {
        // What captured the event has put the span of the transaction aside.
        (Some(transaction), _) => transaction.get_trace_context(),
        (None, Some(caller)) => TraceContext {
            trace_id: caller.trace_id,
            parent_span_id: Some(caller.span_id),
            ..TraceContext::default()
        },
        (None, None) => TraceContext {
            trace_id: *sentry.trace.get_or_init(TraceId::default),
            ..TraceContext::default()
        },
    };
    let trace = Context::Trace(Box::new(trace));
    event.contexts.insert("trace".into(), trace);
}

/// The trace of a hub without its span. The SDK shows it in outgoing headers only.
fn of_hub(hub: &Arc<Hub>) -> Option<TraceId> {
    Hub::new_from_top(hub).configure_scope(|scope| {
        scope.set_span(None);
        let mut headers = scope.iter_trace_propagation_headers();
        let (_, value) = headers.find(|(name, _)| *name == "sentry-trace")?;
        sentry_trace(&value).map(|trace| trace.trace_id)
    })
}

/// `<trace>-<span>`, and perhaps `-0`, `-1` or `-`.
fn sentry_trace(value: &str) -> Option<CallersTrace> {
    let value = value.trim();
    let (ids, sampled) = value.split_at_checked(49)?;
    matches!(sampled, "" | "-" | "-0" | "-1")
        .then(|| ids_of(ids))
        .flatten()
}

/// `<version>-<trace>-<span>-<flags>`, in small letters. Versions after the first may have more.
fn traceparent(value: &str) -> Option<CallersTrace> {
    let value = value.trim();
    let (version, rest) = value.split_at_checked(2)?;
    let (ids, flags) = rest.strip_prefix('-')?.split_at_checked(49)?;
    let (flags, more) = flags.strip_prefix('-')?.split_at_checked(2)?;
    let is_small_hex = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
    };
    let ends_well = more.is_empty() || (version != "00" && more.starts_with('-'));
    let is_well_formed = hex::<1>(version).is_some_and(|version| version != [0xff])
        && hex::<1>(flags).is_some()
        && [version, ids, flags].into_iter().all(is_small_hex);
    (is_well_formed && ends_well).then(|| ids_of(ids)).flatten()
}

/// Two ids with `-` between them. An id of zeros is none.
fn ids_of(text: &str) -> Option<CallersTrace> {
    let (trace, span) = text.split_once('-')?;
    let (trace, span) = (hex::<16>(trace)?, hex::<8>(span)?);
    (trace != [0; 16] && span != [0; 8]).then(|| CallersTrace {
        trace_id: trace.into(),
        span_id: span.into(),
    })
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "771a43a4192642f0b136d5159a501700";
    const SPAN: &str = "7b9a5d1fd0d42a88";

    #[test]
    fn the_ids_of_the_caller_are_read_strictly() {
        let both = Some((TRACE.to_owned(), SPAN.to_owned()));
        let zeros = "0".repeat(32);
        for (name, value, expected) in [
            ("sentry-trace", format!("{TRACE}-{SPAN}"), true),
            ("sentry-trace", format!("{TRACE}-{SPAN}-1"), true),
            ("sentry-trace", format!("{TRACE}-{SPAN}-0"), true),
            ("sentry-trace", format!("{TRACE}-{SPAN}-yes"), false),
            ("sentry-trace", format!("{TRACE}{SPAN}-"), false),
            ("sentry-trace", format!("{zeros}-{SPAN}"), false),
            ("sentry-trace", format!("{TRACE}-{}", &zeros[..16]), false),
            ("sentry-trace", TRACE.to_owned(), false),
            ("sentry-trace", format!("é{}", &TRACE[..20]), false),
            ("traceparent", format!("00-{TRACE}-{SPAN}-01"), true),
            ("traceparent", format!("cc-{TRACE}-{SPAN}-00-more"), true),
            ("traceparent", format!("00-{TRACE}-{SPAN}-00-more"), false),
            ("traceparent", format!("ff-{TRACE}-{SPAN}-00"), false),
            ("traceparent", format!("00-{TRACE}-{SPAN}"), false),
            ("traceparent", format!("00-{TRACE}-{SPAN}-0x"), false),
            (
                "traceparent",
                format!("00-{TRACE}-{SPAN}-01").to_uppercase(),
                false,
            ),
        ] {
            let headers = match name {
                "traceparent" => [None, Some(&*value)],
                _ => [Some(&*value), None],
            };
            let ids =
                read(headers).map(|trace| (trace.trace_id.to_string(), trace.span_id.to_string()));
            assert_eq!(ids, both.clone().filter(|_| expected), "{name}: {value}");
        }
        let own = format!("00-{}-{SPAN}-01", "1".repeat(32));
        let of_sentry = format!("{TRACE}-{SPAN}");
        let both_named = read([Some(&of_sentry), Some(&own)]).unwrap();
        assert_eq!(both_named.trace_id.to_string(), TRACE);
        assert!(read([Some("garbage"), Some(&own)]).is_some());
    }
}
