//! Lets a real Prometheus and a real Alertmanager run what a shop under load generates.

use std::{
    env, fs,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, UNIX_EPOCH},
};

use axum::{Json, Router, http::StatusCode, routing};
use serde_json::Value;
use tokio::net::TcpListener;
use tower_vitals::{
    Vitals,
    alerts::{AlertSeverity, Alerts, Rule, Signal},
    monitoring::{Access, Monitoring},
    notify::{Notification, Notifier, Notifiers, NotifyError},
};

use crate::{
    TOKEN,
    programs::{Folder, Running, eventually, free_port::free_port, get},
};

const SECOND: Duration = Duration::from_secs(1);

/// In time for everything that happens, on a machine that is busy.
const LONG: Duration = Duration::from_secs(40);

/// Somebody whom the process tells. Alertmanager tells a webhook of the same name.
struct Somebody(Sender<Notification>);

impl Notifier for Somebody {
    fn name(&self) -> &str {
        "somebody"
    }

    fn notify(&self, notifications: &[Notification], _: Duration) -> Result<(), NotifyError> {
        for one in notifications {
            // The test can have ended.
            let _ = self.0.send(one.clone());
        }
        Ok(())
    }
}

/// A shop whose payments can fail, under a load of its own.
struct Shop {
    address: String,
    vitals: Vitals,
    fails: Arc<AtomicBool>,
    /// What the process tells.
    told: Receiver<Notification>,
    /// What Alertmanager posts.
    posted: Receiver<Value>,
}

// === impl Shop ===

impl Shop {
    fn open() -> Self {
        let rule = Rule::new("payments_fail", Signal::error_rate_percent())
            .endpoint("/payments")
            .above(20.0)
            .window(10 * SECOND)
            .pending_for(5 * SECOND)
            .keep_firing_for(2 * SECOND)
            .severity(AlertSeverity::Critical)
            .summary("Customers cannot pay");
        let (tells, told) = mpsc::channel();
        let vitals = Vitals::builder()
            .isolated()
            .service_name("shop")
            .statistics_slot(SECOND)
            .alerts(Alerts::none().rule(rule).interval(SECOND))
            .notifiers(Notifiers::new().notifier(Somebody(tells)))
            .monitoring(Monitoring::new(Access::Token(TOKEN.to_owned())))
            .build()
            .unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let (posts, posted) = mpsc::channel();
        let address = Self::serve(&vitals, &fails, posts);
        Self {
            address,
            vitals,
            fails,
            told,
            posted,
        }
    }

    /// Serves on a thread of its own, so that the test can wait.
    fn serve(vitals: &Vitals, fails: &Arc<AtomicBool>, posts: Sender<Value>) -> String {
        let fails = Arc::clone(fails);
        let pay = async move || match fails.load(Relaxed) {
            true => StatusCode::BAD_GATEWAY,
            false => StatusCode::CREATED,
        };
        let app = Router::new()
            .route("/products", routing::get(async || "tea, cups"))
            .route("/payments", routing::post(pay))
            .layer(vitals.layer())
            .merge(vitals.routes());
        let somebody = async move |Json(message): Json<Value>| drop(posts.send(message));
        let app = app.route("/somebody", routing::post(somebody));
        let (says, said) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                tokio::spawn(customers(format!("http://{address}")));
                says.send(address.to_string()).unwrap();
                let app = app.into_make_service_with_connect_info::<SocketAddr>();
                axum::serve(listener, app).await.unwrap();
            });
        });
        said.recv().unwrap()
    }

    /// What it generates, as the API has it.
    fn generated(&self, part: &str) -> String {
        let path = format!("/api/v1/monitoring/rules.yml?part={part}");
        get(
            &self.address,
            &path,
            &format!("authorization: Bearer {TOKEN}\r\n"),
        )
        .unwrap()
    }

    /// What the process tells next.
    fn next_told(&self) -> (String, Duration) {
        let one = self.told.recv_timeout(LONG).unwrap();
        assert_eq!(one.name, "payments_fail");
        (
            one.kind.as_str().to_owned(),
            since_1970(&one.at.to_string()),
        )
    }

    /// What Alertmanager tells next.
    fn next_posted(&self) -> Value {
        let message = self.posted.recv_timeout(LONG).unwrap();
        let alerts = message["alerts"].as_array().unwrap();
        assert_eq!(alerts.len(), 1, "{message}");
        alerts[0].clone()
    }
}

