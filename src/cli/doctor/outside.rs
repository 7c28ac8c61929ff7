//! Judges what only the outside of a service sees: its address, the token, the clock, probes, the scrape.

use std::{net::IpAddr, time::Duration};

use http::Uri;
use serde_json::Value;

use super::finding::Finding;
use crate::timestamp;

/// How far two clocks may be apart. The header has whole seconds.
const APART: Duration = Duration::from_secs(5);

/// The probes that a service has where it says nothing of its own.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/health"];

/// How many requests were counted, and how many were excluded.
type Counts = Option<(u64, u64)>;

/// What is below an answer with this status.
type Answered = Result<(u16, Vec<u8>), String>;

/// The address of the API.
pub(super) struct Address<'a> {
    url: &'a str,
    uri: Option<Uri>,
}

// === impl Address ===

impl<'a> Address<'a> {
    pub(super) fn of(url: &'a str) -> Self {
        Self {
            url,
            uri: url.parse().ok(),
        }
    }

    /// What is wrong with the address itself.
    pub(super) fn findings(&self, with_token: bool) -> Option<Finding> {
        let uri = self.uri.as_ref()?;
        let plain = uri.scheme_str() == Some("http");
        (plain && !self.is_loopback()).then(|| {
            let what = match with_token {
                true => "the token goes over plain http to another machine: everybody on the way reads it",
                false => "the answers come over plain http from another machine",
            };
            Finding::warning("address", what, "MONITORING_URL, with https")
        })
    }

