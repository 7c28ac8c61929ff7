//! A price service on tonic with its vital signs: one layer on the server, and `/metrics` on a port of its own.
//!
//! `cargo run -p tower-vitals-tests --example grpc` serves; `cargo run -p tower-vitals-tests --example grpc -- ask` calls each kind of method.

#[expect(
    clippy::allow_attributes,
    clippy::clone_on_ref_ptr,
    unreachable_pub,
    unused_qualifications,
    reason = "made from prices.proto by tonic-prost-build, and left as it is"
)]
mod generated;

use std::{env, error::Error, pin::Pin, time::Duration};

use futures::{Stream, StreamExt, stream};
use tokio::{net::TcpListener, time};
use tonic::{Request, Response, Status, Streaming, transport::Server};
use tower_vitals::{RequestContext, Vitals, category::ErrorCategory, health::Health, logging};

use crate::generated::{
    Item, Price,
    prices_client::PricesClient,
    prices_server::{Prices, PricesServer},
};

const ADDRESS: &str = "127.0.0.1:50051";
const METRICS: &str = "127.0.0.1:50052";

#[derive(Clone, Copy, Debug)]
struct Shop;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if env::args().nth(1).as_deref() == Some("ask") {
        return ask().await;
    }
    logging::init()?;
    // Without a check it is ready until it drains. Kubernetes and load balancers ask it with `grpc_health_probe`.
    let health = Health::builder().start()?;
    let vitals = Vitals::from_env()?
        .health(health.service())
        // A panic is `INTERNAL` for the client, and not a broken stream.
        .catch_panics()
        // Only the descriptors know which methods stream.
        .grpc_descriptors(include_bytes!("prices.bin"))?
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_secs(5))
        .build()?;
    println!(
        "Prices on http://{ADDRESS}. Try:

  cargo run -p tower-vitals-tests --example grpc -- ask
  curl http://{METRICS}/metrics | grep ^grpc_
"
    );
    let metrics = TcpListener::bind(METRICS).await?;
    tokio::spawn(axum::serve(metrics, vitals.routes()).into_future());
    let server = Server::builder()
        .layer(vitals.layer())
        .add_service(health.grpc(&["shop.v1.Prices"]))
        .add_service(PricesServer::new(Shop))
        .serve_with_shutdown(ADDRESS.parse()?, vitals.shutdown_signal());
    let drained = vitals.run(server).await?;
    // In the log: it waits for no reader of standard output.
    tracing::info!(unfinished = drained.unfinished, "ended");
    Ok(())
}

fn price(item: &Item) -> Result<Price, Status> {
    match item.name.as_str() {
        "tea" => Ok(Price { cents: 450 }),
        "cake" => Ok(Price { cents: 620 }),
        "gold" => {
            // The status does not show that another service failed; the category does.
            RequestContext::current().category(ErrorCategory::ExternalService);
            Err(Status::internal("the exchange does not answer"))
        }
        other => Err(Status::not_found(format!("no price for {other:?}"))),
    }
}

type PriceStream = Pin<Box<dyn Stream<Item = Result<Price, Status>> + Send>>;

#[tonic::async_trait]
impl Prices for Shop {
    async fn get(&self, request: Request<Item>) -> Result<Response<Price>, Status> {
        price(request.get_ref()).map(Response::new)
    }

    type WatchStream = PriceStream;

    async fn watch(&self, request: Request<Item>) -> Result<Response<PriceStream>, Status> {
        let first = price(request.get_ref())?;
        let ticks = stream::unfold(first, async |price| {
            time::sleep(Duration::from_millis(100)).await;
            let dearer = Price {
                cents: price.cents + 1,
            };
            Some((Ok(price), dearer))
        });
        Ok(Response::new(Box::pin(ticks)))
    }

    async fn total(&self, request: Request<Streaming<Item>>) -> Result<Response<Price>, Status> {
        let mut items = request.into_inner();
        let mut total = Price { cents: 0 };
        while let Some(item) = items.message().await? {
            total.cents += price(&item)?.cents;
        }
        Ok(Response::new(total))
    }

    type QuoteStream = PriceStream;

    async fn quote(
        &self,
        request: Request<Streaming<Item>>,
    ) -> Result<Response<PriceStream>, Status> {
        let quotes = request
            .into_inner()
            .map(|item| item.and_then(|item| price(&item)));
        Ok(Response::new(Box::pin(quotes)))
    }
}

/// A client that calls each kind of method, and methods that fail.
async fn ask() -> Result<(), Box<dyn Error>> {
    let mut client = PricesClient::connect(format!("http://{ADDRESS}")).await?;
    let item = |name: &str| Item { name: name.into() };
    let tea = client.get(item("tea")).await?.into_inner();
    println!("tea: {}", tea.cents);
    for name in ["unicorn", "gold"] {
        match client.get(item(name)).await {
            Ok(price) => println!("{name}: {}", price.get_ref().cents),
            Err(status) => println!("{name}: {:?}: {}", status.code(), status.message()),
        }
    }
    let basket = stream::iter([item("tea"), item("cake")]);
    let total = client.total(basket).await?.into_inner();
    println!("tea and cake: {}", total.cents);
    let mut quotes = client
        .quote(stream::iter([item("cake"), item("tea")]))
        .await?
        .into_inner();
    while let Some(quote) = quotes.message().await? {
        println!("quoted: {}", quote.cents);
    }
    // Leaves in the middle of the stream. This counts as cancelled and not as an error.
    let mut watched = client.watch(item("cake")).await?.into_inner();
    for _ in 0..3 {
        if let Some(price) = watched.message().await? {
            println!("cake now: {}", price.cents);
        }
    }
    Ok(())
}
