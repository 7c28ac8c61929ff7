//! Serves probes and metrics on a port of their own, while a server runs.

mod answers;
mod connections;
mod progress;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    task::{self, JoinHandle},
    time,
};

use self::{answers::Answers, connections::Connections};
use super::Vitals;
use crate::{
    config::{ConfigError, Environment},
    emit,
};

/// The settings of the admin port.
#[derive(Clone, Debug, Default)]
pub(super) struct AdminSettings {
    /// As given. There is no admin port if `None`.
    pub(super) address: Option<String>,
    pub(super) keep_routes: bool,
}

/// The admin port of a stack. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    address: SocketAddr,
    /// [`Vitals::routes`] serves its paths as well.
    pub(super) keep_routes: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Bound, and not served yet.
    bound: Option<TcpListener>,
    /// Two servers of a process, each with its `run`, share one admin port.
    serving: Weak<Serving>,
}

/// A running server of the admin port. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    address: SocketAddr,
    /// Dropped when the server must end.
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

// === impl AdminSettings ===

impl AdminSettings {
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        const NAME: &str = "MONITORING_ADDR";
        let address = environment.get(NAME);
        if let Some(address) = &address {
            parse(NAME, address)?;
        }
        Ok(Self {
            address,
            keep_routes: false,
        })
    }

    pub(super) fn checked(self) -> Result<Option<Admin>, ConfigError> {
        let Some(address) = self.address else {
            return Ok(None);
        };
        Ok(Some(Admin {
            address: parse("admin_addr", address.trim())?,
            keep_routes: self.keep_routes,
            state: Arc::default(),
        }))
    }
}

fn parse(field: &str, address: &str) -> Result<SocketAddr, ConfigError> {
    let expected = "expected an IP address and a port, such as 127.0.0.1:9000";
    let parsed = address.parse();
    parsed.map_err(|_| ConfigError::new(field, address, expected))
}

// === impl Admin ===

impl Admin {
    /// As it was given.
    #[cfg(feature = "generate")]
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Binds the address, unless that is done. Returns the bound address.
    fn bind(&self, state: &mut State) -> io::Result<SocketAddr> {
        if let Some(serving) = state.serving.upgrade() {
            return Ok(serving.address);
        }
        let listener = self.listener(state)?;
        let address = listener.local_addr();
        state.bound = Some(listener);
        address
    }

    /// What is bound and not served, or bound now.
    fn listener(&self, state: &mut State) -> io::Result<TcpListener> {
        if let Some(bound) = state.bound.take() {
            return Ok(bound);
        }
        listen(self.address).map_err(|error| {
            let text = format!("admin port {}: {error}", self.address);
            io::Error::new(error.kind(), text)
        })
    }

    /// Serves, unless another server of the process does.
    fn serve(&self, answers: impl FnOnce() -> Answers) -> io::Result<Arc<Serving>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(serving) = state.serving.upgrade() {
            return Ok(serving);
        }
        let listener = self.listener(&mut state)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let answers = answers();
        let connections = Connections::new(answers);
        let server = task::spawn(connections.serve(listener, stopped));
        emit::tell(move || {
            let address = address.to_string();
            tracing::info!(target: "tower_vitals", address, "serving the admin port");
        });
        let serving = Arc::new(Serving {
            address,
            stop: Some(stop),
            server,
        });
        state.serving = Arc::downgrade(&serving);
        Ok(serving)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

// === impl Serving ===

impl Serving {
    /// Accepts nothing more, and finishes what was asked, but not longer than `timeout`. If another server of the process
    /// needs it, it goes on.
    pub(super) async fn end(self: Arc<Self>, timeout: Duration) {
        if let Some(mut last) = Arc::into_inner(self) {
            last.stop = None;
            let _ = time::timeout(timeout, &mut last.server).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === impl Vitals ===

impl Vitals {
    /// Binds the [admin port](super::VitalsBuilder::admin_addr) now, and not only in [`run`](Self::run). Returns the address, which a port
    /// 0 leaves to the system. `None` if there is no admin port.
    ///
    /// It is served as soon as `run` begins. Until then, clients wait.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound, such as if its port is in use. The error names the address.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn bind_admin(&self) -> io::Result<Option<SocketAddr>> {
        let Some(admin) = &self.admin else {
            return Ok(None);
        };
        let mut state = admin.state.lock().unwrap_or_else(PoisonError::into_inner);
        admin.bind(&mut state).map(Some)
    }

    /// Serves the admin port, if there is one.
    pub(super) fn serve_admin(&self) -> io::Result<Option<Arc<Serving>>> {
        let admin = self.admin.as_ref();
        let answers = || {
            Answers::new(
                self.exporter.as_ref(),
                self.health.as_ref(),
                self.api.clone(),
            )
        };
        admin.map(|admin| admin.serve(answers)).transpose()
    }
}
