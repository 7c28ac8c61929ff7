//! A shop whose payments fail for a while: an alert is pending, fires, and ends, and people are told.
//!
//! Run `cargo run --example alerts`, and meanwhile what it prints. It is its own load, with times that are much shorter than in
//! production. `SLACK_WEBHOOK_URL` and the other variables of notifiers send what it would print. `PORT` changes the port,
//! `ROUNDS` ends it after so many incidents.

use std::{
    env,
    error::Error,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};
use tower_vitals::{
    Vitals,
    alerts::{AlertSeverity, AlertState, Alerts, Rule, Signal},
    config::ConfigError,
    monitoring::{Access, Monitoring},
    notify::{Notification, Notifier, Notifiers, NotifyError, Routes},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// How long payments work, and how long they fail.
const GOOD: Duration = Duration::from_secs(4);
const BAD: Duration = Duration::from_secs(5);

/// Prints what people are told.
struct Prints(&'static str);

impl Notifier for Prints {
    fn name(&self) -> &str {
        self.0
    }

    fn notify(&self, notifications: &[Notification], _: Duration) -> Result<(), NotifyError> {
        for one in notifications {
            println!(
                "  {} is told ({}): {}",
                self.0,
                one.kind.as_str(),
                one.headline()
            );
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let vitals = Vitals::from_env()?
        .alerts(rules())
        .notifiers(notifiers()?)
        // All times below are short, so the slots in which requests are counted are, too.
        .statistics_slot(MS(100))
        // Only for clients on this machine, and not for browsers where something changes.
        .monitoring(Monitoring::new(Access::Loopback))
        .drain_delay(Duration::ZERO)
        .build()?;
    let fails = Arc::new(AtomicBool::new(false));
    let pay = {
        let fails = Arc::clone(&fails);
        async move || match fails.load(Relaxed) {
            true => StatusCode::BAD_GATEWAY,
            false => StatusCode::CREATED,
        }
    };
    let shop = Router::new()
        .route("/products", get(async || "tea, cups"))
        .route("/payments", post(pay))
        .layer(vitals.layer())
        .merge(vitals.routes());
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    let address = listener.local_addr()?;
    println!("serving on http://{address}; try");
    for (command, path) in [
        ("curl", "status"),
        ("curl", "alerts"),
        ("curl -X POST", "evaluate"),
    ] {
        println!("  {command} http://{address}/api/v1/monitoring/{path}");
    }
    tokio::spawn(load(address));
    let (signal, incidents) = (vitals.shutdown_signal(), incidents(vitals.clone(), fails));
    let end = async {
        tokio::select! {
            () = signal => {}
            () = incidents => {}
        }
    };
    // So that the API knows who is on this machine.
    let shop = shop.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, shop).with_graceful_shutdown(end);
    vitals.run(server).await?;
    Ok(())
}

/// Half a second of failures fires, and a second without ends it. In production these are minutes.
fn rules() -> Alerts {
    let failing = |name| {
        Rule::new(name, Signal::error_rate_percent())
            .window(MS(1_000))
            .at_least(1)
            .pending_for(MS(500))
            .keep_firing_for(MS(1_000))
            .repeat(MS(2_000))
    };
    let payments = failing("payments_fail")
        .endpoint("/payments")
        .above(50.0)
        .severity(AlertSeverity::Critical)
        .summary("Customers cannot pay")
        .runbook("https://wiki.example.com/payments");
    Alerts::none()
        .rule(payments)
        .rule(failing("high_error_rate").above(5.0))
        .interval(MS(200))
}

/// Those of the environment. Without any, a chat is printed, and somebody who is called if nobody acknowledges an alert.
fn notifiers() -> Result<Notifiers, ConfigError> {
    let notifiers = Notifiers::from_env()?;
    if !notifiers.is_empty() {
        return Ok(notifiers);
    }
    let routes = Routes::new()
        .severity(AlertSeverity::Critical, ["chat"])
        .severity(AlertSeverity::Warning, ["chat"])
        .severity(AlertSeverity::Info, ["chat"])
        .escalate(AlertSeverity::Critical, MS(3_000), ["on_call"]);
    let printed = notifiers
        .notifier(Prints("chat"))
        .notifier(Prints("on_call"));
    Ok(printed.routes(routes))
}

/// Lets payments work and fail in turn, and tells what the alerts say.
async fn incidents(vitals: Vitals, fails: Arc<AtomicBool>) {
    let mut shown = Vec::new();
    let rounds = env::var("ROUNDS").ok().and_then(|text| text.parse().ok());
    for _ in 0..rounds.unwrap_or(u32::MAX) {
        println!("\npayments work");
        watch(&vitals, &mut shown, GOOD).await;
        println!("\npayments fail");
        fails.store(true, Relaxed);
        watch(&vitals, &mut shown, BAD).await;
        fails.store(false, Relaxed);
    }
    println!("\npayments work");
    watch(&vitals, &mut shown, GOOD).await;
    println!("\nthe last hour:");
    for entry in vitals.alerts().history(Duration::from_secs(3_600)) {
        let ended = entry.resolved_at().map(|at| at.to_string());
        let ended = ended.as_deref().unwrap_or("now");
        println!("  {} from {} to {ended}", entry.name, entry.fired_at());
    }
}

/// Prints each change of an alert.
async fn watch(vitals: &Vitals, shown: &mut Vec<(String, AlertState)>, time: Duration) {
    for _ in 0..time.as_millis() / 50 {
        let alerts = vitals.alerts().all();
        let states = alerts.iter().map(|alert| (alert.name.clone(), alert.state));
        let states: Vec<_> = states.collect();
        for (alert, state) in alerts.iter().zip(&states) {
            if !shown.contains(state) {
                println!("  {}: {}", alert.state, alert.message);
            }
        }
        *shown = states;
        time::sleep(MS(50)).await;
    }
}

/// A customer who looks at ten products for each payment.
async fn load(address: SocketAddr) {
    loop {
        for _ in 0..10 {
            let _ = request(address, "GET /products").await;
        }
        let _ = request(address, "POST /payments").await;
        time::sleep(MS(10)).await;
    }
}

async fn request(address: SocketAddr, line: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let text = format!("{line} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