    fn is_loopback(&self) -> bool {
        let host = self.uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// The address of the service, without the path of its API.
    pub(super) fn root(&self, path: &str) -> String {
        if let Some(root) = self.url.strip_suffix(path) {
            return root.to_owned();
        }
        let uri = self.uri.as_ref();
        let parts = uri.and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
        match parts {
            Some((scheme, authority)) => format!("{scheme}://{authority}"),
            None => self.url.to_owned(),
        }
    }
}

/// Nobody answered.
pub(super) fn nobody(address: &Address<'_>, error: &str) -> Finding {
    let host = address
        .uri
        .as_ref()
        .and_then(Uri::host)
        .unwrap_or("the address");
    let what = match ["host not found", "resolve", "lookup address"]
        .iter()
        .any(|one| error.contains(one))
    {
        true => format!("the name {host} leads to no address"),
        false => format!("{host} does not answer: {error}"),
    };
    Finding::problem(
        "api",
        what,
        "MONITORING_URL, or MONITORING_ADDR of the service",
    )
}

/// The service answered, and did not say how it does.
pub(super) fn refused(status: u16, reason: &str, with_token: bool) -> Finding {
    match (status, with_token) {
        (401, true) => Finding::problem(
            "token",
            "the service refuses this token",
            "MONITORING_TOKEN, here or of the service",
        ),
        (401, false) => {
            Finding::problem("token", "the service asks for a token", "MONITORING_TOKEN")
        }
        (403, _) => Finding::problem("access", format!("the service refuses: {reason}"), "Access"),
        (404, _) => Finding::problem(
            "path",
            "the API is not at this address",
            "MONITORING_URL, or MONITORING_PATH of the service",
        ),
        _ => {
            let what = format!("HTTP {status}: {reason}");
            Finding::problem("api", what, "MONITORING_URL")
        }
    }
}

/// The clock of the service, which was read between two times here.
pub(super) fn clock(date: Option<&str>, before: Duration, after: Duration) -> Finding {
    let Some(date) = date.and_then(timestamp::of_header) else {
        return Finding::ok("clock", "the service does not say what time it is");
    };
    let ahead = date.checked_sub(after);
    let behind = before.checked_sub(date);
    let (apart, way) = match (ahead, behind) {
        (Some(ahead), _) => (ahead, "ahead of"),
        (None, Some(behind)) => (behind, "behind"),
        (None, None) => (Duration::ZERO, ""),
    };
    match apart > APART {
        true => {
            let seconds = apart.as_secs();
            let what = format!("the clock of the service is {seconds} s {way} this machine's");
            Finding::problem("clock", what, "the clock of one of both machines, by NTP")
        }
        false => Finding::ok(
            "clock",
            "the clocks of the service and of this machine agree",
        ),
    }
}

/// The paths of the probes to ask, of those that the service tells, if it tells any. They can be below another path, and have aliases.
pub(super) fn probes(told: Option<&[&str]>) -> Vec<String> {
    let Some(told) = told else {
        return PROBES.map(str::to_owned).to_vec();
    };
    let found = PROBES.into_iter().filter_map(|probe| {
        // Whatever the service tells is asked of the service itself.
        let is_one = |path: &&&str| path.starts_with('/') && path.ends_with(probe);
        let path = told.iter().filter(is_one).min_by_key(|path| path.len());
        path.map(|path| (*path).to_owned())
    });
    found.collect()
}

pub(super) fn probe(path: &str, answered: Answered) -> Finding {
    let change = "VitalsBuilder::health and Vitals::routes, or MONITORING_ADDR";
    match answered {
        Ok((200, body)) => Finding::ok("probe", format!("{path} answers 200{}", said(&body))),
        Ok((404, _)) => {
            Finding::problem("probe", format!("there is no {path} at this port"), change)
        }
        Ok((status, body)) => {
            let what = format!("{path} answers {status}{}", said(&body));
            let change = "what its checks ask: see `vitals check --verbose`";
            Finding::problem("probe", what, change)
        }
        Err(error) => Finding::problem("probe", format!("{path}: {error}"), change),
    }
}

/// What a probe says in words, if it does.
fn said(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body["status"].as_str() {
        Some(status) => format!(", {status}"),
        None => String::new(),
    }
}

pub(super) fn scrape(answered: Answered) -> Finding {
    let change = "Vitals::routes, feature prometheus, and no use_global_recorder";
    match answered {
        Ok((200, body)) => {
            let text = String::from_utf8_lossy(&body);
            match text
                .lines()
                .filter(|line| line.starts_with("# TYPE "))
                .count()
            {
                0 => Finding::problem("scrape", "/metrics has no metric", change),
                families => Finding::ok("scrape", format!("/metrics has {families} families")),
            }
        }
        Ok((status, _)) => Finding::problem("scrape", format!("/metrics answers {status}"), change),
        Err(error) => Finding::problem("scrape", format!("/metrics: {error}"), change),
    }
}

/// Whether a request was counted, by the counts before it, after it, and a while later. They are those of all requests: if others move
/// them as well, nobody knows which one was counted.
pub(super) fn request(sent: Result<u16, String>, counts: [Counts; 3]) -> Finding {
    let status = match sent {
        Ok(status) => status,
        Err(error) => {
            let what = format!("the request had no answer: {error}");
            return Finding::problem("request", what, "--request");
        }
    };
    let [Some(before), Some(after), Some(later)] = counts else {
        return Finding::warning(
            "request",
            "nobody knows whether a request was counted, because the service does not say",
            "MONITORING_TOKEN",
        );
    };
    let moved = |one: u64, other: u64| other.saturating_sub(one);
    let (counted, excluded) = (moved(before.0, after.0), moved(before.1, after.1));
    let others = moved(after.0, later.0) + moved(after.1, later.1);
    match (counted, excluded, others) {
        (0, 0, _) => Finding::problem(
            "request",
            format!("a request was answered {status}, and not counted"),
            "Router::layer(vitals.layer()) around all routes",
        ),
        (1, 0, 0) => Finding::ok(
            "request",
            format!("a request was answered {status} and counted"),
        ),
        (0, 1, 0) => Finding::warning(
            "request",
            format!("a request was answered {status}, and is excluded"),
            "MONITORING_EXCLUDE or exclude",
        ),
        _ => {
            let all = counted + excluded + others;
            let what = format!(
                "a request was answered {status}; {all} were seen meanwhile, so nobody knows whether it was one of them"
            );
            Finding::warning(
                "request",
                what,
                "--request, at a time without other requests",
            )
        }
    }
}

#[cfg(test)]
mod tests;
