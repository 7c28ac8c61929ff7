//! Gives statistics of any window, from where they are kept.

use std::{any::Any, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{DeploymentStatistics, Now, ReleaseStatistics, Statistics, releases::DeploymentMark};
use crate::{
    config::ConfigError,
    metrics::{CircuitState, bounds::Bounds, readings::Key},
    window::{Span, Sums},
};

/// The longest window.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Gives what was counted between two wall times since 1970, and until now if the second one is later. Empty where nothing was
/// observed or is not kept any more.
pub(crate) type Stretches<'s> = dyn Fn(Duration, Duration) -> Sums + 's;

/// Gives what was counted in any stretch of time, for the keys that are wanted.
pub(crate) type Stretch<'s> = dyn Fn(Span, &dyn Fn(&Key) -> bool) -> Sums + 's;

/// Where the numbers of statistics are kept.
pub(crate) trait Source: Send + Sync {
    /// What was counted in the window that ends now, and in the one as long that ended when it began.
    fn last(&self, window: Duration) -> [Sums; 2];

    /// What was counted in any stretch of time, as it is known at this moment: the counters are read once for all of them, and
    /// stretches that follow each other share their edge.
    fn stretches(&self) -> Box<Stretches<'_>>;

    /// The same for any keys.
    fn view(&self) -> Box<Stretch<'_>>;

    /// The wall time since 1970.
    fn now(&self) -> Duration;

    /// The buckets of the durations.
    fn bounds(&self) -> &Bounds;

    /// The requests that began and have not ended.
    fn in_flight(&self) -> u64;

    /// The states of the circuit breakers.
    fn circuits(&self) -> BTreeMap<&'static str, CircuitState>;

    /// What is asked from time to time, as it was said last.
    fn samples(&self) -> BTreeMap<String, f64>;

    fn deployments(&self) -> Vec<DeploymentMark>;

    /// Forgets what was counted so far.
    fn clear(&self);

    /// The memory that is taken, in bytes.
    fn memory(&self) -> usize;

    /// How often durations were given up for memory.
    fn given_up(&self) -> u64;

    /// How often the counters could not be read at the end of a slot.
    fn lost_ticks(&self) -> u64;

    /// What counts all instances of the service together, which a room above this one knows.
    fn fleet(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}

/// The statistics of an application. Clones share them.
///
/// They are computed when they are asked for, on the thread that asks, from what was counted. No request waits for that.
#[derive(Clone)]
pub struct StatisticsHandle {
    pub(crate) source: Arc<dyn Source>,
}

// === impl StatisticsHandle ===

impl StatisticsHandle {
    pub(crate) fn new(source: Arc<dyn Source>) -> Self {
        Self { source }
    }

    /// What happened in the last `window`, which is above 0 and at most 24 hours.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_vitals::{Vitals, statistics::EndpointOrder};
    ///
    /// let vitals = Vitals::builder().isolated().build()?;
    /// let lately = vitals.statistics().over(Duration::from_secs(5 * 60))?;
    /// for slow in lately.endpoints(EndpointOrder::P95).into_iter().take(3) {
    ///     println!("{} {}: {:?} ms", slow.method, slow.endpoint, slow.traffic.p95_ms);
    /// }
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the window is 0 or longer than 24 hours.
    pub fn over(&self, window: Duration) -> Result<Statistics, ConfigError> {
        check(window)?;
        let [sums, before] = self.source.last(window);
        let (bounds, now) = (self.source.bounds(), Now::of(&*self.source));
        Ok(Statistics::new(window, &sums, &before, bounds, now))
    }

    /// The requests since each deployment, the newest first.
    ///
    /// ```
    /// use tower_vitals::{Deployment, Vitals};
    ///
    /// let vitals = Vitals::builder().isolated().build()?;
    /// vitals.record_deployment(&Deployment::new("1.4.2"));
    /// for release in vitals.statistics().releases() {
    ///     println!("{}: {:?}", release.version, release.traffic.error_rate);
    /// }
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn releases(&self) -> Vec<ReleaseStatistics> {
        let source = &*self.source;
        // First: what is deployed meanwhile has no requests yet.
        let deployments = source.deployments();
        ReleaseStatistics::of_each(&deployments, source.bounds(), source.stretches())
    }

    /// How often the service was deployed, and how many deployments were followed by more errors.
    #[must_use]
    pub fn deployments(&self) -> DeploymentStatistics {
        let source = &*self.source;
        let deployments = source.deployments();
        let (now, bounds) = (source.now(), source.bounds());
        DeploymentStatistics::new(&deployments, now, bounds, source.stretches())
    }

    /// The deployments as they are known.
    pub(crate) fn marks(&self) -> Vec<DeploymentMark> {
        self.source.deployments()
    }

    /// Forgets what happened so far: windows then begin now. What is published and the totals stay, and so do deployments.
    pub fn clear(&self) {
        self.source.clear();
    }

    /// The memory in bytes that statistics take at this moment. See
    /// [`statistics_memory`](crate::vitals::VitalsBuilder::statistics_memory) for the most.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.source.memory()
    }

    /// How often the durations of an endpoint, or of other work, in a slot were given up, to stay within the memory. If it grows, some quantiles are
    /// `None`.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.source.given_up()
    }

    /// How often a fault of this crate kept the counters from being read at the end of a slot. Its counts are in the next slot
    /// then, so none is lost.
    #[must_use]
    pub fn lost_ticks(&self) -> u64 {
        self.source.lost_ticks()
    }
}

impl fmt::Debug for StatisticsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatisticsHandle").finish_non_exhaustive()
    }
}

/// Whether there are statistics of such a window.
///
/// # Errors
///
/// If it is 0 or longer than 24 hours.
pub(crate) fn check(window: Duration) -> Result<(), ConfigError> {
    if window.is_zero() || window > LONGEST {
        let reason = "must be above 0 and at most 24 hours";
        return Err(ConfigError::new("window", format!("{window:?}"), reason));
    }
    Ok(())
}
