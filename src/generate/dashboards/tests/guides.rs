//! That no panel of the guides is missing.

use super::*;

/// The panels of the guides: the guide, what it asks for, and the panel.
const OF_GUIDES: [(&str, &str, &str); 37] = [
    ("G0", "request rate", "system: Request rate and 5xx errors"),
    (
        "G0",
        "response time",
        "system: Response time (p50, p95, p99)",
    ),
    ("G0", "error rate", "system: Error rate"),
    ("G0", "active connections", "system: Active connections"),
    ("G0", "active tenants", "business: Active tenants"),
    ("G0", "messages sent", "business: Messages sent (24h)"),
    ("G0", "orders created", "business: Orders created (24h)"),
    ("G0", "revenue", "business: Revenue (24h)"),
    ("G0", "CPU usage", "system: CPU usage"),
    ("G0", "memory usage", "system: Memory usage"),
    ("G0", "disk usage", "system: Disk usage"),
    ("G0", "network", "system: Network I/O"),
    ("G0", "pool usage", "performance: Connection pool usage"),
    (
        "G0",
        "query duration",
        "performance: Query duration (p50, p95, p99)",
    ),
    ("G0", "slow queries", "performance: Slow queries (over 1 s)"),
    ("G0", "database size", "performance: Database size"),
    ("G0", "queue length", "system: Queue length by queue"),
    ("G0", "task time", "system: Task processing time (p95)"),
    ("G0", "failed tasks", "system: Failed tasks"),
    ("G0", "active workers", "system: Active workers"),
    (
        "G1",
        "request rate and 5xx",
        "system: Request rate and 5xx errors",
    ),
    (
        "G1",
        "latency",
        "performance: Latency percentiles (p50, p95, p99)",
    ),
    (
        "G1",
        "database connections",
        "performance: Database connections",
    ),
    (
        "G1",
        "query duration",
        "performance: Query duration (p50, p95, p99)",
    ),
    ("G1", "memory", "system: Memory usage"),
    ("G1", "CPU", "system: CPU usage"),
    ("G1", "queue length", "system: Queue length by queue"),
    ("G2", "orders created", "business: Orders Created"),
    ("G2", "payments", "business: Payments Processed"),
    ("G2", "user activity", "business: User activity"),
    (
        "G4",
        "average response time",
        "performance: Average response time by endpoint",
    ),
    ("G4", "slow endpoints", "performance: Slow endpoint alerts"),
    ("G4", "error rate trend", "errors: Error rate trend"),
    ("G4", "errors by category", "errors: Errors by category"),
    ("G4", "top error types", "errors: Top error types"),
    ("G4", "current version", "deployments: Current version"),
    (
        "G4",
        "error rate by release",
        "deployments: Error rate by release",
    ),
];

#[test]
fn each_panel_of_the_guides_is_there_with_both_presets_of_names() {
    for settings in all_settings() {
        let panels = panels(&generated(&settings));
        let mut missing = OF_GUIDES.to_vec();
        missing.retain(|(.., title)| !panels.iter().any(|(known, _)| known == title));
        assert!(missing.is_empty(), "{missing:#?}");
    }
    let guide = panels(&generated(&Settings::new()));
    let (_, orders) = guide
        .iter()
        .find(|(title, _)| title == "business: Orders Created")
        .unwrap();
    assert_eq!(
        texts(orders, "expr"),
        [
            r#"sum by (channel) (increase(orders_created_total{job=~"$job",instance=~"$instance"}[24h]))"#
        ]
    );
    assert_eq!(texts(orders, "legendFormat"), ["{{channel}}"]);
}
