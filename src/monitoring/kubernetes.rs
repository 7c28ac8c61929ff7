//! Answers with what is generated for Kubernetes and Docker.

use super::{parameters::Parameters, refusal::Refusal, sources::Sources};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deployment,
    Service,
    ServiceMonitor,
    PodMonitor,
    Docker,
    Compose,
    Prometheus,
}

/// A file, for a service that listens there and has this image.
#[derive(Debug)]
pub(super) struct Wanted {
    file: Kind,
    #[cfg_attr(
        not(feature = "generate"),
        expect(dead_code, reason = "nothing is generated")
    )]
    port: Option<u16>,
    #[cfg_attr(
        not(feature = "generate"),
        expect(dead_code, reason = "nothing is generated")
    )]
    image: Option<String>,
}

// === impl Wanted ===

impl Wanted {
    pub(super) fn parse(given: &Parameters<'_>) -> Result<Self, Refusal> {
        let expected =
            "deployment, service, service-monitor, pod-monitor, docker, compose or prometheus";
        let file = given.one("part", expected, |text| {
            Some(match text {
                "deployment" => Kind::Deployment,
                "service" => Kind::Service,
                "service-monitor" => Kind::ServiceMonitor,
                "pod-monitor" => Kind::PodMonitor,
                "docker" => Kind::Docker,
                "compose" => Kind::Compose,
                "prometheus" => Kind::Prometheus,
                _ => return None,
            })
        })?;
        let expected = "a whole number from 1 to 65535";
        let port = given.one("port", expected, |text| {
            let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
            let port = is_number.then(|| text.parse().ok()).flatten();
            port.filter(|port| *port > 0)
        })?;
        let expected =
            "the name of an image: 1 to 255 letters, digits, `.`, `_`, `-`, `/`, `:` or `@`";
        let image = given.one("image", expected, |text| {
            let fits = |one: u8| one.is_ascii_alphanumeric() || b"._-/:@".contains(&one);
            let is_name = (1..=255).contains(&text.len()) && text.bytes().all(fits);
            is_name.then(|| text.to_owned())
        })?;
        Ok(Self {
            file: file.unwrap_or(Kind::Deployment),
            port,
            image,
        })
    }

    /// Whether the file is a document of YAML.
    pub(super) fn is_yaml(&self) -> bool {
        self.file != Kind::Docker
    }

    #[cfg(feature = "generate")]
    pub(super) fn text(&self, sources: &Sources) -> Result<String, Refusal> {
        let mut generated = sources.generated.clone();
        if let Some(port) = self.port {
            generated = generated.port(port);
        }
        if let Some(image) = &self.image {
            generated = generated.image(image);
        }
        Ok(match self.file {
            Kind::Deployment => generated.deployment(),
            Kind::Service => generated.kubernetes_service(),
            Kind::ServiceMonitor => generated.service_monitor(),
            Kind::PodMonitor => generated.pod_monitor(),
            Kind::Docker => generated.healthcheck(),
            Kind::Compose => generated.compose(),
            Kind::Prometheus => generated.prometheus(),
        })
    }

    #[cfg(not(feature = "generate"))]
    pub(super) fn text(&self, _: &Sources) -> Result<String, Refusal> {
        Err(Refusal::not_found("feature generate is off"))
    }
}
