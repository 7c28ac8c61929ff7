//! Helps the tests of this folder: serves, sends, waits and reads.

pub(crate) mod application;
pub(crate) mod client;
pub(crate) mod directory;
pub(crate) mod dsn;
pub(crate) mod exposition;
pub(crate) mod forms;
pub(crate) mod lines;
pub(crate) mod nobody;
pub(crate) mod panics;
pub(crate) mod reporting;
pub(crate) mod requests;
pub(crate) mod server;
pub(crate) mod stacks;
pub(crate) mod waiting;
