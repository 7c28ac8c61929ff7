//! Gives code of the application that runs in a task of this crate, such as a health check, a hub of its own.

use std::sync::Arc;

use sentry::Hub;

use super::no_stack::BASE;
use crate::facts::{
    current::thread_is_alive,
    sentry_data::{ForkedHub, thread_has_hub},
};

/// A hub for a task of this crate in which code of the application runs. It begins with what the application set on the main hub:
/// on the hub of the thread lies what others have left. `None` if no client is bound.
pub(crate) fn hub_of_no_request() -> Option<ForkedHub> {
    if !thread_has_hub(thread_is_alive()) {
        return None;
    }
    let hub = BASE.hub(Hub::current().client().as_ref());
    hub.client().is_some().then(|| Arc::new(hub))
}
