//! Remembers the last finished exchanges.

use std::{
    collections::VecDeque,
    fmt::{self},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};

/// How many finished exchanges `/debug/last` remembers.
const REMEMBERED: usize = 10_000;

/// The last finished exchanges, read from their log events.
#[derive(Clone, Default)]
pub(crate) struct Last(Arc<Mutex<VecDeque<Value>>>);

/// The fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Last {
    pub(crate) fn lines(&self, n: usize) -> String {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = last.len().saturating_sub(n);
        last.iter()
            .skip(skipped)
            .map(|line| format!("{line}\n"))
            .collect()
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Last {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() != "tower_vitals" {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        // Functions, queries and jobs have events, too.
        if fields.0.get("message") != Some(&"request".into()) {
            return;
        }
        let mut take = |name: &str| fields.0.remove(name).unwrap_or(Value::Null);
        let line = json!({
            "id": take("request_id"),
            "method": take("method"),
            "path": take("path"),
            "endpoint": take("endpoint"),
            "status": take("status"),
            "grpc_status": take("grpc_status"),
            "outcome": take("outcome"),
            "severity": take("severity"),
            "category": take("category"),
            "external_service": take("external_service"),
            "head_ms": take("head_ms"),
            "total_ms": take("total_ms"),
            // The event has it only if the service waited.
            "wait_ms": match take("wait_ms") {
                Value::Null => 0.0.into(),
                waited => waited,
            },
            "bytes": take("bytes"),
            "user": take("user_id"),
            "tenant": take("tenant_id"),
        });
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(line);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }

    /// The layer records its message in this way, and no other field.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.insert("message".into(), format!("{value:?}").into());
        }
    }
}
