//! Tells at the start what is on.

use crate::{
    exclude::Exclusion, health::HealthService, logging, metrics::Metrics, release::Release,
    text::megabytes,
};

/// What a stack does, as it tells at the start.
pub(super) struct Start<'a> {
    pub(super) release: &'a Release,
    pub(super) metrics: &'a Metrics,
    /// Who renders `/metrics`.
    pub(super) recorder: &'static str,
    pub(super) exclude: &'a Exclusion,
    pub(super) health: Option<&'a HealthService>,
    /// Whether it reports to Sentry, and why.
    pub(super) sentry: &'static str,
    /// What is off by default, and whether it is on.
    pub(super) options: &'a [(&'static str, bool)],
}

// === impl Start ===

impl Start<'_> {
    /// Writes one event.
    pub(super) fn log(&self) {
        let probes = self.health.iter().flat_map(|health| health.paths());
        let probes = listed(probes);
        let excluded = self.exclude.to_string();
        let options = self.options.iter().filter(|(_, on)| *on);
        let options = listed(options.map(|(name, _)| *name));
        let settings = self.metrics.settings();
        let labels = settings.labels_shown();
        tracing::info!(
            target: "tower_vitals",
            service = self.release.service.as_deref(),
            release = self.release.version.as_deref(),
            environment = self.release.environment,
            sentry = self.sentry,
            probes,
            excluded = or_none(&excluded),
            exclusion_preset = self.exclude.preset(),
            options,
            recorder = self.recorder,
            metric_names = settings.names_shown(),
            metric_prefix = or_none(settings.prefix_shown()),
            metric_labels = or_none(&labels),
            log_format = logging::chosen::format().unwrap_or("of the application"),
            counters_at_most = megabytes(self.metrics.memory_bound()),
            "watching"
        );
    }
}

fn listed<'t>(words: impl Iterator<Item = &'t str>) -> String {
    let words: Vec<_> = words.collect();
    or_none(&words.join(",")).to_owned()
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
