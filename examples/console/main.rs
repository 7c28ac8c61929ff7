//! The shop of `examples/shop` with its console, under a load of its own: in each round another part of it is slow or fails.
//!
//! Run `cargo run --example console` and open what it prints. `PORT` changes the port, `ROUND_MS` the length of a round, and
//! `ROUNDS` ends it after so many rounds.

#[path = "../shop/business.rs"]
mod business;
#[path = "../shop/customers.rs"]
mod customers;
#[path = "../shop/database.rs"]
mod database;
#[path = "../shop/payments.rs"]
mod payments;
#[path = "../shop/shop.rs"]
mod shop;
#[path = "../shop/trouble.rs"]
mod trouble;
#[path = "../shop/warehouse.rs"]
mod warehouse;

use std::{env, error::Error, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, time};
use tower_vitals::{
    Deployment, Vitals,
    alerts::{AlertSeverity, Alerts, Rule, Signal},
    category::{ErrorCategory, Rules},
    health::{Health, Role, Status},
    monitoring::{Access, Monitoring},
    notify::{Notification, Notifier, Notifiers, NotifyError, Routes},
    operations::sqlx_queries,
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    database::Database, payments::Payments, shop::Shop, trouble::Trouble, warehouse::Warehouse,
};

/// Tells nobody. In production it is a chat.
struct Chat;

impl Notifier for Chat {
    fn name(&self) -> &str {
        "chat"
    }

    fn notify(&self, notifications: &[Notification], _: Duration) -> Result<(), NotifyError> {
        for one in notifications {
            println!("  {}", one.headline());
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // An application calls `logging::init`, which has this layer.
    tracing_subscriber::registry()
        .with(sqlx_queries().layer())
        .try_init()?;
    let rounds = number("ROUNDS")?.unwrap_or(u64::MAX);
    let round = Duration::from_millis(number("ROUND_MS")?.unwrap_or(30_000));

    let payments = Payments::start().await?;
    let warehouse = Warehouse::start()?;
    let health = Health::builder()
        .check(payments.circuit().check())
        .check(warehouse.rollup().check())
        .manual("mail_server", Role::Optional)
        .start()?;
    let vitals = Vitals::from_env()?
        .process_metrics()
        .log_stuck()
        .rules(Rules::new().keyword("circuit is open", ErrorCategory::ExternalService))
        .health(health.service())
        .alerts(alerts())
        .notifiers(notifiers())
        // Only for clients on this machine. Without a token, the buttons of the page are off.
        .monitoring(Monitoring::new(Access::Loopback))
        .build()?;
    let database = Database::open().await?;
    let shop = Shop::new(database.clone(), payments, warehouse.clone());
    for customer in 0..8 {
        tokio::spawn(customers::shop_forever(shop.router(&vitals), customer));
    }
    tokio::spawn(warehouse.work(vitals.clone()));

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    println!("open http://{}/api/v1/monitoring/", listener.local_addr()?);
    let served = Router::new().merge(vitals.routes());
    // So that the API knows who is on this machine.
    let served = served.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, served).into_future());
    tokio::select! {
        () = play(&vitals, &health, rounds, round) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    database.close().await;
    Ok(())
}

/// Plays so many rounds. Every third one begins with a deployment.
async fn play(vitals: &Vitals, health: &Health, rounds: u64, round: Duration) {
    for number in 1..=rounds {
        let trouble = Trouble::of_round(number);
        if number % 3 == 1 {
            let version = format!("1.{}", number / 3);
            let changes = "a change that somebody described";
            vitals.record_deployment(&Deployment::new(version).by("ada").changes(changes));
        }
        let (mail, error) = match trouble {
            Trouble::Invoices => (Status::Degraded, Some("the queue of mails is long")),
            _ => (Status::Healthy, None),
        };
        health.set("mail_server", mail, error);
        trouble.begin();
        println!("round {number}: {}", trouble.as_str());
        time::sleep(round).await;
    }
}

/// Seconds in place of the minutes of production, so that there is something to see.
fn alerts() -> Alerts {
    let seconds = Duration::from_secs;
    let quick = |rule: Rule| {
        let rule = rule.window(seconds(20)).pending_for(seconds(4));
        rule.keep_firing_for(seconds(10))
    };
    let fails = Rule::new("high_error_rate", Signal::error_rate_percent());
    let orders = Rule::new("orders_fail", Signal::error_rate_percent());
    let orders = orders.endpoint("/orders").above(20.0);
    let orders = orders
        .severity(AlertSeverity::Critical)
        .summary("Customers cannot pay")
        .runbook("https://wiki.example.com/payments");
    Alerts::none()
        .rule(quick(fails.above(3.0)))
        .rule(quick(orders))
        .interval(seconds(2))
}

fn notifiers() -> Notifiers {
    let routes = Routes::new()
        .severity(AlertSeverity::Critical, ["chat"])
        .severity(AlertSeverity::Warning, ["chat"])
        .severity(AlertSeverity::Info, ["chat"]);
    Notifiers::new().notifier(Chat).routes(routes)
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