/// Customers who pay for what they see.
async fn customers(shop: String) {
    let client = reqwest::Client::new();
    loop {
        let _ = client.get(format!("{shop}/products")).send().await;
        let _ = client.post(format!("{shop}/payments")).send().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn since_1970(time: &str) -> Duration {
    let time = humantime::parse_rfc3339(time).unwrap();
    time.duration_since(UNIX_EPOCH).unwrap()
}

/// Starts a program with a file of configuration, and waits until it is ready.
fn start(program: &str, folder: &Folder, arguments: &[String]) -> (Running, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let child = Command::new(program)
        .args(arguments)
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error")
        .current_dir(&folder.0)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let running = Running(child);
    eventually(program, || {
        let answer = get(&address, "/-/ready", "")?;
        (answer.contains("OK") || answer.contains("Ready")).then_some(())
    });
    (running, address)
}

/// The moments at which Prometheus evaluated the rule with an alert, and the first of them at which it fired.
fn evaluations(prometheus: &str) -> (Vec<Duration>, Option<Duration>) {
    let query = "ALERTS{rule=\"payments_fail\"}[2m]";
    let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = get(prometheus, &format!("/api/v1/query?query={query}"), "").unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let (mut all, mut fired) = (Vec::new(), None);
    for series in answer["data"]["result"].as_array().unwrap() {
        let values = series["values"].as_array().unwrap().iter();
        let times = values.map(|value| Duration::from_secs_f64(value[0].as_f64().unwrap()));
        let times: Vec<_> = times.collect();
        if series["metric"]["alertstate"] == "firing" {
            fired = times.first().copied();
        }
        all.extend(times);
    }
    all.sort();
    (all, fired)
}

#[test]
#[ignore = "needs prometheus and prometheus-alertmanager; .ci/run installs them"]
fn a_real_alert_arrives_and_the_process_fired_within_an_evaluation_of_it() {
    let shop = Shop::open();
    let name = format!("tower-vitals-generated-{}", std::process::id());
    let folder = Folder(env::temp_dir().join(name));
    fs::create_dir_all(&folder.0).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.0.join(name), text).unwrap();

    // As it is generated: only the address of a webhook is filled in, as its comment asks.
    let told = shop.generated("alertmanager");
    let told = told.replace("localhost:9095", &shop.address);
    assert!(told.contains("/somebody"), "{told}");
    write("alertmanager.yml", &told);
    let arguments = [
        "--config.file=alertmanager.yml",
        "--storage.path=alertmanager",
        "--cluster.listen-address=",
    ];
    let (_alertmanager, alertmanager) = start(
        "prometheus-alertmanager",
        &folder,
        &arguments.map(str::to_owned),
    );
    write("rules.yml", &shop.generated("rules"));
    let shop_at = &shop.address;
    write(
        "prometheus.yml",
        &format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nscrape_configs:\n- {{job_name: shop, static_configs: [{{targets: ['{shop_at}']}}]}}\nalerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['{alertmanager}']}}]\n"
        ),
    );
    let arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"];
    let (_prometheus, prometheus) = start("prometheus", &folder, &arguments.map(str::to_owned));

    // Some failures are known, and are over.
    shop.fails.store(true, Relaxed);
    eventually("a payment has failed", || {
        let page = get(&shop.address, "/metrics", "")?;
        let failed = "http_requests_total{method=\"POST\",endpoint=\"/payments\",status=\"502\"}";
        page.contains(failed).then_some(())
    });
    shop.fails.store(false, Relaxed);
    thread::sleep(12 * SECOND);
    assert_eq!(shop.told.try_iter().count(), 0);
    assert_eq!(shop.posted.try_iter().count(), 0);

    shop.fails.store(true, Relaxed);
    let (kind, own) = shop.next_told();
    assert_eq!(kind, "firing");
    let alert = shop.next_posted();
    assert_eq!(alert["status"], "firing");
    let own_alert = shop.vitals.alerts().firing().pop().unwrap();
    let labels = &alert["labels"];
    assert_eq!(labels["alertname"], "PaymentsFail");
    assert_eq!(labels["rule"], own_alert.name);
    assert_eq!(labels["severity"], "critical");
    assert_eq!(labels["service"], "shop");
    assert_eq!(labels["endpoint"], own_alert.labels["endpoint"]);
    assert_eq!(alert["annotations"]["summary"], "Customers cannot pay");

    // By the clock of evaluations, which a busy machine stretches. Prometheus knows what was scraped,
    // up to a second ago, and evaluates up to a second later.
    let (all, fired) = evaluations(&prometheus);
    let fired = fired.unwrap();
    let (first, last) = (own.min(fired), own.max(fired));
    let between = all.iter().filter(|at| **at > first && **at < last).count();
    println!(
        "the process fired at {own:?}, Prometheus at {fired:?}: {between} evaluations between"
    );
    assert!(
        between <= 2,
        "{between} of {all:?} are between {own:?} and {fired:?}"
    );
    let pending = all.iter().filter(|at| **at < fired).count();
    assert!(pending > 3, "{all:?}");

    shop.fails.store(false, Relaxed);
    assert_eq!(shop.next_told().0, "resolved");
    assert_eq!(shop.next_posted()["status"], "resolved");
}
