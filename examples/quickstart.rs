//! An order service with its vital signs: one layer, one router.
//!
//! Run `cargo run --example quickstart`, then what it prints. `PORT` changes the port, `LOG_FORMAT=json` the format of the log.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    env,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::get,
};
use futures::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, time};
use tower_vitals::{TimingLayer, Vitals, logging, timing::SeverityBands};

#[derive(Clone, Deserialize)]
struct NewOrder {
    item: String,
    quantity: u32,
    /// In cents.
    unit_price: u64,
}

#[derive(Clone, Serialize)]
struct Order {
    id: u64,
    item: String,
    quantity: u32,
    /// In cents.
    total: u64,
}

#[derive(Clone, Default)]
struct Orders(Arc<Mutex<BTreeMap<u64, Order>>>);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    logging::init()?;
    let seconds = Duration::from_secs;
    let vitals = Vitals::from_env()?
        // No load balancer sends requests here, so nothing waits until it sends them elsewhere.
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(seconds(5))
        .build()?;

    // A report may take long: a layer on its route gives it its own bands.
    let patient = SeverityBands::new(seconds(1), seconds(5), seconds(20))?;
    let report = get(report).layer(TimingLayer::new().bands(patient));

    let app = Router::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{id}", get(show))
        .route("/slow", get(slow))
        .route("/report", report)
        .route("/fail", get(fail))
        .route("/events", get(events))
        .with_state(Orders::default())
        .layer(vitals.layer())
        .merge(vitals.routes());

    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let address = format!("127.0.0.1:{port}");
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    let address = listener.local_addr()?;
    println!(
        "An order service on http://{address}. Try:

  curl -i http://{address}/orders -H 'content-type: application/json' -d '{{\"item\":\"tea\",\"quantity\":2,\"unit_price\":450}}'
  curl -i http://{address}/orders/1 -H 'x-request-id: my-own-id'
  curl http://{address}/orders/404
  curl http://{address}/slow       # 600 ms: a warning
  curl http://{address}/report     # 600 ms, and normal: its route has its own bands
  curl http://{address}/fail       # 500: critical, however fast
  curl -N http://{address}/events  # a stream; leave it with Ctrl-C
  curl http://{address}/metrics
"
    );
    // Ctrl-C drains: running requests have 5 s to end. A second Ctrl-C ends at once.
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let drained = vitals.run(server).await?;
    // In the log: it waits for no reader of standard output.
    tracing::info!(unfinished = drained.unfinished, "ended");
    Ok(())
}

async fn list(State(orders): State<Orders>) -> Json<Vec<Order>> {
    Json(orders.all().values().cloned().collect())
}

async fn show(State(orders): State<Orders>, Path(id): Path<u64>) -> Response {
    match orders.all().get(&id) {
        Some(order) => Json(order.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, format!("no order {id}\n")).into_response(),
    }
}

async fn place(State(orders): State<Orders>, Json(new): Json<NewOrder>) -> Response {
    let total = new.unit_price.checked_mul(new.quantity.into());
    let Some(total) = total.filter(|_| new.quantity > 0 && !new.item.is_empty()) else {
        let text = "an order needs an item, a quantity above 0 and a total that fits\n";
        return (StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    };
    let mut all = orders.all();
    let id = all.last_key_value().map_or(1, |(last, _)| last + 1);
    let order = Order {
        id,
        item: new.item,
        quantity: new.quantity,
        total,
    };
    all.insert(id, order.clone());
    // Every event that is logged while a request runs has its id.
    tracing::info!(order = id, total, "order placed");
    (StatusCode::CREATED, Json(order)).into_response()
}

async fn slow() -> &'static str {
    time::sleep(Duration::from_millis(600)).await;
    "that took its time\n"
}

async fn report(State(orders): State<Orders>) -> String {
    time::sleep(Duration::from_millis(600)).await;
    let all = orders.all();
    let turnover: u64 = all.values().map(|order| order.total).sum();
    format!("{} orders, {turnover} cents\n", all.len())
}

async fn fail() -> (StatusCode, &'static str) {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "the warehouse is on fire\n",
    )
}

/// The number of orders, every second, until the client leaves.
async fn events(
    State(orders): State<Orders>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = time::interval(Duration::from_secs(1));
    Sse::new(stream::unfold(
        (ticks, orders),
        async |(mut ticks, orders)| {
            ticks.tick().await;
            let event = Event::default().data(orders.all().len().to_string());
            Some((Ok(event), (ticks, orders)))
        },
    ))
}

impl Orders {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
