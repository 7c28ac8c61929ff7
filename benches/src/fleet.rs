//! What an instance of a fleet costs that has many active endpoints: the thread that writes to Redis.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use axum::http::{Method, StatusCode};
use tower_vitals::{Vitals, alerts::Alerts, fleet::Fleet};

/// The active endpoints.
const MANY: usize = 1_000;

const TICK: Duration = Duration::from_secs(1);

/// How many ticks are measured: of three minutes of six ticks.
const TICKS: usize = 18;

/// What a tick may cost on a processor.
const BUDGET: Duration = Duration::from_millis(3);

/// The thread that writes, as the kernel names it.
const THREAD: &str = "vitals-fleet";

/// A Redis that ends with this program.
struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prints what each tick costs; fails if one in the middle costs more than the budget.
pub fn check() -> ExitCode {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let _redis = start(port);
    let fleet = Fleet::at(&format!("redis://127.0.0.1:{port}")).expect("an address");
    let vitals = Vitals::builder()
        .isolated()
        .statistics_slot(TICK)
        .alerts(Alerts::none())
        .fleet(fleet.instance("one"))
        .build()
        .expect("a stack");
    let endpoints: Vec<&'static str> = (0..MANY)
        .map(|number| &*String::leak(format!("/api/v1/things/{number}")))
        .collect();
    let mut before = Duration::ZERO;
    let mut costs = Vec::new();
    for tick in 0..TICKS + 3 {
        for (number, endpoint) in endpoints.iter().enumerate() {
            // One of twenty fails.
            let status = match number % 20 {
                0 => StatusCode::BAD_GATEWAY,
                _ => StatusCode::OK,
            };
            let time = Duration::from_millis((number + tick) as u64 % 900);
            let metrics = vitals.metrics();
            metrics.record_request(&Method::GET, endpoint, status, time);
        }
        thread::sleep(TICK);
        let now = time_of(THREAD);
        // The first ones write everything.
        if tick >= 3 {
            costs.push(now - before);
        }
        before = now;
    }
    println!("ticks of {MANY} active endpoints, on a processor: {costs:?}");
    costs.sort();
    let (median, longest) = (costs[TICKS / 2], costs[TICKS - 1]);
    println!("half of them take {median:?} or less, {BUDGET:?} at most; the longest {longest:?}");
    if median <= BUDGET && !median.is_zero() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn start(port: u16) -> Redis {
    let started = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn();
    let redis = Redis(started.expect("redis-server is installed"));
    for _ in 0..300 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    redis
}

/// How long the threads with this name ran.
fn time_of(name: &str) -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("threads");
    let times = threads.filter_map(|one| {
        let folder = one.ok()?.path();
        let is = fs::read_to_string(folder.join("comm")).ok()?;
        if is.trim_end() != name {
            return None;
        }
        let times = fs::read_to_string(folder.join("schedstat")).ok()?;
        times.split(' ').next()?.parse().ok()
    });
    times.map(Duration::from_nanos).sum()
}
