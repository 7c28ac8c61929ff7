use std::sync::mpsc::TryRecvError::{Disconnected, Empty};

use tokio::time::advance;

use super::*;
use crate::metrics::{
    Settings,
    gather::gather,
    samples::{Family, Histogram, Labels, Samples as Taker},
};

const SECOND: Duration = Duration::from_secs(1);

/// How many gauges each family has.
#[derive(Default)]
struct Counted {
    family: String,
    gauges: BTreeMap<String, usize>,
}

impl Taker for Counted {
    fn family(&mut self, family: &Family<'_>) {
        family.name.clone_into(&mut self.family);
    }
    fn counter(&mut self, _: &Labels<'_>, _: u64) {}
    fn gauge(&mut self, _: &Labels<'_>, _: f64) {
        *self.gauges.entry(self.family.clone()).or_default() += 1;
    }
    fn histogram(&mut self, _: &Labels<'_>, _: &Histogram<'_>) {}
}

fn size(pool: &str, value: f64) -> Sampled {
    Sampled::gauge(Id::PoolSize, &[pool], value)
}

/// The gauge of a name and its first label.
fn gauge(metrics: &Metrics, name: &str, label: &str) -> Option<f64> {
    let gauges = metrics.snapshot().gauges;
    let value = format!("=\"{label}\"");
    let mut found = gauges
        .iter()
        .filter(|(key, _)| key.starts_with(name) && key.contains(&value));
    let first = found.next().map(|(_, value)| *value);
    assert_eq!(found.next(), None);
    first
}

#[tokio::test(start_paused = true)]
async fn a_sampler_shows_its_last_values_and_how_old_they_are() {
    let metrics = Settings::new().isolated().unwrap();
    let sampler = Sampler::new("pool primary");
    let _alive = Metrics::publish_sampler(Some(&metrics), &sampler);
    let seen = || {
        let age = gauge(&metrics, "vitals_sample_age_seconds", "pool primary");
        (gauge(&metrics, "db_connection_pool_size", "primary"), age)
    };
    advance(3 * SECOND).await;
    assert_eq!(seen(), (None, Some(3.0)), "no answer since the start");
    sampler.put(vec![size("primary", 7.0)]);
    assert_eq!(seen(), (Some(7.0), Some(0.0)));
    advance(20 * SECOND).await;
    assert_eq!(seen(), (Some(7.0), Some(20.0)), "it hangs");
    sampler.forget();
    advance(5 * SECOND).await;
    assert_eq!(seen(), (None, Some(25.0)), "it cannot be reached");
    sampler.put(vec![size("primary", 8.0)]);
    assert_eq!(seen(), (Some(8.0), Some(0.0)));
}

#[tokio::test(start_paused = true)]
async fn a_sampler_takes_the_place_of_another_one_of_its_name() {
    let metrics = Settings::new().isolated().unwrap();
    let (old, new) = (Sampler::new("pool a"), Sampler::new("pool a"));
    let first = Metrics::publish_sampler(Some(&metrics), &old);
    old.put(vec![size("a", 1.0), size("gone", 1.0)]);
    assert_eq!(first.try_recv(), Err(Empty));
    let second = Metrics::publish_sampler(Some(&metrics), &new);
    assert_eq!(first.try_recv(), Err(Disconnected));
    new.put(vec![size("a", 2.0)]);
    let size = |pool| gauge(&metrics, "db_connection_pool_size", pool);
    assert_eq!((size("a"), size("gone")), (Some(2.0), None));
    // It ends with the counters.
    assert_eq!(second.try_recv(), Err(Empty));
    drop(metrics);
    assert_eq!(second.try_recv(), Err(Disconnected));
}

#[tokio::test(start_paused = true)]
async fn of_two_answers_for_one_series_the_newer_samplers_is_shown() {
    let metrics = Settings::new().isolated().unwrap();
    let samplers = ["one", "two"].map(|name| {
        let sampler = Sampler::new(name);
        (Metrics::publish_sampler(Some(&metrics), &sampler), sampler)
    });
    for (_, sampler) in samplers.iter().rev() {
        sampler.put(vec![size("a", 1.0), size("b", 1.0)]);
    }
    samplers[1].1.put(vec![size("a", 2.0)]);
    // Also the series is there once.
    let mut family = Counted::default();
    gather(Some(&metrics), &[], &mut family);
    assert_eq!(family.gauges["db_connection_pool_size"], 2);
    let size = |pool| gauge(&metrics, "db_connection_pool_size", pool);
    assert_eq!((size("a"), size("b")), (Some(2.0), Some(1.0)));
}
