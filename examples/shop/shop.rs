//! Answers the customers.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use tower_vitals::{Failure, Vitals, monitored};

use crate::{
    business, database::Database, payments::Payments, trouble::Trouble, warehouse::Warehouse, work,
};

#[derive(Clone)]
pub(crate) struct Shop {
    database: Database,
    payments: Payments,
    warehouse: Warehouse,
}

// === impl Shop ===

impl Shop {
    pub(crate) const fn new(database: Database, payments: Payments, warehouse: Warehouse) -> Self {
        Self {
            database,
            payments,
            warehouse,
        }
    }

    pub(crate) fn router(&self, vitals: &Vitals) -> Router {
        Router::new()
            .route("/products", get(products))
            .route("/products/{id}", get(product))
            .route("/search", get(search))
            .route("/orders", post(order))
            .route("/invoices/{id}", get(invoice))
            .with_state(self.clone())
            .layer(vitals.layer())
    }
}

async fn products() -> &'static str {
    work(2).await;
    "tea, coffee, mate\n"
}

/// Without such a product the category of the error gives the status: 404.
async fn product(State(shop): State<Shop>, Path(id): Path<u32>) -> Result<String, Failure> {
    business::viewed(id);
    match shop.database.product(id).await {
        Ok(name) => Ok(format!("{name}\n")),
        Err(error @ sqlx::Error::RowNotFound) => {
            Err(Failure::new(error).answer((StatusCode::NOT_FOUND, "no such product\n")))
        }
        Err(error) => Err(error.into()),
    }
}

async fn search() -> Result<&'static str, StatusCode> {
    if !Trouble::Search.is_now() {
        work(20).await;
        return Ok("three products\n");
    }
    work(250).await;
    match fastrand::u8(..4) {
        0 => Err(StatusCode::GATEWAY_TIMEOUT),
        _ => Ok("three better products\n"),
    }
}

async fn order(State(shop): State<Shop>) -> Result<&'static str, Failure> {
    let product = fastrand::u32(..crate::database::PRODUCTS);
    business::ordered(shop.payments.take()).await?;
    shop.database.order(product).await?;
    shop.warehouse.take();
    Ok("thank you\n")
}

async fn invoice(State(shop): State<Shop>, Path(_): Path<u32>) -> Result<String, Failure> {
    let orders = shop.database.orders().await?;
    let invoice = async {
        work(if Trouble::Invoices.is_now() { 400 } else { 10 }).await;
        format!("an invoice, one of {orders}\n")
    };
    Ok(monitored("render_invoice").run(invoice).await)
}
