//! Looks a name up, and does not wait longer than it may: the system's own look-up knows no end.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::mpsc::{self, Receiver},
    thread,
};

use tokio::time::Instant;

use super::address::Place;

/// One look-up at a time, on a thread of its own.
#[derive(Debug, Default)]
pub(super) struct LookUp {
    /// The one that nobody waited for to its end.
    pending: Option<(Place, Receiver<io::Result<Vec<SocketAddr>>>)>,
}

// === impl LookUp ===

impl LookUp {
    /// The addresses of a host.
    pub(super) fn addresses(&mut self, place: &Place, end: Instant) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = place.host.parse() {
            return Ok(vec![SocketAddr::new(ip, place.port)]);
        }
        let pending = self.pending.take().filter(|(of, _)| of == place);
        let answer = match pending {
            Some((_, answer)) => answer,
            None => start(place)?,
        };
        match answer.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(found) => found,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                self.pending = Some((place.clone(), answer));
                Err(io::ErrorKind::TimedOut.into())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(io::Error::other("no look-up")),
        }
    }
}

fn start(place: &Place) -> io::Result<Receiver<io::Result<Vec<SocketAddr>>>> {
    let (sender, receiver) = mpsc::channel();
    let Place { host, port } = place.clone();
    let thread = thread::Builder::new().name("vitals-look-up".to_owned());
    thread.spawn(move || {
        let found = (&*host, port).to_socket_addrs();
        let _ = sender.send(found.map(Iterator::collect));
    })?;
    Ok(receiver)
}
