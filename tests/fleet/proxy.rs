//! Stands between an instance and Redis, and is as faulty as a test wants it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use tokio::time::Instant;

/// How often it looks whether it was told something else.
const LOOK: Duration = Duration::from_millis(5);

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Nobody listens, and open connections end.
    Refuse,
    /// Takes connections, and ends them at once.
    End,
    /// Takes connections, and lets nothing through until it passes again.
    Hang,
    /// Each answer takes so long.
    Slow(Duration),
}

/// A proxy that ends with the test.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    mode: Mutex<Mode>,
    /// The port of the server.
    to: AtomicU16,
    /// Grows when all open connections shall end.
    round: AtomicU64,
    /// What went to the server.
    sent: Mutex<Vec<u8>>,
    /// When somebody connected.
    connected: Mutex<Vec<Instant>>,
    ends: AtomicBool,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let state = Arc::new(State {
            mode: Mutex::new(Mode::Pass),
            to: AtomicU16::new(port),
            round: AtomicU64::new(0),
            sent: Mutex::new(Vec::new()),
            connected: Mutex::new(Vec::new()),
            ends: AtomicBool::new(false),
        });
        let listener = listen(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(port, listener, &shared));
        Self { port, state }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.state.mode.lock().unwrap() = mode;
        if matches!(mode, Mode::Refuse | Mode::End) {
            self.cut();
        }
    }

    /// Ends all open connections.
    pub(crate) fn cut(&self) {
        self.state.round.fetch_add(1, SeqCst);
    }

    /// Leads to another server from now on.
    pub(crate) fn lead_to(&self, port: u16) {
        self.state.to.store(port, SeqCst);
        self.cut();
    }

    /// What went to the server so far.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.state.sent.lock().unwrap().clone()
    }

    /// How many bytes that were.
    pub(crate) fn sent_bytes(&self) -> usize {
        self.state.sent.lock().unwrap().len()
    }

    /// When somebody connected.
    pub(crate) fn connected(&self) -> Vec<Instant> {
        self.state.connected.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ends.store(true, SeqCst);
        self.cut();
    }
}

// === impl State ===

impl State {
    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn accept(port: u16, first: TcpListener, state: &Arc<State>) {
    let mut listener = Some(first);
    while !state.ends.load(SeqCst) {
        if state.mode() == Mode::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = listen(port).ok();
        }
        match listener.as_ref().map(TcpListener::accept) {
            Some(Ok((socket, _))) => {
                state.connected.lock().unwrap().push(Instant::now());
                if state.mode() != Mode::End {
                    let state = Arc::clone(state);
                    thread::spawn(move || connect(socket, &state));
                }
            }
            _ => thread::sleep(LOOK),
        }
    }
}

/// Leads one connection to the server, and answers back.
fn connect(client: TcpStream, state: &Arc<State>) {
    let round = state.round.load(SeqCst);
    client.set_nonblocking(false).unwrap();
    let Ok(server) = TcpStream::connect(("127.0.0.1", state.to.load(SeqCst))) else {
        return;
    };
    let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let shared = Arc::clone(state);
    thread::spawn(move || pump(back.0, back.1, round, &shared, false));
    pump(client, server, round, state, true);
}

/// Leads bytes in one direction, until somebody ends the connection.
fn pump(mut from: TcpStream, mut to: TcpStream, round: u64, state: &State, forth: bool) {
    from.set_read_timeout(Some(LOOK)).unwrap();
    let is_over = || state.round.load(SeqCst) != round;
    let mut bytes = vec![0; 64 * 1024];
    while !is_over() {
        let read = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(_) => break,
        };
        while state.mode() == Mode::Hang && !is_over() {
            thread::sleep(LOOK);
        }
        if let (Mode::Slow(time), false) = (state.mode(), forth) {
            thread::sleep(time);
        }
        if is_over() || to.write_all(&bytes[..read]).is_err() {
            break;
        }
        if forth {
            let mut sent = state.sent.lock().unwrap();
            sent.extend_from_slice(&bytes[..read]);
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
