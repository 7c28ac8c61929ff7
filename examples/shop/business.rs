//! Counts what only the business knows, through the `metrics` facade, under the names that monitoring guides use.
//!
//! What a service does by itself has names of this crate, which stand for others that the guides use:
//!
//! | guide | here |
//! | --- | --- |
//! | `api_calls_groq_success`, `api_calls_groq_failure`, and so for each service | `external_calls_total{service="groq",outcome}` |
//! | `api_duration_ms_groq` | `external_call_duration_seconds{service="groq"}` |
//! | `{endpoint}_duration_ms` | `http_request_duration_seconds{endpoint}` |
//! | `errors_total` by type | `errors_total{category,endpoint}` |
//! | `error_rate_percent` | `Traffic::error_rate` of the statistics |
//! | `memory_usage_bytes`, `memory_usage_percent` | the same, with `process_metrics()` |
//! | `circuit_breaker_open_count` | the same |
//! | `celery_queue_length` | `job_queue_length{queue}` |
//! | `http_requests_total`, `http_request_duration_seconds` | the same |
//! | `db_connection_pool_size`, `db_query_duration_seconds` | the same |

use std::{future::Future, time::Duration};

use metrics::{counter, gauge, histogram};
use tokio::time::Instant;
use tower_vitals::operations::{CallOutcome, record_call};

/// The tenant whose shop it is. The number of tenants must be bounded, since each makes series of its own.
const TENANT: &str = "acme";

/// A customer begins to look around.
pub(crate) fn session_started() {
    counter!("sessions_started").increment(1);
    gauge!("active_conversations", "tenant_id" => TENANT).increment(1.0);
}

/// A customer looks at a product.
pub(crate) fn viewed(product: u32) {
    // Beyond 2,000 label sets the others are counted together.
    let product = product.to_string();
    let labels = [
        ("tenant_id", TENANT.to_owned()),
        ("product_id", product),
        ("channel", "web".to_owned()),
    ];
    counter!("product_views_total", &labels).increment(1);
    // One in ten asks by voice, which another service understands.
    if fastrand::u8(..10) == 0 {
        asked_by_voice();
    }
}

fn asked_by_voice() {
    let millis = fastrand::u64(100..300);
    counter!("voice_requests_total").increment(1);
    histogram!("voice_audio_size_bytes").record(fastrand::f64() * 100_000.0);
    histogram!("voice_processing_duration_ms").record(millis as f64);
    // A kit that does not go through a client of ours is counted after the fact.
    let duration = Duration::from_millis(millis);
    record_call("elevenlabs", CallOutcome::Success, duration);
}

/// A customer orders, and pays.
pub(crate) async fn ordered<T, E>(payment: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let begun = Instant::now();
    let paid = payment.await;
    let took = begun.elapsed().as_secs_f64();
    let status = if paid.is_ok() { "success" } else { "failure" };
    let provider = [("provider", "payments")];
    histogram!("payment_processing_duration_seconds", &provider).record(took);
    let labels = [
        ("tenant_id", TENANT),
        ("provider", "payments"),
        ("status", status),
    ];
    counter!("payments_processed_total", &labels).increment(1);
    histogram!("workflow_duration_ms").record(took * 1_000.0);
    if paid.is_ok() {
        counter!("workflow_executions_success").increment(1);
        let labels = [("tenant_id", TENANT), ("channel", "web")];
        counter!("orders_created_total", &labels).increment(1);
    } else {
        counter!("workflow_executions_failure").increment(1);
    }
    paid
}

/// An order is packed, and the customer hears of it. That ends a session now and then.
pub(crate) fn packed() {
    let labels = [("tenant_id", TENANT), ("type", "outbound")];
    counter!("messages.sent", &labels).increment(1);
    if fastrand::u8(..10) == 0 {
        counter!("session_cleanup_count").increment(1);
        gauge!("active_conversations", "tenant_id" => TENANT).decrement(1.0);
    }
}
