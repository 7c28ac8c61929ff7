//! Starts rotel, a collector of OpenTelemetry, and receives what it sends on.

use std::{
    env,
    io::Read,
    mem,
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::header, routing::post};
use flate2::read::GzDecoder;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    resource::v1::Resource as SentResource,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use prost::Message;

use crate::{
    programs::{Running, eventually, free_port::free_port},
    servers::serve,
};

/// A running collector.
pub(crate) struct Collector {
    port: u16,
    sent_on: SentOn,
    _running: Running,
}

/// A span that the collector has sent on.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for the first span of a trace.
    pub(crate) parent: String,
    pub(crate) failed: bool,
}

type SentOn = Arc<Mutex<Vec<Collected>>>;

// === impl Collector ===

impl Collector {
    /// Starts rotel. It takes spans by gRPC, and sends them on over HTTP.
    pub(crate) async fn start() -> Self {
        let sent_on = SentOn::default();
        let sink = Router::new()
            .route("/v1/traces", post(keep))
            .with_state(Arc::clone(&sent_on));
        let sink = serve(sink).await;
        let port = free_port();
        let child = Command::new(agent())
            .env_clear()
            .arg("start")
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{port}")])
            .args([
                "--otlp-http-endpoint",
                &format!("127.0.0.1:{}", free_port()),
            ])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &format!("http://{sink}")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running(child);
        eventually("rotel listens", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            port,
            sent_on,
            _running: running,
        }
    }

    /// What makes the spans of a service and exports them to this collector.
    pub(crate) fn tracers(&self, service: &'static str) -> SdkTracerProvider {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://127.0.0.1:{}", self.port))
            .build()
            .unwrap();
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder().with_service_name(service).build())
            .build()
    }

    /// The spans since the last call, once there are `n` of them.
    pub(crate) fn spans(&self, n: usize, flush: impl Fn()) -> Vec<Collected> {
        eventually("the collector has sent all spans on", || {
            flush();
            let mut spans = self.sent_on.lock().unwrap();
            (spans.len() >= n).then(|| mem::take(&mut *spans))
        })
    }
}

/// The program in the package of PyPI.
fn agent() -> PathBuf {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script =
        "import pathlib, rotel; print(pathlib.Path(rotel.__file__).with_name('rotel-agent'))";
    let asked = Command::new(python).args(["-c", script]).output().unwrap();
    assert!(asked.status.success(), "rotel is not installed: {asked:?}");
    String::from_utf8(asked.stdout).unwrap().trim().into()
}

async fn keep(
    State(sent_on): State<SentOn>,
    body: Bytes,
) -> [(header::HeaderName, &'static str); 1] {
    // It compresses whatever its settings say.
    let mut bytes = Vec::new();
    GzDecoder::new(&*body).read_to_end(&mut bytes).unwrap();
    let request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
    let mut sent_on = sent_on.lock().unwrap();
    for of_service in request.resource_spans {
        let service = name(&of_service.resource.unwrap());
        let spans = of_service.scope_spans.into_iter();
        let spans = spans.flat_map(|of_scope| of_scope.spans);
        sent_on.extend(spans.map(|span| Collected::new(&service, &span)));
    }
    [(header::CONTENT_TYPE, "application/x-protobuf")]
}

fn name(resource: &SentResource) -> String {
    let mut all = resource.attributes.iter();
    let name = all.find(|attribute| attribute.key == "service.name");
    let value = name.and_then(|name| name.value.as_ref()?.value.clone());
    let Some(Value::StringValue(name)) = value else {
        panic!("{resource:?}")
    };
    name
}

// === impl Collected ===

impl Collected {
    fn new(service: &str, span: &Span) -> Self {
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect();
        let status = span.status.as_ref().map(|status| status.code());
        Self {
            service: service.to_owned(),
            name: span.name.clone(),
            kind: span.kind(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            failed: status == Some(StatusCode::Error),
        }
    }
}
