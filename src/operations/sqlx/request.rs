//! Finds the request of a query, or the run of a job, that runs on a thread of the database, as with SQLite: such a thread enters
//! the span of the code that asked for it.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id},
};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use crate::facts::{
    current::{EnterMode, Entered},
    exchange::Exchange,
};

/// The exchange of a span. The exchange has the span, so the span does not keep it.
struct Of(Weak<Exchange>);

/// Whether queries ran on other threads than their requests. Until then, no span is told its exchange: that costs each request
/// an allocation.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(AtomicBool);

// === impl Elsewhere ===

impl Elsewhere {
    /// Notes the exchange of a new span.
    pub(super) fn note<S>(&self, attributes: &Attributes<'_>, id: &Id, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        if self.0.load(Relaxed)
            && is_of_request(attributes.metadata())
            && let Some(exchange) = Exchange::current()
            && let Some(span) = ctx.span(id)
        {
            span.extensions_mut().replace(Of(Arc::downgrade(&exchange)));
        }
    }

    /// The exchange of the query of this event.
    pub(super) fn request<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
    ) -> Option<Arc<Exchange>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        if let Some(current) = Exchange::current() {
            return Some(current);
        }
        let span = ctx
            .event_scope(event)?
            .find(|span| is_of_request(span.metadata()))?;
        self.0.store(true, Relaxed);
        let extensions = span.extensions();
        extensions.get::<Of>()?.0.upgrade()
    }
}

/// Runs `report` with this as its current exchange. What it leaves there, such as a breadcrumb, is the request's.
pub(super) fn within(exchange: Option<&Arc<Exchange>>, report: impl FnOnce()) {
    let mut lent = None;
    let _entered = exchange.map(|exchange| Entered::new(exchange, &mut lent, EnterMode::Run));
    report();
}

/// Whether this is the span that this crate opens around a request, or around a run of a job.
fn is_of_request(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "tower_vitals" && matches!(metadata.name(), "request" | "job")
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, thread};

    use tokio::time::Instant;
    use tracing::{Dispatch, Span, dispatcher, info, info_span};
    use tracing_subscriber::{Layer, layer::SubscriberExt, registry};

    use super::*;
    use crate::facts::labels::MethodLabel;

    #[derive(Clone, Default)]
    struct Finds {
        elsewhere: Arc<Elsewhere>,
        found: Arc<Mutex<Vec<Option<Arc<Exchange>>>>>,
    }

    impl<S> Layer<S> for Finds
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
            self.elsewhere.note(attributes, id, &ctx);
        }

        fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
            let found = self.elsewhere.request(event, &ctx);
            self.found.lock().unwrap().push(found);
        }
    }

    fn exchange() -> Arc<Exchange> {
        Arc::new(Exchange::begun(Instant::now(), MethodLabel::OTHER))
    }

    #[test]
    fn a_query_on_another_thread_finds_its_request_from_the_second_one_on() {
        let finds = Finds::default();
        let subscriber = Dispatch::new(registry().with(finds.clone()));
        let on_other_thread = |span: &Span| {
            thread::scope(|scope| {
                scope.spawn(|| {
                    dispatcher::with_default(&subscriber, || span.in_scope(|| info!("q")))
                });
            });
        };
        let (first, second, third) = (exchange(), exchange(), exchange());
        dispatcher::with_default(&subscriber, || {
            info!("of no request");
            first.run(|| info!("in its own task"));
            let request = || info_span!(target: "tower_vitals", "request");
            let job = || info_span!(target: "tower_vitals", "job");
            let opened: [(_, &dyn Fn() -> Span); 3] =
                [(&first, &request), (&second, &request), (&third, &job)];
            for (exchange, open) in opened {
                let outer = exchange.run(open);
                let inner = info_span!(parent: &outer, "of the application");
                on_other_thread(&inner);
            }
            on_other_thread(&info_span!("of no request"));
        });
        let found = finds.found.lock().unwrap();
        let is = |found: &Option<Arc<Exchange>>, wanted: &Arc<Exchange>| {
            found
                .as_ref()
                .is_some_and(|found| Arc::ptr_eq(found, wanted))
        };
        assert!(found[0].is_none() && is(&found[1], &first));
        assert!(found[2].is_none(), "the first one");
        assert!(is(&found[3], &second) && is(&found[4], &third));
        assert!(found[5].is_none());
        let weak = Arc::downgrade(&second);
        drop((found, second));
        finds.found.lock().unwrap().clear();
        assert!(weak.upgrade().is_none(), "no span keeps it");
    }
}
