//! Follows a request that is excluded, as little as possible.

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Buf;
use http::{HeaderMap, Request, Response, Version};
use http_body::{Body, Frame};
use tokio::time::Instant;

use super::{
    EngineHandle,
    engine::Claim,
    head::{MethodKind, content_type_and_length, has_no_body},
    opening::Opening,
    tracker::{Head, Tracker},
};
use crate::facts::{
    grpc,
    labels::{MethodLabel, StatusLabel},
    layer_kinds::LayerKinds,
    passing::Passing,
    sentry_data::HubGuard,
    shared::Shared,
};

/// The drop guard of an excluded request, as long as nothing goes wrong. Then a [`Tracker`] takes its place, and judges as that
/// of any other request.
#[derive(Debug)]
pub(super) struct PassingTracker {
    engine: EngineHandle,
    active: LayerKinds,
    passing: Arc<Passing>,
    is_http1: bool,
    /// See [`Tracker::running`].
    pub(super) running: bool,
    pub(super) ended: bool,
    head: Option<Head>,
    expected_length: Option<u64>,
    streamed: bool,
    bytes: u64,
}

// === impl PassingTracker ===

impl PassingTracker {
    /// Whether an excluded request can pass. If a gRPC call is cancelled, its deadline tells whether that is a failure. And a
    /// layer that catches panics answers in the call's place.
    #[inline]
    pub(super) fn is_enough(engine: &EngineHandle, headers: &HeaderMap) -> bool {
        engine.panics.is_none() && grpc::Call::of(headers).is_none()
    }

    /// Notes on a request that the outermost layer excludes it.
    #[inline]
    pub(super) fn open<B>(
        engine: &EngineHandle,
        active: LayerKinds,
        opening: Opening,
        request: &mut Request<B>,
    ) -> Arc<Passing> {
        let method = MethodLabel::new(request.method());
        let hub = engine.observer.hub_of_excluded(active, opening.started);
        let passing = Passing::new(opening.started, method, opening.target, active, hub);
        let passing = passing.unshared();
        Shared::Passing(Arc::clone(&passing)).insert_into(request.extensions_mut());
        passing
    }

    /// Registers a layer further in. Returns the kinds for which it counts the excluded request.
    pub(super) fn join(engine: &EngineHandle, claim: Claim, passing: &Passing) -> LayerKinds {
        let active = passing.claim(claim.kinds);
        passing.bring_hub(|| engine.observer.hub_of_excluded(active, passing.started()));
        active
    }

    #[inline(always)]
    pub(super) fn new(
        engine: &EngineHandle,
        active: LayerKinds,
        passing: Arc<Passing>,
        version: Version,
    ) -> Self {
        Self {
            engine: engine.clone(),
            active,
            passing,
            is_http1: version < Version::HTTP_2,
            running: false,
            ended: false,
            head: None,
            expected_length: None,
            streamed: false,
            bytes: 0,
        }
    }

    /// Notes the head of the response. Returns whether a body is still to come, or `None` if the head may tell a failure of the
    /// server: then nothing is noted.
    pub(super) fn head<B: Body>(
        &mut self,
        response: &Response<B>,
        method: MethodKind,
    ) -> Option<bool> {
        let (format, length) = content_type_and_length(response.headers());
        let (status, body) = (response.status(), response.body());
        // A 4xx is the client's failure, which an excluded path tells nobody.
        if format.is_some() || StatusLabel::new(status).is_server_error() {
            return None;
        }
        let started = self.passing.started();
        let after = Instant::now().saturating_duration_since(started);
        self.head = Some(Head::new(status, after, Duration::ZERO));
        let hint = body.size_hint().exact();
        let expected = length.or(hint);
        if has_no_body(status, method) || body.is_end_stream() || expected == Some(0) {
            self.end();
            return Some(false);
        }
        self.expected_length = expected;
        self.streamed = hint.is_none();
        Some(true)
    }

    /// Notes a frame of the body, and the end if the server will not poll again.
    #[inline]
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>, at_end: bool) {
        let Some(data) = frame.data_ref() else {
            return self.end();
        };
        self.bytes = self.bytes.saturating_add(data.remaining() as u64);
        let expected = self.expected_length;
        if at_end || expected.is_some_and(|expected| self.bytes >= expected) {
            self.end();
        }
    }

    /// Binds the hub of the request to this thread. `alive`: the thread is surely not ending.
    #[inline(always)]
    pub(super) fn bind_hub(&self, alive: bool) -> Option<HubGuard> {
        HubGuard::bind(self.passing.hub()?, alive)
    }

    /// Reports an end that is no failure.
    pub(super) fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            let metrics = self.engine.metrics.as_ref();
            self.engine.observer.passed(self.active, metrics);
        }
    }

    /// Reports that the body failed.
    #[cold]
    pub(super) fn body_failed(&mut self, error: Option<&dyn Any>) {
        let mut tracker = self.tracker();
        let outcome = tracker.body_failed(error);
        tracker.end(outcome);
    }

    /// The tracker that takes its place.
    #[cold]
    pub(super) fn tracker(&mut self) -> Tracker {
        self.ended = true;
        let mut tracker = Tracker::new(
            self.engine.clone(),
            self.active,
            self.passing.exchange(),
            self.is_http1,
        );
        tracker.running = self.running;
        tracker.head = self.head;
        tracker.expected_length = self.expected_length;
        tracker.streamed = self.streamed;
        tracker.bytes = self.bytes;
        tracker
    }
}

impl Drop for PassingTracker {
    fn drop(&mut self) {
        // If the code of the inner service panicked, the tracker tells it when it is dropped.
        match self.running && !self.ended {
            true => drop(self.tracker()),
            false => self.end(),
        }
        Passing::give_back(&mut self.passing);
    }
}

#[cfg(test)]
mod tests;
