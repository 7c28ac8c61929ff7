//! Writes what Docker needs: the check of a container, and a stack for one machine.

use super::{
    document,
    generated::Generated,
    node::{Node, list, map},
    probes::{self, Timing},
    served::Probes,
};

/// How long the command itself waits, in seconds: less than Docker, so that it can say why.
const ASKING: u64 = 3;

const PROMETHEUS: &str = "prom/prometheus:v3.5.0";
const ALERTMANAGER: &str = "prom/alertmanager:v0.28.1";
const GRAFANA: &str = "grafana/grafana:12.0.2";

/// The names that the other containers have.
const OTHERS: [&str; 3] = ["prometheus", "alertmanager", "grafana"];

/// How a container is checked.
struct Check {
    command: Vec<String>,
    timing: Timing,
    /// In seconds.
    start: u64,
}

// === impl Generated ===

impl Generated {
    /// A `HEALTHCHECK` for a Dockerfile, which asks by `vitals check`. Its times follow from the checks, as those of the
    /// [`deployment`](Self::deployment). A comment if the service has no probes.
    ///
    /// ```
    /// use tower_vitals::{alerts::Alerts, generate::Generated, metrics::Settings};
    ///
    /// let generated = Generated::new(Alerts::default(), &Settings::new())?;
    /// assert!(generated.healthcheck().contains("HEALTHCHECK --interval=10s"));
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn healthcheck(&self) -> String {
        let head = document::HEAD_OF_SETTINGS;
        let Some(check) = self.check() else {
            return format!("{head}# The service has no probes: Vitals::builder().health(..).\n");
        };
        let Check {
            command,
            timing,
            start,
        } = &check;
        let Timing {
            period,
            timeout,
            failures,
        } = timing;
        let command = command.iter().map(|word| format!("{word:?}"));
        let command = command.collect::<Vec<_>>().join(", ");
        format!(
            "{head}# The image needs the program: cargo install tower-vitals --features cli\n\
             HEALTHCHECK --interval={period}s --timeout={timeout}s --start-period={start}s --retries={failures} \\\n  \
             CMD [{command}]\n"
        )
    }

