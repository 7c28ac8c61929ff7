//! Names what exporters of other systems publish, for panels whose numbers this crate does not have.

/// The exporter of Celery, by whose source the names below are checked.
pub(super) const CELERY: &str = "celery-exporter (github.com/danihodovic/celery-exporter)";

/// 1 for each worker whose heart beats, else 0.
pub(super) const CELERY_WORKER_UP: &str = "celery_worker_up";

/// What these exporters publish, as far as panels use it: the exporter, the metric, its labels.
#[cfg(test)]
pub(super) const NAMES: [(&str, &str, &[&str]); 1] = [(CELERY, CELERY_WORKER_UP, &["hostname"])];
