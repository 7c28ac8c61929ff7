//! Runs two servers of one process, of which one ends before the other.

use std::convert::Infallible;

use http::{Method, StatusCode};
use tokio::{sync::oneshot, task::JoinHandle};
use tower_vitals::{
    RunError, ShutdownReport, Vitals, alerts::AlertSeverity, notify::NotificationKind,
};

use crate::{LONG, Level, begin, directory::Directory};

/// A server that ends when the test says so.
struct Served {
    end: oneshot::Sender<()>,
    running: JoinHandle<ShutdownReport>,
}

// === impl Served ===

impl Served {
    /// Runs a server, and waits until it has begun.
    async fn begin(vitals: &Vitals) -> Self {
        let ((end, ended), (begin, begun)) = (oneshot::channel(), oneshot::channel());
        let vitals = vitals.clone();
        let running = tokio::spawn(async move {
            let server = async {
                begin.send(()).unwrap();
                ended.await.unwrap();
                Ok::<_, Infallible>(())
            };
            vitals.run(server).await.unwrap()
        });
        begun.await.unwrap();
        Self { end, running }
    }

    async fn end(self) -> ShutdownReport {
        self.end.send(()).unwrap();
        self.running.await.unwrap()
    }
}

#[tokio::test]
async fn only_the_last_of_two_servers_ends_notifications_and_the_state_file() {
    let directory = Directory::new("two-servers");
    let (file, level) = (directory.path("state"), Level::default());
    let (vitals, noted) = begin(&file, &level);
    let first = Served::begin(&vitals).await;
    let second = Served::begin(&vitals).await;

    let report = first.end().await;
    assert_eq!((report.untold, report.unsaved), (0, false));
    assert!(file.is_file(), "it is written at the end of each");
    // The process goes on: it counts, tells and is started again.
    let count = || {
        let (method, status) = (Method::GET, StatusCode::OK);
        vitals
            .metrics()
            .record_request(&method, "/late", status, LONG);
    };
    count();
    level.set(2);
    assert_eq!(vitals.alerts().evaluate().len(), 1);
    let fired = noted.next();
    assert_eq!(fired.kind, NotificationKind::Firing);
    assert_eq!(vitals.notify(AlertSeverity::Critical, "said", ""), 1);
    assert_eq!(noted.next().summary, "said");
    let again = Served::begin(&vitals).await;
    again.end().await;
    count();
    let report = second.end().await;
    assert_eq!((report.untold, report.unsaved), (0, false));
    assert_eq!(vitals.notify(AlertSeverity::Critical, "too late", ""), 0);
    let refused = vitals.run(async { Ok::<_, Infallible>(()) }).await;
    assert!(matches!(refused, Err(RunError::Ended)), "{refused:?}");

    // The next process has all of it.
    let (vitals, noted) = begin(&file, &level);
    let lately = vitals.statistics().over(LONG * 100).unwrap();
    let late = lately.endpoint("GET", "/late").unwrap();
    assert_eq!(late.traffic.requests, 2);
    // That it fires is told already: the next is its end.
    vitals.alerts().evaluate();
    level.set(0);
    vitals.alerts().evaluate();
    let ended = noted.next();
    assert_eq!(ended.kind, NotificationKind::Resolved);
    assert_eq!(ended.fingerprint, fired.fingerprint);
}
