//! Tries the promises on real sockets, with servers and clients as users have them.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
)]

mod composition;
mod conservation;
mod exclusion;
mod exposition;
mod ids;
mod logging;
mod metrics;
mod transparency;
mod wire;
