//! Writes log lines: those of requests and those of the application.

mod access_log;

mod events;

mod files;

mod formats;

mod request_lines;

mod scrubbed;

mod span_of_event;

mod spans;

mod stuck;

mod subscribers;
