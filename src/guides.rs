//! Renders the pages of `docs/` here. The tests' package runs their code.
//!
//! The same pages stand in the repository as files.

/// A module for each page. The links that come first win over those of the page, which lead to files.
macro_rules! pages {
    ($($name:ident: $page:literal $(, $more:literal)?;)*) => {$(
        $(#[doc = include_str!($more)])?
        #[doc = include_str!("guides/links.md")]
        #[doc = include_str!($page)]
        pub mod $name {}
    )*};
}

pages! {
    requests: "../docs/requests.md";
    layers: "../docs/layers.md";
    errors: "../docs/errors.md";
    grpc: "../docs/grpc.md";
    health: "../docs/health.md";
    sentry: "../docs/sentry.md", "guides/picture.md";
    metrics: "../docs/metrics.md";
    statistics: "../docs/statistics.md";
    alerts: "../docs/alerts.md";
    notifications: "../docs/notifications.md";
    rules: "../docs/rules.md";
    monitoring: "../docs/monitoring.md";
    operations: "../docs/operations.md";
    logging: "../docs/logging.md";
    traces: "../docs/traces.md";
    settings: "../docs/settings.md";
    questions: "../docs/questions.md";
    migration: "../docs/migration.md";
    performance: "../docs/performance.md";
    promises: "../docs/promises.md";
}
