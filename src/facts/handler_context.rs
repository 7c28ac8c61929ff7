//! Keeps what a handler added to its request.

use std::{error::Error, sync::Arc};

use super::{category::ErrorCategory, failed_calls::FailedCalls};

/// What a handler added to its request.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandlerContext {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) tags: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) category: Option<ErrorCategory>,
    /// The text of the gRPC status of the answer.
    pub(crate) grpc_message: Option<Arc<str>>,
    pub(crate) cause: Option<Arc<dyn Error + Send + Sync>>,
    /// The calls of other services that failed.
    pub(crate) failed_calls: FailedCalls,
}