    /// A `docker-compose.yml` for one machine: the service, a Prometheus with its rules, an Alertmanager and a Grafana. Their ports
    /// are on 127.0.0.1 alone.
    ///
    /// Beside it are `prometheus.yml` ([`prometheus`](Self::prometheus)), `rules.yml` ([`rules`](Self::rules)), `alertmanager.yml`
    /// if somebody is told, and a folder `grafana` with what `vitals dashboards` writes: `datasources.yml`, `dashboards.yml` and the
    /// dashboards.
    #[must_use]
    pub fn compose(&self) -> String {
        let name = self.application();
        let mut taken: Vec<u16> = self.served.ports().map(|(_, port)| port).collect();
        let own = self.served.ports();
        let own = own.map(|(_, port)| published(port, port));
        let mut service = match &self.served.image {
            // Compose reads `$` as the beginning of a variable.
            Some(image) => map([("image", image.replace('$', "$$").into())]),
            None => map([("build", ".".into())]),
        };
        let grace = format!("{}s", probes::grace(&self.served));
        service = service
            .with("ports", Node::List(own.collect()))
            .with("stop_grace_period", Node::from(grace))
            .with("healthcheck", self.check().map(|check| check.healthcheck()));
        let mut free = |port: u16| {
            let port = (port..=u16::MAX).find(|port| !taken.contains(port));
            let port = port.unwrap_or_default();
            taken.push(port);
            port
        };
        let configuration = "/etc/prometheus/prometheus.yml";
        let prometheus = map([
            ("image", PROMETHEUS.into()),
            (
                "command",
                list([
                    format!("--config.file={configuration}").into(),
                    // The budget of an objective is one of 30 days.
                    "--storage.tsdb.retention.time=31d".into(),
                ]),
            ),
            ("ports", list([published(free(9_090), 9_090)])),
            (
                "volumes",
                list([
                    mounted("prometheus.yml", configuration),
                    mounted("rules.yml", "/etc/prometheus/rules.yml"),
                    "prometheus:/prometheus".into(),
                ]),
            ),
        ]);
        let mut alertmanager = map([
            ("image", ALERTMANAGER.into()),
            ("ports", list([published(free(9_093), 9_093)])),
        ]);
        if self.tells() {
            let files = list([
                mounted("alertmanager.yml", "/etc/alertmanager/alertmanager.yml"),
                mounted("secrets", "/etc/alertmanager/secrets"),
            ]);
            alertmanager = alertmanager.with("volumes", files);
        }
        let password = "${GF_SECURITY_ADMIN_PASSWORD:-admin}";
        let provisioning = "/etc/grafana/provisioning";
        let grafana = map([
            ("image", GRAFANA.into()),
            (
                "environment",
                map([("GF_SECURITY_ADMIN_PASSWORD", password.into())]),
            ),
            ("ports", list([published(free(3_000), 3_000)])),
            (
                "volumes",
                list([
                    // All of the folder: dashboards, and the file that says where they are.
                    mounted("grafana", &format!("{provisioning}/dashboards")),
                    mounted(
                        "grafana/datasources.yml",
                        &format!("{provisioning}/datasources/datasources.yml"),
                    ),
                    "grafana:/var/lib/grafana".into(),
                ]),
            ),
        ]);
        let none = || map([]);
        let stack = map([
            ("name", self.label().into()),
            (
                "services",
                map([
                    (&*name, service),
                    ("prometheus", prometheus),
                    ("alertmanager", alertmanager),
                    ("grafana", grafana),
                ]),
            ),
            (
                "volumes",
                map([("prometheus", none()), ("grafana", none())]),
            ),
        ]);
        let comments: Vec<_> = self.served.hidden().into_iter().collect();
        document::of_settings(&stack, &comments)
    }

    /// The name of the container of the service.
    pub(super) fn application(&self) -> String {
        let label = self.label();
        match OTHERS.contains(&label.as_str()) {
            true => format!("{label}-service"),
            false => label,
        }
    }

    fn check(&self) -> Option<Check> {
        let probes = self.served.probes.as_ref()?;
        let path = probes.health.as_deref()?;
        let port = self.served.number(self.served.probe_port());
        let url = format!("http://127.0.0.1:{port}{path}");
        let asking = format!("{ASKING}s");
        let command = ["vitals", "check", "--timeout", &asking, "--url", &url];
        Some(Check {
            command: command.map(str::to_owned).into(),
            ..Check::of(probes)
        })
    }

    /// Whether there is a configuration for an Alertmanager.
    fn tells(&self) -> bool {
        #[cfg(feature = "notify")]
        return self.routes.is_some();
        #[cfg(not(feature = "notify"))]
        false
    }
}

// === impl Check ===

impl Check {
    fn of(probes: &Probes) -> Self {
        Self {
            command: Vec::new(),
            timing: Timing {
                timeout: Timing::LIVE.timeout,
                failures: Timing::LIVE.failures,
                ..Timing::ready(probes)
            },
            start: probes::seconds(probes::start(probes)),
        }
    }

    fn healthcheck(self) -> Node {
        let command = self.command.into_iter().map(Node::Text);
        let test = std::iter::once("CMD".into()).chain(command);
        let seconds = |seconds: u64| Node::from(format!("{seconds}s"));
        map([
            ("test", Node::List(test.collect())),
            ("interval", seconds(self.timing.period)),
            ("timeout", seconds(self.timing.timeout)),
            ("retries", self.timing.failures.into()),
            ("start_period", seconds(self.start)),
        ])
    }
}

/// A port of a container, for this machine alone.
fn published(port: u16, of: u16) -> Node {
    format!("127.0.0.1:{port}:{of}").into()
}

/// A file or a folder beside the document.
fn mounted(file: &str, at: &str) -> Node {
    format!("./{file}:{at}:ro").into()
}
