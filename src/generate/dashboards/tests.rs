//! What stands on the dashboards.
