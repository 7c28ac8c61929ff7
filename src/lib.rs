//! Composable Tower layers that give an axum, tonic or hyper service its vital signs.

pub mod config;
pub mod exchange;
pub mod exclude;
mod observe;
pub mod request_id;
pub mod timing;

pub use self::{
    observe::{ResponseBody, ResponseFuture},
    request_id::RequestIdLayer,
};
