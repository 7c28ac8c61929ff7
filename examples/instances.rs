//! Three instances of a shop behind a small balancer. One of them is slow, and all of them know which.
//!
//! Run `REDIS_URL=redis://127.0.0.1 cargo run --example fleet`, and meanwhile what it prints. It starts no Redis: `redis-server --save ''`
//! does. It is its own load. `PORT` is the port of the balancer, `ROUNDS` ends it after so many tables.

use std::{
    env,
    error::Error,
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    process::{self, Child, Command, Stdio},
    thread,
    time::Duration,
};

use axum::{Router, routing::get};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time,
};
use tower_vitals::{
    Vitals,
    fleet::Fleet,
    monitoring::{Access, Monitoring},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// The instances, and how long each takes for a product.
const INSTANCES: [(&str, u64); 3] = [("shop-1", 5), ("shop-2", 80), ("shop-3", 5)];

/// An instance in a process of its own, until dropped.
struct Instance {
    child: Child,
    address: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match (env::var("INSTANCE"), env::var("TAKES_MS")) {
        (Ok(name), Ok(takes)) => serve(&name, MS(takes.parse()?)).await,
        _ => balance().await,
    }
}

/// One instance.
async fn serve(name: &str, takes: Duration) -> Result<(), Box<dyn Error>> {
    let vitals = Vitals::from_env()?
        .service_name("shop")
        // This line is all that makes it one of several.
        .fleet(Fleet::from_env()?.instance(name))
        // Short, so that the tables below are soon full. It is 10 s by default.
        .statistics_slot(MS(1_000))
        .monitoring(Monitoring::new(Access::Loopback))
        .drain_delay(Duration::ZERO)
        .build()?;
    let product = async move || {
        time::sleep(takes).await;
        "tea"
    };
    let shop = Router::new()
        .route("/products/{id}", get(product))
        .layer(vitals.layer())
        .merge(vitals.routes());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    // It ends with the process that started it.
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let shop = shop.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, shop).with_graceful_shutdown(vitals.shutdown_signal());
    vitals.run(server).await?;
    Ok(())
}

/// The balancer, its load, and a table every three seconds.
async fn balance() -> Result<(), Box<dyn Error>> {
    if env::var("REDIS_URL").is_err() {
        let how =
            "redis-server --save '' &\n  REDIS_URL=redis://127.0.0.1 cargo run --example fleet";
        return Err(format!(
            "the instances need a Redis, which this example does not start:\n  {how}"
        )
        .into());
    }
    let started: Result<Vec<_>, _> = INSTANCES.iter().map(Instance::start).collect();
    let instances = started?;
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    let address = listener.local_addr()?;
    let places: Vec<_> = instances.iter().map(|instance| instance.address).collect();
    println!("three instances behind http://{address}, of which shop-2 is slow; ask any of them");
    for path in ["fleet?window=1m", "status"] {
        println!("  curl -s 'http://{}/api/v1/monitoring/{path}'", places[0]);
    }
    println!(
        "  a page with the instances: http://{}/api/v1/monitoring/",
        places[0]
    );
    tokio::spawn(forward(listener, places.clone()));
    tokio::spawn(load(address));
    let rounds = env::var("ROUNDS").ok().and_then(|text| text.parse().ok());
    for _ in 0..rounds.unwrap_or(u32::MAX) {
        time::sleep(MS(3_000)).await;
        // Each of them knows all.
        let told = request(places[2], "/api/v1/monitoring/fleet?window=1m").await?;
        show(&serde_json::from_str(&told)?);
    }
    Ok(())
}

impl Instance {
    fn start((name, takes): &(&str, u64)) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(env::current_exe()?)
            .env("INSTANCE", name)
            .env("TAKES_MS", takes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self { child, address })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives each connection to the next instance.
async fn forward(listener: TcpListener, places: Vec<SocketAddr>) -> io::Result<()> {
    for place in places.iter().cycle() {
        let (mut client, _) = listener.accept().await?;
        let mut instance = TcpStream::connect(place).await?;
        tokio::spawn(async move { copy_bidirectional(&mut client, &mut instance).await });
    }
    Ok(())
}

/// Some thirty requests a second.
async fn load(address: SocketAddr) {
    for id in 0_u64.. {
        tokio::spawn(async move { request(address, &format!("/products/{id}")).await });
        time::sleep(MS(33)).await;
    }
}

/// The body of an answer.
async fn request(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let text = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok(body.to_owned())
}

fn show(fleet: &Value) {
    if let Some(error) = fleet["error"].as_str() {
        println!("\n{error}");
        return;
    }
    let line = |name: &str, of: &Value| {
        let (requests, p95) = (&of["requests"], of["p95_ms"].as_f64());
        let p95 = p95.map_or("-".to_owned(), |p95| format!("{p95:.1}"));
        let slow = if of["slow"] == true { "  slow" } else { "" };
        println!("{name:10} {requests:>7} {p95:>8}{slow}");
    };
    println!("\ninstance   requests  p95 ms");
    for instance in fleet["instances"].as_array().into_iter().flatten() {
        line(instance["id"].as_str().unwrap_or("-"), instance);
    }
    line("together", &fleet["total"]);
}
