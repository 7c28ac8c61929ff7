//! Gives each request its place in a trace, and a span around it.

mod context;
mod opentelemetry;
mod sentry;
mod spans;

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const SPAN: &str = "7b9a5d1fd0d42a88";

/// The trace and the span in the value of a `traceparent`.
fn ids(traceparent: &str) -> (&str, &str) {
    let parts: Vec<_> = traceparent.split('-').collect();
    let ["00", trace, span, _] = parts[..] else {
        panic!("{traceparent}")
    };
    (trace, span)
}
