//! Holds the trace of which a request is a part, as W3C Trace Context defines it.

pub(crate) mod caller;
#[cfg_attr(not(feature = "opentelemetry"), path = "trace_context/otel/off.rs")]
pub(crate) mod otel;
mod state;

use http::{HeaderMap, HeaderName, HeaderValue};

use self::caller::Ids;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
pub(crate) const B3: HeaderName = HeaderName::from_static("b3");
pub(crate) const SENTRY_TRACE: HeaderName = HeaderName::from_static("sentry-trace");

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// The bytes of a `traceparent` of version 0.
const LENGTH: usize = 55;

/// The trace of which a request is a part, and the span that the request is in it.
///
/// [`TraceContextLayer`](crate::TraceContextLayer) makes it. See [`Exchange::trace`](crate::exchange::Exchange::trace).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// `00-<trace id>-<span id>-<flags>`.
    text: [u8; LENGTH],
    /// The span of the caller.
    parent: Option<[u8; 8]>,
    state: Option<HeaderValue>,
    /// Outbound requests have header `b3`, too.
    pub(crate) b3: bool,
}

// === impl TraceContext ===

impl TraceContext {
    /// The id of the trace: 32 hexadecimal digits in small letters.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.part(3, 35)
    }

    /// The id of the span of this request: 16 hexadecimal digits in small letters.
    #[must_use]
    pub fn span_id(&self) -> &str {
        self.part(36, 52)
    }

    /// Whether the caller, or who began the trace, records it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags() & SAMPLED != 0
    }

    /// The value of header `traceparent` for requests that are sent on behalf of this one.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        self.part(0, LENGTH)
    }

    /// Continues the trace of the caller, if the headers of a request name one.
    pub(crate) fn of_caller(headers: &HeaderMap, read_b3: bool) -> Option<Self> {
        // `tracestate` belongs to `traceparent`, and says nothing of a trace in another header.
        let of_w3c = Ids::of_w3c(headers).map(|ids| Self::continued(&ids, state::read(headers)));
        let of_others = || Ids::of_others(headers, read_b3).map(|ids| Self::continued(&ids, None));
        of_w3c.or_else(of_others)
    }

    /// Continues the trace of the caller with a span of its own.
    fn continued(caller: &Ids, state: Option<HeaderValue>) -> Self {
        let mut trace = Self::new(caller.trace_id, new_span_id(), caller.flags);
        trace.parent = Some(caller.span_id);
        trace.state = state;
        trace
    }

    /// Begins a trace.
    pub(crate) fn begun(sampled: bool) -> Self {
        let trace_id = fastrand::u128(1..).to_be_bytes();
        Self::new(trace_id, new_span_id(), u8::from(sampled) * SAMPLED)
    }

    /// The trace with these ids, which someone else has made.
    pub(crate) fn new(trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], &trace_id);
        write_hex(&mut text[36..52], &span_id);
        write_hex(&mut text[53..], &[flags]);
        Self {
            text,
            parent: None,
            state: None,
            b3: false,
        }
    }

    /// The ids of the caller, if the trace is the caller's.
    pub(crate) fn caller(&self) -> Option<Ids> {
        let span_id = self.parent?;
        let mut caller = Ids::traceparent(self.traceparent())?;
        caller.span_id = span_id;
        Some(caller)
    }

    pub(crate) fn ids(&self) -> Option<Ids> {
        Ids::traceparent(self.traceparent())
    }

    /// The members that other tracers have added, as the caller sent them.
    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_ref().and_then(|state| state.to_str().ok())
    }

    pub(crate) fn with_state(mut self, state: Option<HeaderValue>) -> Self {
        self.state = state;
        self
    }

    pub(crate) fn with_b3(mut self, b3: bool) -> Self {
        self.b3 = b3;
        self
    }

    pub(crate) fn traceparent_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.text).ok()
    }

    /// Puts the trace on an outbound request. A trace that the request already names stays.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        if headers.contains_key(TRACEPARENT) {
            return;
        }
        if let Some(value) = self.traceparent_value() {
            let _ = headers.try_insert(TRACEPARENT, value);
        }
        // What stands there belongs to a trace that the request does not name.
        headers.remove(TRACESTATE);
        if let Some(state) = &self.state {
            let _ = headers.try_insert(TRACESTATE, state.clone());
        }
        if self.b3 && !headers.contains_key(B3) {
            let (trace, span) = (self.trace_id(), self.span_id());
            let sampled = u8::from(self.is_sampled());
            if let Ok(value) = HeaderValue::try_from(format!("{trace}-{span}-{sampled}")) {
                let _ = headers.try_insert(B3, value);
            }
        }
    }

    fn flags(&self) -> u8 {
        u8::from_str_radix(self.part(53, LENGTH), 16).unwrap_or(0)
    }

    fn part(&self, begin: usize, end: usize) -> &str {
        // All of it is ASCII.
        str::from_utf8(&self.text[begin..end]).unwrap_or_default()
    }
}

fn new_span_id() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}

fn write_hex(to: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in to.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}
