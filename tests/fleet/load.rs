//! Sends requests, and counts what is answered.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::time::Instant;

/// One connection to an instance, which is kept open.
pub(crate) struct Connection(BufReader<TcpStream>);

/// Sends requests until it is told to stop.
pub(crate) struct Load {
    stops: Arc<AtomicBool>,
    runs: JoinHandle<Answered>,
}

/// What was answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    /// How many answers each status had.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// When each answer was there.
    pub(crate) times: Vec<Instant>,
    /// How long each took, shortest first.
    pub(crate) took: Vec<Duration>,
    /// The connection was gone before an answer came.
    pub(crate) is_cut: bool,
}

// === impl Connection ===

impl Connection {
    pub(crate) fn to(address: &str) -> Option<Self> {
        let socket = TcpStream::connect(address).ok()?;
        socket.set_nodelay(true).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Some(Self(BufReader::new(socket)))
    }

    /// The status of the answer. `None` if there is none.
    pub(crate) fn get(&mut self, path: &str) -> Option<u16> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n");
        self.0.get_mut().write_all(head.as_bytes()).ok()?;
        let mut line = String::new();
        let (mut status, mut length) = (0, 0);
        loop {
            line.clear();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let text = line.trim_end().to_ascii_lowercase();
            if text.is_empty() {
                break;
            }
            if let Some(value) = text.strip_prefix("http/1.1 ") {
                status = value.split(' ').next()?.parse().ok()?;
            } else if let Some(value) = text.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        self.0.read_exact(&mut vec![0; length]).ok()?;
        Some(status)
    }
}

// === impl Load ===

impl Load {
    /// Asks for these paths in turn, with a pause after each answer. It ends by itself with the instance.
    pub(crate) fn on(address: &str, paths: &[&str], pause: Duration) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stops);
        let address = address.to_owned();
        let paths: Vec<_> = paths.iter().map(|&path| path.to_owned()).collect();
        let runs = thread::spawn(move || {
            let mut answered = Answered::default();
            let mut connection = Connection::to(&address).unwrap();
            for path in paths.iter().cycle() {
                if until.load(SeqCst) || !answered.ask(&mut connection, path) {
                    break;
                }
                thread::sleep(pause);
            }
            answered.sorted()
        });
        Self { stops, runs }
    }

    pub(crate) fn stop(self) -> Answered {
        self.stops.store(true, SeqCst);
        self.runs.join().unwrap()
    }
}

// === impl Answered ===

impl Answered {
    /// Asks for these paths in turn until there were so many answers.
    pub(crate) fn of(address: &str, paths: &[&str], many: usize) -> Self {
        let mut answered = Self::default();
        let mut connection = Connection::to(address).unwrap();
        for path in paths.iter().cycle().take(many) {
            assert!(answered.ask(&mut connection, path), "{path} of {address}");
        }
        answered.sorted()
    }

    pub(crate) fn all(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Those with a status of 5xx.
    pub(crate) fn errors(&self) -> u64 {
        let all = self.statuses.iter().filter(|(status, _)| **status >= 500);
        all.map(|(_, count)| count).sum()
    }

    /// Those that were there before this moment.
    pub(crate) fn before(&self, moment: Instant) -> u64 {
        self.times.iter().filter(|time| **time < moment).count() as u64
    }

    /// The time that so many of a thousand answers do not exceed.
    pub(crate) fn quantile(&self, thousandths: usize) -> Duration {
        let place = self.took.len() * thousandths / 1_000;
        let last = self.took.len().saturating_sub(1);
        self.took.get(place.min(last)).copied().unwrap_or_default()
    }

    fn ask(&mut self, connection: &mut Connection, path: &str) -> bool {
        let begin = Instant::now();
        let Some(status) = connection.get(path) else {
            self.is_cut = true;
            return false;
        };
        *self.statuses.entry(status).or_default() += 1;
        self.times.push(Instant::now());
        self.took.push(begin.elapsed());
        true
    }

    fn sorted(mut self) -> Self {
        self.took.sort();
        self
    }
}
