//! Serves the application on sockets: on the threads of a runtime, or in a `LocalSet` on a thread of its own.

use std::{net::SocketAddr, thread};

use axum::Router;
use hyper::rt::Executor;
use hyper_util::{rt::TokioIo, server::conn::auto, service::TowerToHyperService};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::oneshot,
    task::{self, LocalSet},
};

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _running: oneshot::Sender<()>,
}

/// Runs the tasks of hyper in the `LocalSet` of this thread.
#[derive(Clone, Copy)]
struct Local;

// === impl Server ===

impl Server {
    pub(crate) fn on_threads(runtime: &Runtime, app: Router) -> Self {
        let (running, ended) = oneshot::channel::<()>();
        let listener = runtime.block_on(listen());
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            tokio::select! {
                served = axum::serve(listener, app).into_future() => served.unwrap(),
                _ = ended => {}
            }
        });
        Self {
            address,
            _running: running,
        }
    }

    pub(crate) fn in_local_set(app: Router) -> Self {
        let (running, ended) = oneshot::channel::<()>();
        let (tell, address) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            LocalSet::new().block_on(&runtime, async {
                let listener = listen().await;
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = serve_locally(listener, app) => {}
                    _ = ended => {}
                }
            });
        });
        Self {
            address: address.recv().unwrap(),
            _running: running,
        }
    }
}

// === impl Local ===

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        task::spawn_local(future);
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn serve_locally(listener: TcpListener, app: Router) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(app.clone());
        task::spawn_local(async move {
            let builder = auto::Builder::new(Local);
            let connection = builder.serve_connection(TokioIo::new(socket), service);
            // The client may leave without an end of its connection.
            let _ = connection.await;
        });
    }
}
