//! Sends requests through the application with a subject around it.

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use tokio::runtime::{self, Runtime};
use tower::ServiceExt;

use crate::{Case, Subject, application};

/// An application on a runtime of its own.
pub struct Driver {
    app: Router,
    runtime: Runtime,
}

impl Driver {
    pub fn new(subject: &Subject) -> Self {
        Self::around(application::router(), subject.around)
    }

    /// What stands around an application that has routes of its own.
    pub fn around(app: Router, around: impl FnOnce(Router) -> Router) -> Self {
        let runtime = current_thread();
        // Some peers spawn a task.
        let guard = runtime.enter();
        // As a server does once for each connection; without it, axum builds its layers anew for each request.
        let app = around(app).with_state(());
        drop(guard);
        Self { app, runtime }
    }

    /// The same application on another runtime, for another thread.
    pub fn twin(&self) -> Self {
        Self {
            app: self.app.clone(),
            runtime: current_thread(),
        }
    }

    /// Another handle to it.
    pub fn app(&self) -> Router {
        self.app.clone()
    }

    /// Sends this many requests of a kind and reads each answer to its end.
    pub fn run(&self, case: Case, requests: usize) {
        self.send(requests, &|_| case.request());
    }

    /// Makes and sends this many requests, and reads each answer to its end. What callgrind is told to count.
    #[inline(never)]
    pub fn measured(&self, requests: usize, request: &dyn Fn(usize) -> Request<Body>) {
        self.send(requests, request);
    }

    /// Runs code in no request this many times. What callgrind is told to count.
    #[inline(never)]
    pub fn measured_code(&self, times: usize, code: &dyn Fn()) {
        for _ in 0..times {
            code();
        }
    }

    pub fn send(&self, requests: usize, request: &dyn Fn(usize) -> Request<Body>) {
        self.runtime.block_on(async {
            for number in 0..requests {
                let response = self.app().oneshot(request(number)).await;
                let body = response.expect("an answer").into_body();
                body.collect().await.expect("a body");
            }
        });
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

fn current_thread() -> Runtime {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}
