//! Writes one line for each request.

mod events;

mod formats;

mod stuck;

mod subscribers;
