//! Carries the error behind a response.

use std::{error::Error, sync::Arc};

use super::category::ErrorCategory;

/// The error as it travels in the extensions of its response.
#[derive(Clone)]
pub(crate) struct Cause {
    pub(crate) error: Arc<dyn Error + Send + Sync>,
    pub(crate) category: Option<ErrorCategory>,
}
