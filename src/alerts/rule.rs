//! Describes when an alert fires.

use std::{sync::Arc, time::Duration};

use super::{severity::AlertSeverity, signal::Signal};

/// When an alert fires, and whom it concerns.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::alerts::{AlertSeverity, Rule, Signal};
///
/// let rule = Rule::new("checkout_fails", Signal::error_rate_percent())
///     .endpoint("/orders")
///     .method("POST")
///     .above(2.0)
///     .window(Duration::from_secs(10 * 60))
///     .severity(AlertSeverity::Critical)
///     .summary("Customers cannot order")
///     .runbook("https://wiki.example.com/checkout");
/// ```
///
/// It is checked when the stack is built: an error names the rule and the field.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(crate) name: String,
    pub(crate) signal: Signal,
    pub(crate) comparison: Option<(Comparison, f64)>,
    pub(crate) window: Duration,
    pub(crate) pending_for: Duration,
    pub(crate) keep_firing_for: Option<Duration>,
    pub(crate) at_least: u64,
    pub(crate) severity: AlertSeverity,
    pub(crate) summary: String,
    pub(crate) runbook: Option<String>,
    /// The page among the runbooks of this crate, which counts where there is no other runbook.
    pub(crate) page: Option<&'static str>,
    pub(crate) repeat: Repeat,
    pub(crate) each_endpoint: bool,
    pub(crate) on_each_instance: bool,
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) method: Option<String>,
}

/// On which side of the threshold a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Above,
    Below,
}

/// When a firing alert is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// As its severity has it.
    Usual,
    Every(Duration),
    Never,
}

// === impl Rule ===

impl Rule {
    /// A rule over the last five minutes that warns after two minutes. It needs [`above`](Self::above) or
    /// [`below`](Self::below).
    ///
    /// The name has 1 to 100 ASCII letters, digits, `_`, `-`, `.` or `:`, and no other rule has it.
    #[must_use]
    pub fn new(name: impl Into<String>, signal: Signal) -> Self {
        Self {
            name: name.into(),
            signal,
            comparison: None,
            window: Duration::from_secs(5 * 60),
            pending_for: Duration::from_secs(2 * 60),
            keep_firing_for: None,
            at_least: 20,
            severity: AlertSeverity::Warning,
            summary: String::new(),
            runbook: None,
            page: None,
            repeat: Repeat::Usual,
            each_endpoint: false,
            on_each_instance: false,
            endpoint: None,
            method: None,
        }
    }

    /// Broken while the signal is above this threshold. A threshold is in the unit of the signal.
    #[must_use]
    pub const fn above(mut self, threshold: f64) -> Self {
        self.comparison = Some((Comparison::Above, threshold));
        self
    }

    /// Broken while the signal is below this threshold.
    #[must_use]
    pub const fn below(mut self, threshold: f64) -> Self {
        self.comparison = Some((Comparison::Below, threshold));
        self
    }

    /// Over which time the signal is taken, above 0 and at most 24 hours. Signals of how something is now have no window. Defaults
    /// to 5 minutes.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How long the rule must be broken before the alert fires, at most 24 hours. Until then it is pending. Time in which the
    /// process was suspended does not count. Defaults to 2 minutes.
    #[must_use]
    pub const fn pending_for(mut self, time: Duration) -> Self {
        self.pending_for = time;
        self
    }

    /// How long the alert goes on firing while the rule is not broken any more, at most 24 hours. So an alert cannot fire twice
    /// within this time. Defaults to 5 minutes, and to 15 minutes for shares such as an error rate.
    #[must_use]
    pub const fn keep_firing_for(mut self, time: Duration) -> Self {
        self.keep_firing_for = Some(time);
        self
    }

    /// How many requests, calls or queries there must be. Signals that are no shares, quantiles or spikes do without. Defaults
    /// to 20.
    ///
    /// With fewer of them in the window, quantiles are not judged, and shares over longer times: see
    /// [the module](super#few-requests).
    #[must_use]
    pub const fn at_least(mut self, requests: u64) -> Self {
        self.at_least = requests;
        self
    }

    /// How bad it is. Defaults to a warning.
    #[must_use]
    pub const fn severity(mut self, severity: AlertSeverity) -> Self {
        self.severity = severity;
        self
    }

    /// What it means, in a sentence of at most 1,000 bytes. Defaults to nothing.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// Where it is written what to do: an address that begins with `https://` or `http://`, of at most 2,000 bytes. Defaults to
    /// none, and for the rules of [`presets`](super::presets) to their page: see [`Alerts::runbooks`](super::Alerts::runbooks).
    #[must_use]
    pub fn runbook(mut self, address: impl Into<String>) -> Self {
        self.runbook = Some(address.into());
        self
    }

    /// The page among the runbooks of this crate.
    pub(super) const fn page(mut self, page: &'static str) -> Self {
        self.page = Some(page);
        self
    }

    /// After how long a firing alert is told again, from a second to a week. Defaults to that of its severity in
    /// [`Alerts::repeat`](super::Alerts::repeat), which is an hour.
    #[must_use]
    pub const fn repeat(mut self, every: Duration) -> Self {
        self.repeat = Repeat::Every(every);
        self
    }

    /// A firing alert is told once.
    #[must_use]
    pub const fn no_repeat(mut self) -> Self {
        self.repeat = Repeat::Never;
        self
    }

    /// Judges each endpoint, and each is an alert of its own with the labels `method` and `endpoint`. By category, the label is
    /// `endpoint` alone. For signals of requests and of errors. Defaults to the whole service.
    #[must_use]
    pub const fn each_endpoint(mut self) -> Self {
        self.each_endpoint = true;
        self
    }

    /// Judges the requests of one route, such as `/orders/{id}`. The label is `endpoint`. For signals of requests and of errors.
    /// Defaults to the whole service.
    #[must_use]
    pub fn endpoint(mut self, route: impl Into<String>) -> Self {
        self.endpoint = Some(Arc::from(route.into()));
        self
    }

    /// Only requests with this method, as metrics show it. Needs [`endpoint`](Self::endpoint). Defaults to all methods.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Each instance of a fleet evaluates it over its own numbers, and each has an alert of its own, with the label `instance`.
    /// Signals that say how something is now, such as memory and pools, are always so, and so are those that are
    /// [asked](Signal::asked) or recorded by the application. Only the age of a job is of the fleet. Defaults to one evaluation for the whole
    /// fleet. Without a fleet, it changes nothing.
    ///
    /// ```
    /// use tower_vitals::alerts::{Rule, Signal};
    ///
    /// let slow_instance = Rule::new("slow_instance", Signal::p95_ms())
    ///     .above(2_000.0)
    ///     .on_each_instance();
    /// ```
    #[must_use]
    pub const fn on_each_instance(mut self) -> Self {
        self.on_each_instance = true;
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
