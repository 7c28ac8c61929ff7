//! A shop under a load of its own that prints what it did lately, and which of its parts is slow when each is made slow in turn.
//!
//! Run `cargo run --example statistics`. It prints tables after each round of three seconds until Ctrl-C. `ROUNDS` ends it after so
//! many rounds, and `ROUND_MS` is the length of one.

mod business;
mod customers;
mod database;
mod payments;
mod shop;
mod tables;
mod trouble;
mod warehouse;

use std::{env, error::Error, time::Duration};

use tokio::time::{self, MissedTickBehavior};
use tower_vitals::{
    Deployment, Vitals,
    category::{ErrorCategory, Rules},
    health::Health,
    operations::sqlx_queries,
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    database::Database, payments::Payments, shop::Shop, trouble::Trouble, warehouse::Warehouse,
};

/// The version with the slow search is deployed before this round.
const DEPLOYED_IN_ROUND: u64 = 2;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The tables are all that is shown, so nobody writes lines. An application calls `logging::init`, which has this layer.
    tracing_subscriber::registry()
        .with(sqlx_queries().layer())
        .try_init()?;
    let rounds = number("ROUNDS")?.unwrap_or(u64::MAX);
    let round = Duration::from_millis(number("ROUND_MS")?.unwrap_or(3_000));

    let payments = Payments::start().await?;
    let warehouse = Warehouse::start()?;
    let health = Health::builder()
        .check(payments.circuit().check())
        .check(warehouse.rollup().check())
        .start()?;
    let vitals = Vitals::from_env()?
        // A round is a few of the shortest slots, so that each round is seen by itself.
        .statistics_slot(round / 3)
        .process_metrics()
        // A payment that the circuit breaker refuses never reaches a client that could tell.
        .rules(Rules::new().keyword("circuit is open", ErrorCategory::ExternalService))
        .health(health.service())
        .build()?;
    vitals.record_deployment(&Deployment::new("1.0").changes("opens the shop"));
    let database = Database::open().await?;
    let shop = Shop::new(database.clone(), payments, warehouse.clone());
    for customer in 0..8 {
        tokio::spawn(customers::shop_forever(shop.router(&vitals), customer));
    }
    tokio::spawn(warehouse.work(vitals.clone()));

    let mut ticks = time::interval_at(time::Instant::now() + round, round);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1..=rounds {
        Trouble::of_round(number).begin();
        if number == DEPLOYED_IN_ROUND {
            vitals.record_deployment(&Deployment::new("1.1").changes("a better search"));
        }
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        println!("\n== round {number}: {}", Trouble::now().as_str());
        tables::print(&vitals.statistics(), round)?;
    }
    database.close().await;
    Ok(())
}

/// A whole number above 0 in the environment.
fn number(variable: &str) -> Result<Option<u64>, String> {
    let Ok(value) = env::var(variable) else {
        return Ok(None);
    };
    let number = value.parse().ok().filter(|number| *number > 0);
    let refused =
        || format!("{variable}: invalid value {value:?}: expected a whole number above 0");
    number.map(Some).ok_or_else(refused)
}

/// Waits for a time around `millis`.
async fn work(millis: u64) {
    let micros = millis * 1_000;
    let time = fastrand::u64(micros / 2..=micros * 2);
    time::sleep(Duration::from_micros(time)).await;
}
