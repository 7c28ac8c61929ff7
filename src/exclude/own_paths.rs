//! Knows the paths at which routes of this crate may answer.

/// The last segments of the paths of metrics and probes. They can stand below any prefix.
const LAST: [&str; 5] = ["metrics", "livez", "readyz", "startupz", "health"];

/// What stands before the last segment: the name of a check, or a method of gRPC's health service.
const BEFORE_LAST: [&str; 2] = ["/health", "/grpc.health.v1.Health"];

/// The paths at which routes of this crate may answer, below any prefix.
///
/// A request on one of them is a suspect, no more: the route decides. So an application can have routes of its own there.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnPaths {
    /// Paths that the application chose for probes.
    aliases: Vec<Box<str>>,
    /// The path of the monitoring API, which answers at and below it.
    monitoring: Option<Box<str>>,
}

// === impl OwnPaths ===

impl OwnPaths {
    /// Adds paths that the application chose for probes, and that of the monitoring API. Each begins with a slash and ends without.
    pub(crate) fn with<'a>(
        aliases: impl Iterator<Item = &'a str>,
        monitoring: Option<&str>,
    ) -> Self {
        Self {
            aliases: aliases.map(Box::from).collect(),
            monitoring: monitoring.map(Box::from),
        }
    }

    /// Whether a route of this crate may answer at `path`.
    pub(crate) fn may_answer(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        // Every request is asked this. A search for one byte among few is faster than one for a char.
        let Some(slash) = path.bytes().rposition(|byte| byte == b'/') else {
            return false;
        };
        let (before, last) = (&path[..slash], &path[slash + 1..]);
        LAST.contains(&last)
            || BEFORE_LAST.iter().any(|own| before.ends_with(own))
            || self.aliases.iter().any(|alias| path.ends_with(&**alias))
            || self.is_of_monitoring(path)
    }

    fn is_of_monitoring(&self, path: &str) -> bool {
        let Some(monitoring) = &self.monitoring else {
            return false;
        };
        let mut places = path.match_indices(&**monitoring);
        places.any(|(at, found)| {
            let rest = &path[at + found.len()..];
            rest.is_empty() || rest.starts_with('/')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspect_ends_in_an_own_path_below_any_prefix() {
        let own = OwnPaths::with(["/status/db"].into_iter(), Some("/api/monitoring"));
        for (path, suspect) in [
            ("/metrics", true),
            ("/internal/metrics", true),
            ("/internal/readyz/", true),
            ("/health", true),
            ("/v1/health", true),
            ("/health/database", true),
            ("/a/health/database/", true),
            ("/grpc.health.v1.Health/Check", true),
            ("/rpc/grpc.health.v1.Health/Watch", true),
            ("/status/db", true),
            ("/a/status/db", true),
            ("/health/records/17", false),
            ("/xmetrics", false),
            ("/metrics/x", false),
            ("/grpc.health.v1.Healthy/Check", false),
            ("/mystatus/db", false),
            ("/api/monitoring", true),
            ("/api/monitoring/", true),
            ("/api/monitoring/alerts/x/ack", true),
            ("/a/api/monitoring/status", true),
            ("/api/monitorings", false),
            ("/api/monitorings/api/monitoring/status", true),
            ("/api/monitor", false),
            ("/", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(own.may_answer(path), suspect, "{path}");
        }
    }
}
