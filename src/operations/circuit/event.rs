//! Tells the log and Sentry that a circuit breaker has changed.

use crate::{
    emit,
    metrics::{CircuitState, Metrics, circuits::Change},
    report::notice::{FINGERPRINT, Level, Notice},
    sentry,
};

/// Writes one event. If the circuit opened for the first time since it was closed, reports it.
pub(super) fn tell(
    metrics: Option<&Metrics>,
    name: &'static str,
    change: Change,
    to: CircuitState,
) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "tower_vitals",
                tracing::Level::$level,
                circuit = name,
                from = change.before.as_str(),
                to = to.as_str(),
                "circuit"
            )
        };
    }
    emit::counted(metrics, || match to {
        CircuitState::Open => event!(WARN),
        CircuitState::Closed | CircuitState::HalfOpen => event!(INFO),
    });
    if change.is_incident {
        sentry::notify(metrics, &opened(name));
    }
}

fn opened(name: &'static str) -> Notice {
    let message = format!("circuit {name} opened");
    let key = [FINGERPRINT, "circuit", name].map(str::to_owned);
    let mut notice = Notice::new(Level::Error, message, key.into());
    notice.tags.push(("circuit", name.to_owned()));
    notice
}
