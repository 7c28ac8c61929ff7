//! Logs many lines and ends at once, in the way that its argument says: a program for tests.

use std::{env, error::Error, process, time::Duration};

use tower_vitals::{Vitals, logging};

fn main() -> Result<(), Box<dyn Error>> {
    logging::init()?;
    for n in 0..5_000 {
        tracing::info!(n, "a line");
    }
    match env::args().nth(1).as_deref() {
        Some("return") => {}
        Some("exit") => process::exit(0),
        Some("panic") => panic!("as it was asked"),
        // The reader takes nothing until this is said.
        Some("flush") => {
            let vitals = Vitals::builder().isolated().build()?;
            eprintln!("{}", vitals.flush(Duration::from_millis(200)));
        }
        other => return Err(format!("no such end: {other:?}").into()),
    }
    Ok(())
}
