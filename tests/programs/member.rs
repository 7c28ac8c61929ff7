//! One instance of a fleet, which answers what a test wants: a program for tests.
//!
//! `REDIS_URL` is where the fleet meets, none without it. `INSTANCE` is its name, `SLOT_MS` the length of a tick, `INTERVAL_MS` that
//! between evaluations. `SLACK`, `PAGERDUTY`, `WEBHOOK` and `ALERTMANAGER` are addresses of who is told. `ENDPOINTS` is how many
//! routes there are beside the others. `SLOW_MS` is how long a signal of the application takes, which is none without it. It prints its
//! address, and SIGTERM ends it in good order.
#![expect(
    clippy::unwrap_used,
    reason = "the test that runs it shows where it ended"
)]

use std::{env, fmt::Display, io, str::FromStr, thread, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    http::{Request, StatusCode},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task, time};
use tower::ServiceExt;
use tower_vitals::{
    Deployment, Failure, Release, RequestContext, Vitals,
    alerts::{AlertSeverity, Alerts, NewSilence, Rule, Signal, SignalUnit},
    fleet::Fleet,
    health::{Check, Health},
    notify::{Alertmanager, Notifiers, PagerDuty, Slack, Webhook},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// What a test says.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    text: String,
}

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
    let slot = MS(number("SLOT_MS", 100));
    let health = Health::builder()
        .check(Check::new("database", async || Ok::<_, io::Error>(())))
        .start()
        .unwrap();
    let mut builder = Vitals::builder()
        .service_name("shop")
        .release(Release::new(text("VERSION", "1.0.0")))
        .statistics_slot(slot)
        .alerts(rules())
        .notifiers(notifiers())
        .health(health.service())
        .drain_delay(MS(0))
        .shutdown_deadline(MS(5_000));
    if env::var("REDIS_URL").is_ok() {
        let fleet = Fleet::from_env().unwrap();
        let fleet = match env::var("GUIDE_KEYS") {
            Ok(prefix) => fleet.guide_keys(prefix),
            Err(_) => fleet,
        };
        builder = builder.fleet(fleet.instance(text("INSTANCE", "one")));
    }
    let vitals = builder.build().unwrap();
    let app = app(&vitals);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    vitals.run(server).await.unwrap();
}

/// More than 20 % of the requests of two seconds fail.
fn rules() -> Alerts {
    let fails = Rule::new("too_many_errors", Signal::error_rate_percent())
        .above(20.0)
        .at_least(1)
        .window(MS(number("WINDOW_MS", 2_000)))
        .pending_for(MS(number("PENDING_MS", 2_000)))
        .keep_firing_for(MS(number("KEEP_MS", 2_000)))
        .severity(AlertSeverity::Critical);
    let mut rules = Alerts::none().rule(fails);
    if env::var("SLOW_MS").is_ok() {
        let takes = MS(number("SLOW_MS", 0));
        let slow = Signal::asked("slow", SignalUnit::Count, move || {
            thread::sleep(takes);
            Some(0.0)
        });
        rules = rules.rule(Rule::new("slow", slow).above(1.0));
    }
    rules.interval(MS(number("INTERVAL_MS", 500)))
}

fn notifiers() -> Notifiers {
    let mut notifiers = Notifiers::new();
    if let Ok(url) = env::var("SLACK") {
        notifiers = notifiers.notifier(Slack::new(&url).unwrap());
    }
    if let Ok(url) = env::var("PAGERDUTY") {
        let key = "0123456789abcdef0123456789abcdef";
        notifiers = notifiers.notifier(PagerDuty::new(key).unwrap().url(&url).unwrap());
    }
    if let Ok(url) = env::var("WEBHOOK") {
        notifiers = notifiers.notifier(Webhook::new(&url).unwrap());
    }
    if let Ok(url) = env::var("ALERTMANAGER") {
        notifiers = notifiers.notifier(Alertmanager::new(&url).unwrap());
    }
    notifiers
}

