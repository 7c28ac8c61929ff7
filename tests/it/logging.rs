//! Writes one line for each request.

mod events;

mod formats;

mod parents;

mod spans;

mod stuck;

mod subscribers;
