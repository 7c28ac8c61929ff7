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
    dashboards: "../docs/dashboards.md", "guides/dashboards.md";
    monitoring: "../docs/monitoring.md";
    console: "../docs/console.md";
    fleet: "../docs/fleet.md";
    command: "../docs/command.md";
    work: "../docs/work.md";
    operations: "../docs/operations.md";
    logging: "../docs/logging.md";
    traces: "../docs/traces.md";
    settings: "../docs/settings.md";
    migration: "../docs/migration.md";
    performance: "../docs/performance.md";
    promises: "../docs/promises.md";
}

#[doc = include_str!("guides/links.md")]
#[doc = include_str!("../docs/questions.md")]
pub mod questions {
    pages! {
        tenant_label: "../docs/questions/tenant_label.md";
        p95_without_grafana: "../docs/questions/p95_without_grafana.md";
        testing_metrics: "../docs/questions/testing_metrics.md";
        exclusion: "../docs/questions/exclusion.md";
        user_from_jwt: "../docs/questions/user_from_jwt.md";
        body_sizes: "../docs/questions/body_sizes.md";
        trace_id: "../docs/questions/trace_id.md";
        status_to_category: "../docs/questions/status_to_category.md";
        other_frameworks: "../docs/questions/other_frameworks.md";
        order_of_layers: "../docs/questions/order_of_layers.md";
        sentry_tower: "../docs/questions/sentry_tower.md";
        sentry_searches: "../docs/questions/sentry_searches.md";
        spawned_tasks: "../docs/questions/spawned_tasks.md";
        client_address: "../docs/questions/client_address.md";
        fewer_lines: "../docs/questions/fewer_lines.md";
        admin_port: "../docs/questions/admin_port.md";
    }
}

#[doc = include_str!("guides/links.md")]
#[doc = include_str!("../docs/runbooks.md")]
pub mod runbooks {
    pages! {
        high_error_rate: "../docs/runbooks/high_error_rate.md";
        slow_response_time: "../docs/runbooks/slow_response_time.md";
        high_memory_usage: "../docs/runbooks/high_memory_usage.md";
        circuit_breaker_open: "../docs/runbooks/circuit_breaker_open.md";
        many_errors: "../docs/runbooks/many_errors.md";
        elevated_error_rate: "../docs/runbooks/elevated_error_rate.md";
        very_slow_response_time: "../docs/runbooks/very_slow_response_time.md";
        health_check_failed: "../docs/runbooks/health_check_failed.md";
        error_spike: "../docs/runbooks/error_spike.md";
        database_errors: "../docs/runbooks/database_errors.md";
        authentication_spike: "../docs/runbooks/authentication_spike.md";
        new_error: "../docs/runbooks/new_error.md";
        new_errors_after_deployment: "../docs/runbooks/new_errors_after_deployment.md";
        slow_query_time: "../docs/runbooks/slow_query_time.md";
        slow_queries: "../docs/runbooks/slow_queries.md";
        pool_usage_high: "../docs/runbooks/pool_usage_high.md";
        redis_memory_high: "../docs/runbooks/redis_memory_high.md";
        cache_hits_low: "../docs/runbooks/cache_hits_low.md";
        queue_backlog: "../docs/runbooks/queue_backlog.md";
        job_failed: "../docs/runbooks/job_failed.md";
        job_overdue: "../docs/runbooks/job_overdue.md";
        workers_down: "../docs/runbooks/workers_down.md";
        external_errors: "../docs/runbooks/external_errors.md";
        payment_failure_rate: "../docs/runbooks/payment_failure_rate.md";
        disk_space_low: "../docs/runbooks/disk_space_low.md";
        disk_space_critical: "../docs/runbooks/disk_space_critical.md";
        certificate_expires: "../docs/runbooks/certificate_expires.md";
        runtime_lag: "../docs/runbooks/runtime_lag.md";
        service_down: "../docs/runbooks/service_down.md";
        service_absent: "../docs/runbooks/service_absent.md";
        slo_budget_burns: "../docs/runbooks/slo_budget_burns.md";
        slo_without_data: "../docs/runbooks/slo_without_data.md";
    }
}