/// What is measured, and beside it what only the test asks for.
fn app(vitals: &Vitals) -> Router {
    // With what must not go to Redis.
    let fails = async |context: RequestContext, Path(user): Path<String>| {
        context.user(&user).tenant("acme-clinic");
        let error = format!("no answer for user {user} of tenant acme-clinic");
        Failure::new(io::Error::other(error)).answer(StatusCode::BAD_GATEWAY)
    };
    let slow = async |Path(ms): Path<u64>| {
        time::sleep(MS(ms)).await;
        "slow"
    };
    let mut shop = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/tenants/{tenant}/users/{user}", get(async || "a user"))
        .route("/fails/{user}", get(fails))
        .route("/slow/{ms}", get(slow));
    let many = number("ENDPOINTS", 0);
    for one in 0..many {
        let path = format!("/things/of/kind/{one}/{{id}}");
        shop = shop.route(&path, get(async || "a thing"));
    }
    let shop = shop.layer(vitals.layer());
    let inner = shop.clone();
    let each = async move || {
        for one in 0..many {
            let path = format!("/things/of/kind/{one}/7");
            let request = Request::get(path).body(Body::empty()).unwrap();
            inner.clone().oneshot(request).await.unwrap();
        }
        Json(json!({ "asked": many }))
    };
    let asked = Router::new()
        .route("/own", get(own))
        .route("/fleet", get(fleet))
        .route("/alerts", get(alerts))
        .route("/silence", get(silence))
        .route("/deploy", get(deploy))
        .route("/deployments", get(deployments))
        .route("/each", get(each))
        .with_state(vitals.clone());
    shop.merge(asked).merge(vitals.routes())
}

/// All that the shortened windows keep.
fn all() -> Duration {
    MS(number("SLOT_MS", 100)) * 8_640
}

async fn own(State(vitals): State<Vitals>) -> Json<Value> {
    let statistics = vitals.statistics().over(all()).unwrap();
    Json(serde_json::to_value(statistics).unwrap())
}

async fn fleet(State(vitals): State<Vitals>) -> Json<Value> {
    let Some(fleet) = vitals.statistics().fleet() else {
        return Json(json!({ "error": "there is no fleet" }));
    };
    let read = task::spawn_blocking(move || fleet.over(all())).await;
    Json(match read.unwrap() {
        Ok(read) => json!({ "statistics": read.statistics, "instances": read.instances }),
        Err(error) => json!({ "error": error.to_string() }),
    })
}

/// The alerts as this instance shows them.
async fn alerts(State(vitals): State<Vitals>) -> Json<Value> {
    let all = vitals.alerts().all();
    let shown = all.iter().map(
        |alert| json!({ "name": alert.name, "state": alert.state, "muted": alert.muted.is_some() }),
    );
    Json(shown.collect())
}

async fn silence(State(vitals): State<Vitals>, Query(said): Query<Said>) -> Json<Value> {
    let silence = NewSilence::of(MS(60_000)).label("alert", said.text);
    let silence = vitals.alerts().silence(silence).unwrap();
    Json(json!({ "id": silence.id }))
}

async fn deploy(State(vitals): State<Vitals>, Query(said): Query<Said>) -> Json<Value> {
    vitals.record_deployment(&Deployment::new(said.text));
    Json(json!({}))
}

/// The versions of the deployments that the fleet knows.
async fn deployments(State(vitals): State<Vitals>) -> Json<Value> {
    let fleet = vitals.statistics().fleet().unwrap();
    let read = task::spawn_blocking(move || fleet.deployments()).await;
    Json(match read.unwrap() {
        Ok(read) => {
            let all = read.deployments.iter();
            all.map(|one| one.version.clone()).collect()
        }
        Err(error) => json!({ "error": error.to_string() }),
    })
}

fn text(variable: &str, otherwise: &str) -> String {
    env::var(variable).unwrap_or_else(|_| otherwise.to_owned())
}

fn number<T: FromStr<Err: Display>>(variable: &str, otherwise: T) -> T {
    let Ok(text) = env::var(variable) else {
        return otherwise;
    };
    text.parse()
        .unwrap_or_else(|error| panic!("{variable}: {error}"))
}
