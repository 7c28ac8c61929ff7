//! What a running service generates for Prometheus.
