//! Sends requests through two services of ours, which export to a collector and to Sentry, and looks for one trace.

use std::{net, thread, time::Duration};

use axum::{Router, routing::get};
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::Value;
use tokio::{net::TcpListener, runtime, sync::oneshot};
use tonic::{Code, transport::Endpoint};
use tower::{Layer, ServiceExt};
use tower_vitals::{
    TraceContextLayer, Vitals,
    logging::{self, Format},
    request_id::ForwardRequestIdLayer,
    sentry::SentryOptions,
};
use tracing::Instrument;
use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt};

use crate::{
    collector::Collector,
    dsn::{Answer, Dsn},
    generated::{Req, probe_client::ProbeClient},
    lines::{Written, lines},
    probe,
    programs::eventually,
};

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const SPAN: &str = "7b9a5d1fd0d42a88";

const LONG: Duration = Duration::from_secs(10);

/// A service on a thread with a subscriber of its own, as if it had a process of its own.
struct Service {
    address: net::SocketAddr,
    lines: Written,
    sentry: Dsn,
    vitals: Vitals,
    tracers: Option<SdkTracerProvider>,
    /// The service ends when this is dropped.
    _running: oneshot::Sender<()>,
}

/// The ids in a transaction or an event of Sentry, with the name of a transaction.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Traced {
    name: String,
    span: String,
    parent: String,
}

// === impl Service ===

impl Service {
    /// Starts a service. Without a collector its subscriber has no OpenTelemetry layer.
    fn start(name: &'static str, collector: Option<&Collector>, app: Router) -> Self {
        let sentry = Dsn::start(Answer::Status(200));
        let options = SentryOptions::new(&sentry.url()).unwrap();
        let vitals = Vitals::builder()
            .isolated()
            .service_name(name)
            .sentry(options.transactions().sample_rate(1.0).unwrap())
            .trace_context(TraceContextLayer::new())
            .span()
            .grpc_descriptors(probe::DESCRIPTORS)
            .unwrap()
            .build()
            .unwrap();
        let lines = Written::default();
        let written = lines.clone();
        let tracers = collector.map(|collector| collector.tracers(name));
        let spans = tracers.as_ref().map(|tracers| {
            let tracer = tracers.tracer("test");
            tracing_opentelemetry::layer().with_tracer(tracer)
        });
        let subscriber = tracing_subscriber::registry()
            .with(logging::layer(Format::Json, move || written.clone(), false))
            .with(spans)
            // Without the spans and the lines of hyper's own parts.
            .with(LevelFilter::INFO);
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.layer(vitals.layer());
        let (running, ended) = oneshot::channel();
        thread::spawn(move || {
            let _guard = tracing::subscriber::set_default(subscriber);
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    ended = axum::serve(listener, app).into_future() => ended.unwrap(),
                    _ = ended => {}
                }
            });
        });
        Self {
            address,
            lines,
            sentry,
            vitals,
            tracers,
            _running: running,
        }
    }

    /// Sends a request, of which a caller with its trace may be the origin.
    async fn ask(&self, caller: Option<&str>) {
        let client = reqwest::Client::new();
        let request = client.get(format!("http://{}/orders/7", self.address));
        let request = match caller {
            Some(caller) => request.header("traceparent", caller),
            None => request,
        };
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    fn flush(&self) {
        if let Some(tracers) = &self.tracers {
            tracers.force_flush().unwrap();
        }
    }

    /// The one trace of the `n` lines since the last call, and their messages with their spans.
    fn lines(&self, n: usize) -> (String, Vec<(String, String)>) {
        let mut all = Vec::new();
        eventually("the service has written its lines", || {
            all.extend(lines(&self.lines));
            (all.len() >= n).then_some(())
        });
        let trace = text(&all[0]["trace_id"]);
        let mut shown: Vec<_> = all
            .iter()
            .map(|line| {
                assert_eq!(line["trace_id"], trace, "{line}");
                (text(&line["message"]), text(&line["span_id"]))
            })
            .collect();
        shown.sort_unstable();
        (trace, shown)
    }

    /// The `n` transactions, or events, of this trace that Sentry was sent.
    fn sent(&self, kind: &str, n: usize, trace: &str) -> Vec<Traced> {
        let mut all = eventually("Sentry has all of the trace", || {
            self.vitals.flush(LONG);
            let items = self.sentry.items(kind).into_iter().filter_map(|item| {
                let context = &item["contexts"]["trace"];
                (context["trace_id"] == trace).then(|| Traced {
                    name: text(&item["transaction"]),
                    span: text(&context["span_id"]),
                    parent: text(&context["parent_span_id"]),
                })
            });
            let items: Vec<_> = items.collect();
            (items.len() >= n).then_some(items)
        });
        all.sort_unstable();
        all
    }
}

/// Empty if there is none.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Is asked over HTTP, where it finds what it is asked for, and by gRPC, where it fails.
fn back() -> Router {
    Router::new()
        .route("/items/{id}", get(async || tracing::info!("looking")))
        .route_service(probe::ROUTE, probe::service())
}

