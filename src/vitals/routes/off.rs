//! Stands in for the router without feature `axum`: it serves no path.

pub(super) const METRICS_PATH: Option<&str> = None;
