//! Gives an address at which nobody listens.

use std::{mem, net::SocketAddr};

use tokio::net::TcpSocket;

/// An address that refuses connections. It is bound and does not listen, for as long as the test's process runs: so no other test
/// gets its port.
pub(crate) fn nobody() -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    mem::forget(socket);
    address
}
