//! Knows which paths there are, and with which methods.

use http::Method;

use super::refusal::Refusal;

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Metrics,
    Status,
    Alerts,
    ActiveAlerts,
    Silences,
    Endpoints,
    Errors,
    Deployments,
    Health,
    Fleet,
    Rules,
    Kubernetes,
    Dashboard,
    Doctor,
    Console,
    Endpoint,
}

/// What can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Evaluate,
    Silence,
    EndSilence,
    Acknowledge,
    Deployed,
    Test,
}

/// A path below that of the API.
#[derive(Debug)]
pub(super) struct Route {
    /// One segment in braces stands for any.
    pub(super) path: &'static str,
    pub(super) read: Option<Read>,
    pub(super) change: Option<Change>,
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'p> {
    /// With the segment in braces, or an empty one.
    Read(Read, &'p str),
    Change(Change, &'p str),
}

/// All paths but those of the files of the [page](super::console).
pub(super) const ROUTES: [Route; 20] = [
    Route::reads("/metrics", Read::Metrics),
    Route::reads("/status", Read::Status),
    Route::reads("/alerts", Read::Alerts),
    Route::reads("/alerts/active", Read::ActiveAlerts),
    Route::changes("/alerts/{fingerprint}/ack", Change::Acknowledge),
    Route::changes("/evaluate", Change::Evaluate),
    Route::both("/silences", Read::Silences, Change::Silence),
    Route::changes("/silences/{id}/end", Change::EndSilence),
    Route::reads("/endpoints", Read::Endpoints),
    Route::reads("/errors", Read::Errors),
    Route::both("/deployments", Read::Deployments, Change::Deployed),
    Route::reads("/health", Read::Health),
    Route::reads("/fleet", Read::Fleet),
    Route::reads("/rules.yml", Read::Rules),
    Route::reads("/kubernetes.yml", Read::Kubernetes),
    Route::reads("/dashboards/{name}.json", Read::Dashboard),
    Route::reads("/doctor", Read::Doctor),
    Route::changes("/doctor/test", Change::Test),
    Route::reads("/console.json", Read::Console),
    Route::reads("/console/endpoint.json", Read::Endpoint),
];

// === impl Route ===

impl Route {
    const fn reads(path: &'static str, read: Read) -> Self {
        Self {
            path,
            read: Some(read),
            change: None,
        }
    }

    const fn changes(path: &'static str, change: Change) -> Self {
        Self {
            path,
            read: None,
            change: Some(change),
        }
    }

    const fn both(path: &'static str, read: Read, change: Change) -> Self {
        Self {
            path,
            read: Some(read),
            change: Some(change),
        }
    }

    pub(super) const fn allow(&self) -> &'static str {
        match (self.read, self.change) {
            (Some(_), Some(_)) => "GET, HEAD, POST",
            (Some(_), None) => "GET, HEAD",
            _ => "POST",
        }
    }

    /// The segment in braces if the path is this one, or an empty one.
    fn segment<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((before, rest)) = self.path.split_once('{') else {
            return (path == self.path).then_some("");
        };
        let (_, after) = rest.split_once('}')?;
        let segment = path.strip_prefix(before)?.strip_suffix(after)?;
        (!segment.is_empty() && !segment.contains('/')).then_some(segment)
    }
}

/// What a request asks for, by the rest of its path after that of the API. A path is compared as it was sent: nothing is decoded,
/// joined or followed.
pub(super) fn asked<'p>(method: &Method, rest: &'p str) -> Result<Asked<'p>, Refusal> {
    let find = |route: &'static Route| Some((route, route.segment(rest)?));
    let Some((route, segment)) = ROUTES.iter().find_map(find) else {
        return Err(Refusal::not_found("there is nothing at this path"));
    };
    let asked = match *method {
        Method::GET | Method::HEAD => route.read.map(|read| Asked::Read(read, segment)),
        Method::POST => route.change.map(|change| Asked::Change(change, segment)),
        _ => None,
    };
    asked.ok_or_else(|| Refusal::method(route.allow()))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::{Map, Value};

    use super::{super::console::ASSETS, *};

    #[test]
    fn a_path_is_compared_as_it_was_sent() {
        for path in [
            "",
            "/",
            "/metrics/",
            "//metrics",
            "/../metrics",
            "/./metrics",
            "/%6detrics",
            "/%2e%2e/metrics",
            "/METRICS",
            "/metrics/x",
            "/alerts/x",
            "/alerts//ack",
            "/alerts/a/b/ack",
            "/alerts/ack",
            "/silences/end",
            "/silences/1",
            "/index.html",
            "/dashboards/system",
            "/dashboards/.json",
            "/dashboards/a/b.json",
            "/console",
            "/console/",
            "/console/x.js",
            "/console/../console.json",
        ] {
            for method in [Method::GET, Method::POST] {
                let refusal = asked(&method, path).unwrap_err();
                assert_eq!(refusal.status, StatusCode::NOT_FOUND, "{path}");
            }
        }
        let end = Asked::Change(Change::EndSilence, "17");
        assert_eq!(asked(&Method::POST, "/silences/17/end"), Ok(end));
        let system = Asked::Read(Read::Dashboard, "system");
        assert_eq!(asked(&Method::GET, "/dashboards/system.json"), Ok(system));
    }

    #[test]
    fn the_document_has_each_path_with_its_methods_and_each_answer_in_json() {
        let text = include_str!("../../tests/monitoring/openapi.json");
        let document: Value = serde_json::from_str(text).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let told = |(path, item): (&String, &Value)| {
            let methods: Map<_, _> = item.as_object().unwrap().clone();
            let mut methods: Vec<_> = methods.keys().map(|one| one.to_uppercase()).collect();
            methods.retain(|method| method != "PARAMETERS");
            methods.sort();
            (path.clone(), methods.join(", "))
        };
        let mut told: Vec<_> = paths.iter().map(told).collect();
        let mut served: Vec<_> = ROUTES
            .iter()
            .map(|route| (route.path.to_owned(), route.allow().to_owned()))
            .collect();
        let files = ASSETS.iter().map(|asset| asset.path.to_owned());
        served.extend(files.map(|path| (path, "GET, HEAD".to_owned())));
        told.sort();
        served.sort();
        assert_eq!(told, served);
    }
}
