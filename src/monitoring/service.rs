//! Answers the monitoring API on any server.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header, request::Parts};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::{
    answer, body,
    console::{self, Console, Shell},
    order::Order,
    parameters::Parameters,
    question::Question,
    refusal::Refusal,
    routes::{Asked, Change, asked},
    settings::CheckedMonitoring,
    sources::Sources,
    turns::Turns,
};
use crate::facts::{marks::Mark, shared::Shared};

/// The monitoring API, as a service for any server and any request body.
///
/// [`Vitals::monitoring`](crate::Vitals::monitoring) gives it. In axum, [`Vitals::routes`](crate::Vitals::routes) mounts it. Elsewhere,
/// give it the requests whose path [it answers](Self::answers). It is always ready and never fails. Clones share what is under way.
#[derive(Clone)]
pub struct MonitoringService {
    settings: Arc<CheckedMonitoring>,
    sources: Arc<Sources>,
    console: Arc<Console>,
    turns: Turns,
}

/// The answer of a [`MonitoringService`], once it is there.
pub struct MonitoringFuture(State);

enum State {
    /// `None` after it was given.
    There(Option<Response<Full<Bytes>>>),
    UnderWay(Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>),
}

// === impl MonitoringService ===

impl MonitoringService {
    pub(crate) fn new(settings: CheckedMonitoring, sources: Sources) -> Self {
        let sources = Arc::new(sources);
        let may_change = settings.guard.token().is_some();
        let (access, errors) = (settings.access(), settings.check_errors);
        let shown = Arc::clone(&sources);
        Self {
            console: Arc::new(Console::new(shown, access, may_change, errors)),
            settings: Arc::new(settings),
            sources,
            turns: Turns::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn failures(&self) -> Option<Arc<crate::failures::Failures>> {
        self.sources.failures.failures.clone()
    }

    /// The path at and below which it answers.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.settings.path
    }

    /// Whether a path is that of the API, or below it.
    #[must_use]
    pub fn answers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Adds all paths to a router, also those where nothing is: who may not ask is not told so.
    #[cfg(feature = "axum")]
    pub(crate) fn add_to<S>(&self, router: axum::Router<S>) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let path = self.path();
        let below = [
            path.to_owned(),
            format!("{path}/"),
            format!("{path}/{{*rest}}"),
        ];
        below.iter().fold(router, |router, path| {
            router.route_service(path, self.clone())
        })
    }

    fn begin<B>(&self, request: &Parts, body: B) -> Result<State, Refusal>
    where
        B: Body<Data: Send, Error: Send> + Send + 'static,
    {
        let CheckedMonitoring { path, guard, .. } = &*self.settings;
        let rest = request.uri.path().strip_prefix(&**path);
        let Some(rest) = rest.filter(|_| self.answers(request.uri.path())) else {
            // Somebody gave it a request that is not its own.
            return Err(Refusal::not_found("the monitoring API is not at this path"));
        };
        if let Some(shell) = console::asked(rest) {
            guard.may_open(request)?;
            return self.open(shell, request);
        }
        guard.may_read(request)?;
        match asked(&request.method, rest)? {
            Asked::Read(read, segment) => {
                let question = Question::parse(read, segment, request.uri.query())?;
                Ok(self.ask(question, request))
            }
            Asked::Change(change, segment) => {
                guard.may_change(request)?;
                Parameters::parse(request.uri.query(), &[])?;
                Ok(self.order(change, segment.to_owned(), request, body))
            }
        }
    }

    fn open(&self, shell: Shell, request: &Parts) -> Result<State, Refusal> {
        let (base, query) = (self.path(), request.uri.query());
        let response = console::shell(shell, base, &request.method, query, &request.headers)?;
        Ok(State::There(Some(answer::for_method(
            response,
            &request.method,
        ))))
    }

    fn ask(&self, question: Question, request: &Parts) -> State {
        let method = request.method.clone();
        if let Question::Console(since) = &question
            && let Some(fresh) = self.console.fresh()
        {
            // However many pages are open, nearly all of them are answered here.
            let response = console::changed(&fresh, since.as_ref(), &request.headers);
            return State::There(Some(answer::for_method(response, &method)));
        }
        let Self {
            settings,
            sources,
            console,
            turns,
        } = self.clone();
        let mut asked = request.uri.path_and_query().map(ToString::to_string);
        let mut headers = HeaderMap::new();
        for tag in request.headers.get_all(header::IF_NONE_MATCH) {
            // Who knows something gets another answer.
            asked.get_or_insert_default().push_str(&format!(" {tag:?}"));
            headers.append(header::IF_NONE_MATCH, tag.clone());
        }
        let is_far = question.is_far();
        let read = move || question.answer(&sources, &settings, &console, &headers);
        State::UnderWay(Box::pin(async move {
            let asked = asked.unwrap_or_default();
            let made = match is_far {
                true => turns.share_far(asked, read).await,
                false => turns.share(asked, read).await,
            };
            let response = response_of(made);
            answer::for_method(response, &method)
        }))
    }

    fn order<B>(&self, change: Change, segment: String, request: &Parts, body: B) -> State
    where
        B: Body<Data: Send, Error: Send> + Send + 'static,
    {
        let headers = request.headers.clone();
        let Self { sources, turns, .. } = self.clone();
        let obeyed = async move {
            let body = body::received(&headers, body, turns.clock()).await?;
            let order = Order::read(change, &segment, &body)?;
            match order {
                Order::Evaluate => turns.evaluate(move || order.obey(&sources)).await,
                Order::Test => turns.test(move || order.obey(&sources)).await,
                order => turns.work(move || order.obey(&sources)).await,
            }
        };
        State::UnderWay(Box::pin(async move { response_of(obeyed.await) }))
    }
}

impl<B> Service<Request<B>> for MonitoringService
where
    B: Body<Data: Send, Error: Send> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = MonitoringFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> MonitoringFuture {
        Shared::mark(request.extensions(), Mark::Unobserved);
        let (request, body) = request.into_parts();
        MonitoringFuture(self.begin(&request, body).unwrap_or_else(|refusal| {
            let response = refusal.response();
            State::There(Some(answer::for_method(response, &request.method)))
        }))
    }
}

impl fmt::Debug for MonitoringService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitoringService")
            .field("path", &self.path())
            .field("access", &self.settings.access())
            .finish_non_exhaustive()
    }
}

fn response_of(made: Result<Response<Full<Bytes>>, Refusal>) -> Response<Full<Bytes>> {
    made.unwrap_or_else(|refusal| refusal.response())
}

// === impl MonitoringFuture ===

impl Future for MonitoringFuture {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::There(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            State::UnderWay(made) => made.as_mut().poll(context).map(Ok),
        }
    }
}

impl fmt::Debug for MonitoringFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitoringFuture").finish_non_exhaustive()
    }
}
