//! Makes Sentry's breadcrumbs, events and spans of what the application logs, and nothing of what this crate logs.

use sentry::integrations::tracing::{BreadcrumbLayer, ErrorLayer, SpanLayer};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// A layer for the application's `tracing` subscriber, with the defaults of Sentry's own layer: events at `INFO` and `WARN` are
/// breadcrumbs, events at `ERROR` are errors, and spans at `INFO` and above are spans of Sentry.
///
/// Unlike that layer it leaves out what this crate logs: failures are reported anyway, and with their cause. So a request that
/// goes well costs about what it costs without the layer. With Sentry's own layer the log event of each request is a breadcrumb, which
/// costs some 15,000 instructions.
///
/// ```
/// use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
///
/// tracing_subscriber::registry()
///     .with(tower_vitals::logging::from_env()?)
///     .with(tower_vitals::sentry::tracing_layer())
///     .try_init()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "logging")))]
pub fn tracing_layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // The answer is the same for each event of one place, so `tracing` asks once for each place.
    let breadcrumbs =
        filter_fn(|event| is_foreign(event) && matches!(*event.level(), Level::INFO | Level::WARN));
    let errors = filter_fn(|event| is_foreign(event) && *event.level() == Level::ERROR);
    let spans = filter_fn(|span| is_foreign(span) && *span.level() <= Level::INFO);
    BreadcrumbLayer::new()
        .with_filter(breadcrumbs)
        .and_then(ErrorLayer::new().with_filter(errors))
        .and_then(SpanLayer::new().with_filter(spans))
}

fn is_foreign(metadata: &Metadata<'_>) -> bool {
    metadata.target().split("::").next() != Some("tower_vitals")
}
