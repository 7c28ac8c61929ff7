//! Runs one check again and again in the background.

use std::sync::Weak;

use tokio::time::{self, Instant};

use super::{
    check::{Answer, Check},
    registry::Registry,
};
use crate::facts::chain;

/// Runs a check as long as there is a handle to the checks.
pub(super) async fn run(registry: Weak<Registry>, index: usize) {
    while let Some(check) = begin(&registry, index) {
        let began = Instant::now();
        let answer = ask(&check).await;
        let latency = began.elapsed();
        let Some(registry) = registry.upgrade() else {
            return;
        };
        registry.record(index, &answer, latency);
        drop(registry);
        // Spread over a fifth of the interval, so that not all replicas ask at once.
        time::sleep(check.interval.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
    }
}

fn begin(registry: &Weak<Registry>, index: usize) -> Option<Check> {
    let registry = registry.upgrade()?;
    let entry = registry.entries.get(index)?;
    entry.begin();
    Some(entry.check.clone())
}

/// Asks once, in a task of its own, so that a panic ends there. An answer after the timeout is an error.
async fn ask(check: &Check) -> Result<Answer, String> {
    let mut asked = tokio::spawn({
        let check = check.clone();
        async move {
            let answer = check.ask().await;
            answer.map_err(|error| chain::text_or_empty(&*error))
        }
    });
    match time::timeout(check.timeout, &mut asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err("the check panicked".into()),
        Err(_) => {
            asked.abort();
            Err(format!("no answer within {:?}", check.timeout))
        }
    }
}
