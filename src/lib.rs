//! Composable Tower layers that give an axum, tonic or hyper service its vital signs.

pub mod config;
pub mod exclude;
pub mod timing;
