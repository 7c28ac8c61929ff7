//! Writes one line for each request.

mod events;

mod formats;

mod spans;
mod stuck;

mod subscribers;
