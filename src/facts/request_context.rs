//! Lets a handler add what only it knows to its request.

use std::{error::Error, sync::Arc};

use super::{boxes, category::ErrorCategory, exchange::Exchange, handler_context::HandlerContext};
use crate::text::{end_at_word, shortened};

/// The longest text that is kept, in bytes. Sentry gets less, but only what is scrubbed may be cut within a word.
const LONGEST: usize = 1_024;

/// The most tags that are kept.
const MOST_TAGS: usize = 32;

/// Adds to the request what only its handler knows: user, tenant, tags, and the cause of a failure.
///
/// All of it goes into the log event and to Sentry, and never into a metric label. A text is escaped to printable
/// characters. The log shows its first 200 bytes, Sentry its first 200 characters after it is scrubbed. Of a text of more than
/// 1,024 bytes only whole words are kept. At most 32 tags are kept. A later value replaces an earlier one.
///
/// In axum it is an extractor. In any other code of the request, [`current`](Self::current) finds it. That is right across
/// `.await` and under `tokio::join!`. A spawned task has none, unless [`Exchange::scope`] carries the exchange there. If no
/// layer observes the request, what is added is ignored.
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

// === impl RequestContext ===

impl RequestContext {
    /// The context of the request on which the running task works.
    #[must_use]
    pub fn current() -> Self {
        Self {
            exchange: Exchange::current(),
        }
    }

    /// The request's id, if there is a [`RequestIdLayer`](crate::RequestIdLayer) around the handler.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.exchange.as_ref()?.id()
    }

    /// The user who sent the request. Prefer an id to a name.
    pub fn user(&self, user: impl AsRef<str>) -> &Self {
        self.add(|handler| handler.user = Some(cut(user.as_ref())))
    }

    /// The tenant of the request.
    pub fn tenant(&self, tenant: impl AsRef<str>) -> &Self {
        self.add(|handler| handler.tenant = Some(cut(tenant.as_ref())))
    }

    /// A tag by which the request can be found.
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

    /// The category of the failure, if the request fails. It overrides all other evidence.
    #[expect(
        clippy::must_use_candidate,
        reason = "the returned value serves only for chaining"
    )]
    pub fn category(&self, category: ErrorCategory) -> &Self {
        self.add(|handler| handler.category = Some(category))
    }

    /// The error behind a response that does not show it, for code that makes its own response.
    ///
    /// A handler that can return `Result` may find [`Failure`](crate::Failure) simpler.
    pub fn cause(&self, cause: impl Into<Box<dyn Error + Send + Sync>> + 'static) -> &Self {
        let cause = boxes::keep(cause);
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
            exchange: Exchange::observed(&parts.extensions),
        })
    }
}

/// The text as it is: text that is escaped cannot be scrubbed.
fn cut(text: &str) -> Arc<str> {
    let mut kept = shortened(text, LONGEST);
    if kept.len() < text.len() {
        end_at_word(kept.to_mut());
    }
    kept.into()
}
