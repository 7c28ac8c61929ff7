//! Answers with what is generated for Kubernetes and Docker.

use super::{parameters::Parameters, refusal::Refusal, sources::Sources};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
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
    file: File,
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
                "deployment" => File::Deployment,
                "service" => File::Service,
                "service-monitor" => File::ServiceMonitor,
                "pod-monitor" => File::PodMonitor,
                "docker" => File::Docker,
                "compose" => File::Compose,
                "prometheus" => File::Prometheus,
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
            file: file.unwrap_or(File::Deployment),
            port,
            image,
        })
    }

    /// Whether the file is a document of YAML.
    pub(super) fn is_yaml(&self) -> bool {
        self.file != File::Docker
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
            File::Deployment => generated.deployment(),
            File::Service => generated.kubernetes_service(),
            File::ServiceMonitor => generated.service_monitor(),
            File::PodMonitor => generated.pod_monitor(),
            File::Docker => generated.healthcheck(),
            File::Compose => generated.compose(),
            File::Prometheus => generated.prometheus(),
        })
    }

    #[cfg(not(feature = "generate"))]
    pub(super) fn text(&self, _: &Sources) -> Result<String, Refusal> {
        Err(Refusal::not_found("feature generate is off"))
    }
}
