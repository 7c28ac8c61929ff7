use super::*;
use crate::metrics::Settings;

fn states(metrics: &Metrics) -> Vec<(String, f64)> {
    let gauges = metrics.snapshot().gauges.into_iter();
    gauges
        .filter(|(key, _)| key.starts_with("circuit_breaker"))
        .collect()
}

fn row(name: &str, state: &str, value: f64) -> (String, f64) {
    let key = format!(r#"circuit_breaker_state{{name="{name}",state="{state}"}}"#);
    (key, value)
}

#[test]
fn a_circuit_is_in_one_state_of_three_and_open_ones_are_counted() {
    let metrics = Settings::new().isolated().unwrap();
    assert_eq!(states(&metrics), []);
    assert_eq!(
        Metrics::circuits_of(Some(&metrics)).set("groq", CircuitState::Closed),
        None
    );
    let open = |count| ("circuit_breaker_open_count".to_owned(), count);
    let expected = [
        open(0.0),
        row("groq", "closed", 1.0),
        row("groq", "half_open", 0.0),
        row("groq", "open", 0.0),
    ];
    assert_eq!(states(&metrics), expected);
    let before = Metrics::circuits_of(Some(&metrics)).set("groq", CircuitState::Open);
    let opened = Change {
        before: CircuitState::Closed,
        is_incident: true,
    };
    assert_eq!(before, Some(opened));
    Metrics::circuits_of(Some(&metrics)).set("mail", CircuitState::HalfOpen);
    let expected = [
        open(1.0),
        row("groq", "closed", 0.0),
        row("groq", "half_open", 0.0),
        row("groq", "open", 1.0),
        row("mail", "closed", 0.0),
        row("mail", "half_open", 1.0),
        row("mail", "open", 0.0),
    ];
    assert_eq!(states(&metrics), expected);
}

#[test]
fn watchers_that_are_gone_do_not_pile_up_while_nothing_changes() {
    let circuits = Circuits::default();
    circuits.watch("groq", Arc::new(|| true));
    for _ in 0..100 {
        circuits.watch("groq", Arc::new(|| false));
    }
    // One that stays, and the newest.
    assert_eq!(circuits.lock()["groq"].watchers.len(), 2);
}
