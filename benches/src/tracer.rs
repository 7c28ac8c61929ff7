//! Installs a tracer of OpenTelemetry whose spans end nowhere.

use std::time::Duration;

use opentelemetry::{Context, trace::TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tracing_subscriber::layer::SubscriberExt;

use crate::ours;

/// Takes each span, and drops it.
#[derive(Debug)]
struct Discard;

pub(crate) fn install() {
    let provider = SdkTracerProvider::builder().with_span_processor(Discard);
    let tracer = provider.build().tracer("benches");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    ours::install(tracing_subscriber::registry().with(layer));
}

// === impl Discard ===

impl SpanProcessor for Discard {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
