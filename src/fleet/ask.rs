//! Who is asked: Redis, or what a test has in its place.

use redis::{Pipeline, Value};

use super::{link::Link, link_error::LinkError};

/// Answers a question of several commands.
pub(super) trait Ask {
    /// The answers of all commands that are not ignored.
    ///
    /// # Errors
    ///
    /// If there is no answer in time, or if one of the commands failed.
    fn values(&mut self, pipeline: &Pipeline) -> Result<Vec<Value>, LinkError>;
}

impl Ask for Link {
    fn values(&mut self, pipeline: &Pipeline) -> Result<Vec<Value>, LinkError> {
        self.ask(pipeline)
    }
}
