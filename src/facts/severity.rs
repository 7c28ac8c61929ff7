//! Turns a duration into a severity.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::config::ConfigError;

/// How bad a request was: from its duration, or critical if the server failed.
///
/// There are four severities. A fifth would change every dashboard that counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As fast as expected.
    Normal,
    /// Slower than expected.
    Slow,
    /// So slow that users notice.
    Warning,
    /// So slow that users leave, or the server failed.
    Critical,
}

/// The three edges between the four severities, in ascending order.
///
/// Bands are half-open: a duration exactly on an edge belongs to the band above it. The default edges are 100 ms, 500 ms
/// and 2 s.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::timing::{Severity, SeverityBands};
///
/// let ms = Duration::from_millis;
/// let bands = SeverityBands::new(ms(200), ms(800), ms(3000))?;
/// assert_eq!(bands.severity(ms(199)), Severity::Normal);
/// assert_eq!(bands.severity(ms(200)), Severity::Slow);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeverityBands {
    slow: Duration,
    warning: Duration,
    critical: Duration,
}

// === impl Severity ===

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Slow, Self::Warning, Self::Critical];

    /// The value of the metric label and of the log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Slow => "slow",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

// === impl SeverityBands ===

impl SeverityBands {
    /// Bands that begin at `slow`, `warning` and `critical`.
    ///
    /// # Errors
    ///
    /// If an edge is zero or not above the edge before it. The error names the edge.
    pub fn new(slow: Duration, warning: Duration, critical: Duration) -> Result<Self, ConfigError> {
        let above = |field: &str, value: Duration, below: Duration, name: &str| {
            if value > below {
                return Ok(());
            }
            Err(ConfigError::new(
                field,
                format!("{value:?}"),
                format!("must be longer than {name} ({below:?})"),
            ))
        };
        above("bands.slow", slow, Duration::ZERO, "zero")?;
        above("bands.warning", warning, slow, "bands.slow")?;
        above("bands.critical", critical, warning, "bands.warning")?;
        Ok(Self {
            slow,
            warning,
            critical,
        })
    }

    /// 500 ms, 2 s and 5 s: edges for reports rather than for dashboards.
    #[must_use]
    pub const fn reporting() -> Self {
        Self {
            slow: Duration::from_millis(500),
            warning: Duration::from_secs(2),
            critical: Duration::from_secs(5),
        }
    }

    /// The same bands, kept for as long as the process lives. An application has few of them.
    pub(crate) fn kept(self) -> &'static Self {
        static ALL: Mutex<Vec<&'static SeverityBands>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.iter().find(|kept| ***kept == self) {
            return kept;
        }
        let kept: &'static Self = Box::leak(Box::new(self));
        all.push(kept);
        kept
    }

    /// The three edges, ascending.
    pub(crate) const fn edges(&self) -> [Duration; 3] {
        [self.slow, self.warning, self.critical]
    }

    /// The severity of a request that took `duration`.
    #[must_use]
    pub fn severity(&self, duration: Duration) -> Severity {
        // Most requests are as fast as expected.
        if duration < self.slow {
            Severity::Normal
        } else if duration < self.warning {
            Severity::Slow
        } else if duration < self.critical {
            Severity::Warning
        } else {
            Severity::Critical
        }
    }
}

impl Default for SeverityBands {
    fn default() -> Self {
        Self {
            slow: Duration::from_millis(100),
            warning: Duration::from_millis(500),
            critical: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn an_edge_belongs_to_the_band_above_it() {
        let bands = SeverityBands::default();
        let nano = Duration::from_nanos(1);
        for (edge, below, at) in [
            (MS(100), Severity::Normal, Severity::Slow),
            (MS(500), Severity::Slow, Severity::Warning),
            (MS(2000), Severity::Warning, Severity::Critical),
        ] {
            assert_eq!(bands.severity(edge - nano), below);
            assert_eq!(bands.severity(edge), at);
        }
        assert_eq!(bands.severity(Duration::ZERO), Severity::Normal);
        assert_eq!(bands.severity(Duration::MAX), Severity::Critical);
    }

    #[test]
    fn bands_out_of_order_name_the_field_and_the_value() {
        for (edges, message) in [
            (
                [0, 500, 2000],
                r#"bands.slow: invalid value "0ns": must be longer than zero (0ns)"#,
            ),
            (
                [500, 100, 2000],
                r#"bands.warning: invalid value "100ms": must be longer than bands.slow (500ms)"#,
            ),
            (
                [100, 500, 500],
                r#"bands.critical: invalid value "500ms": must be longer than bands.warning (500ms)"#,
            ),
        ] {
            let error = SeverityBands::new(MS(edges[0]), MS(edges[1]), MS(edges[2])).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn severity_never_falls_as_the_duration_grows() {
        // As many short ones as long ones.
        let any = || Duration::from_nanos(fastrand::u64(..) >> fastrand::u32(..64));
        let bands = SeverityBands::reporting();
        for _ in 0..10_000 {
            let (a, b) = (any(), any());
            let (short, long) = (a.min(b), a.max(b));
            assert!(
                bands.severity(short) <= bands.severity(long),
                "{short:?} {long:?}"
            );
        }
    }
}
