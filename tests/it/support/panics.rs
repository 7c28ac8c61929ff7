//! Keeps the expected panics out of the output.

use std::{panic, sync::Once};

use sentry::{
    Client, ClientOptions,
    integrations::panic::{PanicIntegration, panic_handler},
};

/// Keeps the panic hook from printing the panics that the tests cause. Sentry hears of them.
pub(crate) fn silence_panics_that_were_asked_for() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Sentry's hook is set with the first client, whichever test makes it. So it is set here, and then it is below.
        let options = ClientOptions::new().add_integration(PanicIntegration::default());
        let _client = Client::with_options(options);
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() == Some(&"as asked") {
                panic_handler(info);
            } else {
                print(info);
            }
        }));
    });
}