/// Asks the other service over HTTP in a span of its own, and then by gRPC.
fn front(back: net::SocketAddr) -> Router {
    let forward = ForwardRequestIdLayer::new();
    let http = forward.layer(reqwest::Client::new());
    let url: reqwest::Url = format!("http://{back}/items/7").parse().unwrap();
    let channel = Endpoint::from_shared(format!("http://{back}")).unwrap();
    let mut grpc = ProbeClient::new(forward.layer(channel.connect_lazy()));
    let handler = async move || {
        tracing::info!("asking");
        let request = reqwest::Request::new(reqwest::Method::GET, url);
        let span = tracing::info_span!("ask for the item", otel.kind = "client");
        let item = http.oneshot(request).instrument(span).await.unwrap();
        assert_eq!(item.status(), 200);
        let request = Req {
            status: Some(13),
            ..Req::default()
        };
        let refused = grpc.unary(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Internal);
    };
    Router::new().route("/orders/{id}", get(handler))
}

fn callers() -> [Option<String>; 2] {
    [None, Some(format!("00-{TRACE}-{SPAN}-01"))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PYTHON (default python3) with rotel; .ci/run makes one"]
async fn a_collector_and_sentry_see_one_trace_through_two_services_over_http_and_grpc() {
    let collector = Collector::start().await;
    let back = Service::start("back", Some(&collector), back());
    let front = Service::start("front", Some(&collector), front(back.address));
    for caller in callers() {
        front.ask(caller.as_deref()).await;
        let spans = collector.spans(4, || {
            back.flush();
            front.flush();
        });
        let caller = caller.map_or("", |_| SPAN);
        let shown = |id: &str| {
            let mut all = spans.iter();
            let known = all.find(|span| span.id == id);
            known.map_or_else(|| id.to_owned(), |span| span.name.clone())
        };
        let mut tree: Vec<_> = spans
            .iter()
            .map(|span| {
                let names = (&*span.service, &*span.name);
                (names, span.kind, shown(&span.parent), span.failed)
            })
            .collect();
        tree.sort_unstable();
        let order = "GET /orders/{id}";
        let ask = "ask for the item";
        let item = "GET /items/{id}";
        let call = "POST /conformance.v1.Probe/Unary";
        let expected = [
            (("back", item), SpanKind::Server, ask.to_owned(), false),
            (("back", call), SpanKind::Server, order.to_owned(), true),
            (("front", order), SpanKind::Server, caller.to_owned(), false),
            (("front", ask), SpanKind::Client, order.to_owned(), false),
        ];
        assert_eq!(tree, expected);
        let trace = &*spans[0].trace;
        assert!(spans.iter().all(|span| span.trace == trace), "{spans:?}");
        assert!(caller.is_empty() || trace == TRACE);

        let id = |name: &str| {
            let mut all = spans.iter();
            all.find(|span| span.name == name).unwrap().id.clone()
        };
        let line = |message: &str, span: &str| (message.to_owned(), id(span));
        let expected = [line("asking", order), line("request", order)];
        assert_eq!(front.lines(2), (trace.to_owned(), expected.into()));
        let mut expected = vec![
            line("looking", item),
            line("request", item),
            line("request", call),
        ];
        expected.sort_unstable();
        assert_eq!(back.lines(3), (trace.to_owned(), expected));

        let sent = back.sent("transaction", 2, trace);
        let traced = |name: &str, span: &str, parent: &str| Traced {
            name: name.to_owned(),
            span: id(span),
            parent: parent.to_owned(),
        };
        let expected = [
            traced("/conformance.v1.Probe/Unary", call, &id(order)),
            traced("/items/{id}", item, &id(ask)),
        ];
        assert_eq!(sent, expected);
        assert_eq!(back.sent("event", 1, trace).len(), 1);
        let sent = front.sent("transaction", 1, trace);
        assert_eq!(sent, [traced("/orders/{id}", order, caller)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentry_alone_sees_one_trace_through_two_services_over_http_and_grpc() {
    let back = Service::start("back", None, back());
    let front = Service::start("front", None, front(back.address));
    for caller in callers() {
        front.ask(caller.as_deref()).await;
        let (trace, lines) = front.lines(2);
        let span = &*lines[0].1;
        assert!(lines.iter().all(|line| line.1 == span), "{lines:?}");
        assert_eq!(back.lines(3).0, trace);
        assert!(caller.is_none() || trace == TRACE);
        let sent = front.sent("transaction", 1, &trace);
        let [order] = &sent[..] else {
            panic!("{sent:?}")
        };
        assert_eq!((&*order.name, &*order.span), ("/orders/{id}", span));
        assert_eq!(order.parent, caller.map_or("", |_| SPAN));
        let sent = back.sent("transaction", 2, &trace);
        let sent: Vec<_> = sent
            .iter()
            .map(|sent| (&*sent.name, &*sent.parent))
            .collect();
        let expected = [("/conformance.v1.Probe/Unary", span), ("/items/{id}", span)];
        assert_eq!(sent, expected);
        assert_eq!(back.sent("event", 1, &trace).len(), 1);
    }
}
