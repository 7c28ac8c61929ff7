//! Writes what Kubernetes needs: probes whose times fit the checks, time to drain, and where the metrics are.

use super::{
    document,
    generated::Generated,
    node::{Node, list, map},
    probes::{self, Timing},
    scrape,
    served::{Probes, Served},
};

/// The label by which a service is found.
const NAME: &str = "app.kubernetes.io/name";

// === impl Generated ===

impl Generated {
    /// A Deployment for Kubernetes: probes, ports, and the time that the service needs to end.
    ///
    /// Liveness asks `/livez`, which depends on nothing. Readiness asks `/readyz` as often as the most frequent critical check is
    /// asked. A start has time for thirty answers of the slowest critical check at `/startupz`. A container has 5 s more than the
    /// [deadline](crate::vitals::VitalsBuilder::shutdown_deadline) to end, and waits before if readiness fails for less than 5 s
    /// before the server stops to accept connections.
    ///
    /// It has what the service knows of itself. Merge the rest into it: `kubectl patch --type strategic`, or a patch of Kustomize.
    ///
    /// ```
    /// use tower_vitals::{alerts::Alerts, generate::Generated, metrics::Settings};
    ///
    /// let generated = Generated::new(Alerts::default(), &Settings::new())?
    ///     .service("shop")
    ///     .port(3000)
    ///     .image("registry.example.com/shop:1.4.2");
    /// let deployment = generated.deployment();
    /// assert!(deployment.contains("path: /livez"));
    /// assert!(deployment.contains("terminationGracePeriodSeconds: 30"));
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn deployment(&self) -> String {
        let served = &self.served;
        let name = self.label();
        let mut comments = Vec::new();
        let mut container = map([("name", Node::from(name.as_str()))]);
        match &served.image {
            Some(image) => container = container.with("image", Node::from(image.as_str())),
            None => comments.push("It has no image: merge it into your Deployment.".to_owned()),
        }
        let ports = served
            .ports()
            .map(|(name, port)| map([("name", name.into()), ("containerPort", port.into())]));
        container = container.with("ports", Node::List(ports.collect()));
        match &served.probes {
            Some(known) => {
                let seconds = probes::until_unready(known);
                comments.extend(seconds.map(|seconds| format!(
                    "A critical check that fails takes the pod out of the service after {seconds} s at most."
                )));
                container = with_probes(container, known, served);
            }
            None => {
                comments.push("The service has no probes: Vitals::builder().health(..).".to_owned())
            }
        }
        if let Some(seconds) = probes::pre_stop(served) {
            let sleep = map([("sleep", map([("seconds", seconds.into())]))]);
            container = container.with("lifecycle", map([("preStop", sleep)]));
        }
        comments.extend(served.hidden());
        let labels = || map([(NAME, Node::from(name.as_str()))]);
        let pod = map([
            (
                "terminationGracePeriodSeconds",
                probes::grace(served).into(),
            ),
            ("containers", list([container])),
        ]);
        let template = map([("metadata", map([("labels", labels())])), ("spec", pod)]);
        let spec = map([
            ("selector", map([("matchLabels", labels())])),
            ("template", template),
        ]);
        self.resource("apps/v1", "Deployment", spec, &comments)
    }

    /// A Service for Kubernetes, with the ports of the [`deployment`](Self::deployment).
    #[must_use]
    pub fn kubernetes_service(&self) -> String {
        let ports = self.served.ports().map(|(name, port)| {
            map([
                ("name", name.into()),
                ("port", port.into()),
                ("targetPort", name.into()),
            ])
        });
        let spec = map([
            ("selector", map([(NAME, self.label().into())])),
            ("ports", Node::List(ports.collect())),
        ]);
        self.resource("v1", "Service", spec, &[])
    }

    /// A ServiceMonitor for the operator of Prometheus: where the metrics of the [service](Self::kubernetes_service) are, and how
    /// often they are scraped.
    ///
    /// That is every 15 s, or four times within the shortest window of the rules. The metrics need no token.
    #[must_use]
    pub fn service_monitor(&self) -> String {
        self.monitor("ServiceMonitor", "endpoints")
    }

    /// A PodMonitor for the operator of Prometheus, for pods without a service. Use it or the
    /// [`service_monitor`](Self::service_monitor): with both, everything is scraped twice.
    #[must_use]
    pub fn pod_monitor(&self) -> String {
        self.monitor("PodMonitor", "podMetricsEndpoints")
    }

    fn monitor(&self, kind: &str, endpoints: &str) -> String {
        let interval = scrape::interval(&self.rules);
        let endpoint = map([
            ("port", self.served.metrics_port().into()),
            ("path", scrape::PATH.into()),
            ("interval", interval.into()),
        ]);
        let selector = map([("matchLabels", map([(NAME, self.label().into())]))]);
        let spec = map([("selector", selector), (endpoints, list([endpoint]))]);
        let comments = self.served.why_not_scraped();
        self.resource("monitoring.coreos.com/v1", kind, spec, &comments)
    }

    fn resource(&self, version: &str, kind: &str, spec: Node, comments: &[String]) -> String {
        let name = self.label();
        let labels = map([(NAME, Node::from(name.as_str()))]);
        let metadata = map([("name", name.into()), ("labels", labels)]);
        let resource = map([
            ("apiVersion", version.into()),
            ("kind", kind.into()),
            ("metadata", metadata),
            ("spec", spec),
        ]);
        document::of_settings(&resource, comments)
    }

    /// The name of the service, as Kubernetes takes names: up to 63 of `[a-z0-9-]`, with a letter first.
    pub(super) fn label(&self) -> String {
        let name = self.service.as_deref().unwrap_or_default();
        let mut label = String::new();
        for one in name.chars() {
            match one.to_ascii_lowercase() {
                one if one.is_ascii_lowercase() => label.push(one),
                one if one.is_ascii_digit() && !label.is_empty() => label.push(one),
                _ if label.ends_with('-') || label.is_empty() => {}
                _ => label.push('-'),
            }
        }
        // All of it is ASCII.
        label.truncate(63);
        match label.trim_end_matches('-') {
            "" => "service".to_owned(),
            label => label.to_owned(),
        }
    }
}

/// A container with its probes.
fn with_probes(container: Node, probes: &Probes, served: &Served) -> Node {
    let port = served.probe_port();
    let probe = |path: &Option<String>, timing: Timing| {
        let path = path.as_deref();
        path.map(|path| timing.probe(path, port))
    };
    container
        .with(
            "startupProbe",
            probe(&probes.startup, Timing::start(probes)),
        )
        .with("livenessProbe", probe(&probes.live, Timing::LIVE))
        .with(
            "readinessProbe",
            probe(&probes.ready, Timing::ready(probes)),
        )
}
