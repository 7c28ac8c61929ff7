//! Keeps the expected panics out of the output.

use std::{panic, sync::Once};

/// Keeps the panic hook from printing the panics that the tests cause.
pub(crate) fn silence_panics_that_were_asked_for() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&"as asked") {
                print(info);
            }
        }));
    });
}
