//! Sends the same requests to both stacks.

use std::{
    io::{self, Read},
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use axum::Router;
use sentry::{Client, ClientOptions, Hub, Scope};
use tokio::{net::TcpListener, runtime};
use tracing::Subscriber;

use crate::{
    after, before, client,
    report::{Events, Lines, Report, Samples, samples},
    shop::{Signal, Signals},
};

/// How long something may take that happens at once.
const LONGEST: Duration = Duration::from_secs(20);

/// A request, and what both stacks report of it.
#[derive(Debug)]
pub struct Compared {
    /// What the request is.
    pub case: &'static str,
    pub before: Report,
    pub after: Report,
}

/// When the client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    Never,
    BeforeTheResponse,
    InTheBody,
}

const CASES: [(&str, &str, Leaves); 9] = [
    ("200", "/orders/7", Leaves::Never),
    ("404 of a handler", "/orders/8", Leaves::Never),
    ("404 without a route", "/wp-login.php", Leaves::Never),
    ("500", "/pay", Leaves::Never),
    ("slow", "/slow", Leaves::Never),
    ("panic", "/panic", Leaves::Never),
    ("stream", "/stream", Leaves::Never),
    (
        "client leaves before the response",
        "/wait",
        Leaves::BeforeTheResponse,
    ),
    ("client leaves in the body", "/endless", Leaves::InTheBody),
];

/// A stack that serves.
struct Served {
    address: SocketAddr,
    lines: Lines,
    events: Arc<Events>,
    /// Sends what waits.
    flush: Box<dyn Fn() + Send>,
    signals: mpsc::Receiver<Signal>,
}

/// Sends each request to both stacks. A process can call it once, because axum-prometheus installs the recorder of the process.
///
/// # Errors
///
/// If a socket fails or a stack has bad settings.
pub fn run() -> io::Result<Vec<Compared>> {
    let before = start_before()?;
    let after = start_after()?;
    let compared = CASES.into_iter().map(|(case, path, leaves)| {
        Ok(Compared {
            case,
            before: before.ask(path, leaves)?,
            after: after.ask(path, leaves)?,
        })
    });
    compared.collect()
}

fn start_before() -> io::Result<Served> {
    let (signals, received) = mpsc::channel();
    let (lines, events) = (Lines::default(), Arc::new(Events::default()));
    let client = Client::with_options(sentry::apply_defaults(options(&events)));
    let subscriber = before::subscriber(lines.clone());
    let app = || before::app(Signals(signals));
    Ok(Served {
        address: serve(app, subscriber, Arc::new(client))?,
        lines,
        events,
        // The transport of the test takes an event at once.
        flush: Box::new(|| {}),
        signals: received,
    })
}

fn start_after() -> io::Result<Served> {
    let (signals, received) = mpsc::channel();
    let (lines, events) = (Lines::default(), Arc::new(Events::default()));
    let options = tower_vitals::sentry::guard(options(&events));
    let client = Arc::new(Client::with_options(sentry::apply_defaults(options)));
    let vitals = after::vitals().map_err(io::Error::other)?;
    let subscriber = after::subscriber(lines.clone());
    let app = || after::app(&vitals, Signals(signals));
    Ok(Served {
        address: serve(app, subscriber, Arc::clone(&client))?,
        lines,
        events,
        flush: Box::new(move || {
            client.flush(Some(LONGEST));
        }),
        signals: received,
    })
}

/// Options for a client that sends to the test.
fn options(events: &Arc<Events>) -> ClientOptions {
    ClientOptions::new()
        .dsn("http://public@127.0.0.1:1/1")
        .transport(Arc::clone(events))
}

/// Serves on a thread of its own, which alone has this subscriber and this client, until the process ends.
fn serve(
    app: impl FnOnce() -> Router,
    subscriber: impl Subscriber + Send + Sync + 'static,
    client: Arc<Client>,
) -> io::Result<SocketAddr> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    // axum-prometheus starts a task.
    let app = runtime.block_on(async { app() });
    thread::spawn(move || {
        let hub = Arc::new(Hub::new(Some(client), Arc::new(Scope::default())));
        Hub::run(hub, || {
            tracing::subscriber::with_default(subscriber, || {
                runtime.block_on(async { axum::serve(listener, app).await })
            })
        })
    });
    Ok(address)
}

// === impl Served ===

impl Served {
    fn ask(&self, path: &str, leaves: Leaves) -> io::Result<Report> {
        let old = self.scrape()?;
        let mut report = Report::default();
        match leaves {
            Leaves::Never => {
                let answer = client::get(self.address, path)?;
                let id = answer.header("x-request-id").is_some();
                report.answer = Some((answer.status, id));
            }
            Leaves::BeforeTheResponse | Leaves::InTheBody => {
                let mut connection = client::send(self.address, path)?;
                self.wait_for(Signal::Entered)?;
                if leaves == Leaves::InTheBody {
                    // The head is there.
                    connection.read_exact(&mut [0; 12])?;
                }
                client::leave(&connection)?;
                self.wait_for(Signal::Dropped)?;
            }
        }
        // The server has one thread, so what it did for the request is done before it answers this one.
        let new = self.scrape()?;
        (self.flush)();
        report.grown(&old, &new);
        report.lines = self.lines.take();
        report.events = self.events.take();
        Ok(report)
    }

    fn scrape(&self) -> io::Result<Samples> {
        Ok(samples(&client::get(self.address, "/metrics")?.body))
    }

    fn wait_for(&self, expected: Signal) -> io::Result<()> {
        let got = self
            .signals
            .recv_timeout(LONGEST)
            .map_err(io::Error::other)?;
        if got == expected {
            Ok(())
        } else {
            Err(io::Error::other(format!("{got:?} instead of {expected:?}")))
        }
    }
}
