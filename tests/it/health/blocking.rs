//! Goes on when a check blocks its thread.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    vec,
};

use tower_vitals::health::{Check, Health, Role, Status};

use super::{MS, probe};
use crate::support::waiting::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_blocks_takes_no_worker_and_is_asked_again_when_it_is_free() {
    // A sound one at first: the runtime is at rest when a question blocks.
    const SOUND: usize = 5;
    let (free, blocked) = mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let asked = Arc::new(AtomicUsize::new(0));
    let stuck = Check::new("stuck", {
        let asked = Arc::clone(&asked);
        move || {
            let blocked = Arc::clone(&blocked);
            let before = asked.fetch_add(1, Ordering::SeqCst);
            async move {
                if before >= SOUND {
                    // As a client without async does. Another question would wait for the lock, on another worker.
                    blocked.lock().unwrap().recv().ok();
                }
                Ok::<_, io::Error>(())
            }
        }
    });
    let fine = Check::new("fine", async || Ok::<_, io::Error>(()));
    let health = Health::builder()
        .check(stuck.interval(MS(20)).timeout(MS(50)).failures(3))
        .check(fine.interval(MS(20)).role(Role::Informational))
        .start()
        .unwrap();
    let service = health.service();
    let after = async |runs: u64| {
        let until = health.reports()[1].runs + runs;
        let enough = || (health.reports()[1].runs >= until).then_some(());
        assert!(eventually(enough).await.is_some(), "the runtime stands");
    };
    // The third failure in a row, of one question.
    let failed = || (health.reports()[0].status == Status::Unhealthy).then_some(());
    assert!(eventually(failed).await.is_some());
    // Longer than an answer is recent.
    after(30).await;
    let report = health.reports().swap_remove(0);
    assert_eq!(report.status, Status::Unhealthy);
    assert_eq!(report.error.as_deref(), Some("no answer within 50ms"));
    let runs = SOUND + 1;
    assert_eq!(
        (asked.load(Ordering::SeqCst), report.runs),
        (runs, runs as u64)
    );
    assert_eq!(probe(&service, "/readyz").await.0, 503);
    assert_eq!(probe(&service, "/livez").await.0, 200);

    // Each further question is free at once.
    drop(free);
    let well = || (health.status() == Status::Healthy).then_some(());
    assert!(eventually(well).await.is_some());
    assert!(asked.load(Ordering::SeqCst) > runs);
}

/// A name whose look-up hangs until the other end is dropped.
#[derive(Clone)]
struct Hangs {
    looked_up: Arc<AtomicUsize>,
    until: Arc<Mutex<mpsc::Receiver<()>>>,
    at: SocketAddr,
}

impl ToSocketAddrs for Hangs {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.looked_up.fetch_add(1, Ordering::SeqCst);
        self.until.lock().unwrap().recv().ok();
        Ok(vec![self.at].into_iter())
    }
}

#[tokio::test]
async fn a_name_whose_look_up_hangs_is_looked_up_once_by_a_check() {
    let server = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
    let server = server.unwrap();
    let (free, until) = mpsc::channel::<()>();
    let name = Hangs {
        looked_up: Arc::default(),
        until: Arc::new(Mutex::new(until)),
        at: server.local_addr().unwrap(),
    };
    let looked_up = Arc::clone(&name.looked_up);
    let check = Check::tcp("cache", name).interval(MS(20)).timeout(MS(50));
    let health = Health::builder().check(check).start().unwrap();
    let asked_often = || (health.reports()[0].runs >= 5).then_some(());
    assert!(eventually(asked_often).await.is_some());
    assert_eq!(looked_up.load(Ordering::SeqCst), 1);
    let error = health.reports().swap_remove(0).error.unwrap();
    assert!(error.contains("still hangs"), "{error}");

    drop(free);
    let well = || (health.status() == Status::Healthy).then_some(());
    assert!(eventually(well).await.is_some());
}
