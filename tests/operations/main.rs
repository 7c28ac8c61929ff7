//! Tests of what a service does beside answering requests, from outside.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "../it/support/directory.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod directory;
#[path = "../it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;
#[path = "../it/support/exposition.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod exposition;
#[path = "../it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;
#[path = "../it/support/nobody.rs"]
mod nobody;
#[path = "../it/support/panics.rs"]
mod panics;
#[path = "../programs/mod.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod programs;

mod certificates;
mod circuits;
mod counted;
mod interleavings;
mod jobs;
mod monitored;
mod on_requests;
mod outbound;
mod outbound_blame;
mod process;
mod samplers;
mod slow;
mod sqlx_events;
mod sqlx_on_requests;
mod sqlx_programs;
mod sqlx_queries;
mod statistics;
mod upstream;
