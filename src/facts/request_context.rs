//! Takes from the handler what only it knows.

use std::{error::Error, sync::Arc};

use crate::{category::ErrorCategory, exchange::Exchange, text::push_printable};

/// Longer texts are cut, in bytes.
const LONGEST: usize = 200;

/// More tags than this are not taken.
const MOST_TAGS: usize = 32;

/// What a handler adds to the request it answers: who asked, and what went wrong.
///
/// It goes into the log event and to Sentry, and never into a label of a metric. Texts are cut at 200 bytes and kept to printable
/// characters; of tags there are at most 32. The last word on each counts.
///
/// In axum it is an extractor; everywhere else, however deep below the handler, [`current`](Self::current) finds it. Right
/// across `.await` and under `tokio::join!`; a spawned task has none, unless [`Exchange::scope`] carries it there. Where no
/// layer of ours watches, all of it goes nowhere.
///
/// ```
/// use tower_vitals::RequestContext;
///
/// async fn show_order(context: RequestContext) -> &'static str {
///     context.user("u-17").tenant("acme").tag("plan", "gold");
///     "an order"
/// }
/// # fn later() {
/// // Anywhere below:
/// RequestContext::current().tag("cache", "miss");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RequestContext {
    exchange: Option<Arc<Exchange>>,
}

/// What a handler said.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandlerContext {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) tags: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) category: Option<ErrorCategory>,
    pub(crate) cause: Option<Arc<dyn Error + Send + Sync>>,
}

// === impl RequestContext ===

impl RequestContext {
    /// That of the request on which the running task works.
    #[must_use]
    pub fn current() -> Self {
        Self {
            exchange: Exchange::current(),
        }
    }

    /// The request's id, where a [`RequestIdLayer`](crate::RequestIdLayer) stands further out.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.exchange.as_ref()?.id()
    }

    /// Who asked: an id rather than a name.
    pub fn user(&self, user: impl AsRef<str>) -> &Self {
        self.add(|handler| handler.user = Some(cut(user.as_ref())))
    }

    /// For whom.
    pub fn tenant(&self, tenant: impl AsRef<str>) -> &Self {
        self.add(|handler| handler.tenant = Some(cut(tenant.as_ref())))
    }

    /// Anything else worth finding a request by.
    pub fn tag(&self, key: impl AsRef<str>, value: impl AsRef<str>) -> &Self {
        let (key, value) = (cut(key.as_ref()), cut(value.as_ref()));
        self.add(|handler| {
            if let Some((_, old)) = handler.tags.iter_mut().find(|(known, _)| *known == key) {
                *old = value;
            } else if handler.tags.len() < MOST_TAGS {
                handler.tags.push((key, value));
            }
        })
    }

    /// What kind of failure it is, if it is one: overrules all other evidence.
    #[expect(
        clippy::must_use_candidate,
        reason = "it returns itself only to go on from"
    )]
    pub fn category(&self, category: ErrorCategory) -> &Self {
        self.add(|handler| handler.category = Some(category))
    }

    /// The error behind an answer that does not show it, for code that makes its own response.
    ///
    /// A handler that can return `Result` may find [`Failure`](crate::Failure) simpler.
    pub fn cause(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> &Self {
        let cause = Arc::from(cause.into());
        self.add(|handler| handler.cause = Some(cause))
    }

    fn add(&self, change: impl FnOnce(&mut HandlerContext)) -> &Self {
        if let Some(exchange) = &self.exchange {
            exchange.add(change);
        }
        self
    }
}

#[cfg(feature = "axum")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "axum")))]
impl<S: Sync> axum::extract::FromRequestParts<S> for RequestContext {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self {
            exchange: Exchange::watching(&parts.extensions),
        })
    }
}

fn cut(text: &str) -> Arc<str> {
    let mut kept = String::new();
    push_printable(&mut kept, text, LONGEST);
    kept.into()
}
