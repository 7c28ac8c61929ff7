//! Says whether a stack reports to Sentry, and why.

use sentry::Hub;

use super::options::{SentryOptions, Source};

// === impl SentryOptions ===

impl SentryOptions {
    /// Whether a stack with these options reports, in words for the event at the start.
    pub(crate) fn state(options: Option<&Self>) -> &'static str {
        match options.map(|options| &options.source) {
            None => "off: the builder has no options for it",
            Some(Source::Dsn(None)) => "off: SENTRY_DSN is not set",
            Some(Source::Dsn(Some(_))) => "on",
            Some(Source::CurrentClient) => match Hub::current().client() {
                None => "off until the application binds a client",
                Some(client) if !client.is_enabled() => "off: the application's client has no DSN",
                Some(_) => "on, by the application's client",
            },
        }
    }
}
