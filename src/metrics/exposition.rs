//! The texts in which a reader gets the metrics: which there are, which a reader accepts, and who writes them.

#[cfg(any(feature = "axum", feature = "health"))]
mod accept;
#[cfg(feature = "prometheus")]
mod clashes;
#[cfg(feature = "prometheus")]
pub(crate) mod edges;
#[cfg(any(feature = "axum", feature = "health"))]
#[cfg_attr(not(feature = "prometheus"), path = "exposition/gzip/off.rs")]
mod gzip;
#[cfg(feature = "prometheus")]
pub(crate) mod numbers;
#[cfg(all(test, feature = "prometheus"))]
mod parser;
#[cfg(feature = "prometheus")]
mod parts;
#[cfg(feature = "prometheus")]
mod writer;

#[cfg(any(feature = "axum", feature = "health"))]
use http::HeaderValue;

#[cfg(feature = "prometheus")]
pub(crate) use self::writer::Writer;
#[cfg(any(feature = "axum", feature = "health"))]
pub(crate) use self::{
    accept::{Form, accepted},
    gzip::gzip,
};

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// Prometheus' text format, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0. It has exemplars.
    OpenMetrics,
}

// === impl Format ===

#[cfg(any(feature = "axum", feature = "health"))]
impl Format {
    pub(crate) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        })
    }
}

#[cfg(all(test, feature = "prometheus"))]
mod tests;
