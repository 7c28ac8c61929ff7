//! What a running service writes for Kubernetes and Docker, and what their schemas say of it.

use std::{env, fs, time::Duration};

use tower_vitals::{
    config::ConfigError,
    generate::Generated,
    health::{Check, Health, Role},
};

use super::*;

/// The parts, as the API names them.
const PARTS: [&str; 7] = [
    "deployment",
    "service",
    "service-monitor",
    "pod-monitor",
    "docker",
    "compose",
    "prometheus",
];

fn files(generated: &Generated) -> [String; 7] {
    [
        generated.deployment(),
        generated.kubernetes_service(),
        generated.service_monitor(),
        generated.pod_monitor(),
        generated.healthcheck(),
        generated.compose(),
        generated.prometheus(),
    ]
}

/// A service with checks that are asked at these intervals, in seconds: a critical one, and an optional one.
fn with_checks(critical: u64, optional: u64) -> Result<Vitals, ConfigError> {
    let ping = || async { Ok::<_, std::io::Error>(()) };
    let every = |name, seconds| Check::new(name, ping).interval(Duration::from_secs(seconds));
    let health = Health::builder()
        .check(every("database", critical).timeout(Duration::from_secs(1)))
        .check(every("cache", optional).role(Role::Optional))
        .start()?;
    builder(5.0)
        .health(health.service().base("/internal")?)
        .admin_addr("0.0.0.0:9000")
        .keep_routes()
        .drain_delay(Duration::from_secs(2))
        .shutdown_deadline(Duration::from_secs(40))
        .build()
}

/// What `vitals k8s` prints, and how it exits.
async fn k8s(url: &str, arguments: &[&str]) -> (String, String, Option<i32>) {
    let arguments = [&["k8s"], arguments].concat();
    run(url, TOKEN, &arguments).await
}

#[tokio::test]
async fn what_kubernetes_gets_follows_from_the_service() {
    let vitals = with_checks(20, 3).unwrap();
    let deployment = vitals.generated().deployment();
    for line in [
        "name: shop",
        "path: /internal/livez",
        "path: /internal/readyz",
        "path: /internal/startupz",
        "port: http",
        // As often as the critical check: the optional one makes nothing unready.
        "periodSeconds: 20",
        // 30 times 20 s, 2 s and 1 s, every 2 s.
        "failureThreshold: 345",
        // 40 s, 5 s, and the 3 s for which readiness does not fail.
        "terminationGracePeriodSeconds: 48",
        "seconds: 3",
        "containerPort: 9000",
    ] {
        let found = deployment.lines().any(|known| known.trim() == line);
        assert!(found, "{line} is not in {deployment}");
    }
    assert!(
        vitals
            .generated()
            .healthcheck()
            .contains("/internal/health")
    );
    let other = with_checks(10, 3).unwrap().generated().deployment();
    assert!(other.contains("periodSeconds: 10") && !other.contains("periodSeconds: 20"));
}

#[tokio::test]
async fn the_command_prints_each_file_that_the_library_generates() {
    let vitals = with_checks(20, 3).unwrap();
    let url = served(&vitals).await;
    for (part, expected) in PARTS.iter().zip(files(&vitals.generated())) {
        let printed = k8s(&url, &["--part", part]).await;
        assert_eq!(printed, (expected, String::new(), Some(0)), "{part}");
    }
    let (printed, ..) = k8s(&url, &[]).await;
    assert_eq!(printed, vitals.generated().deployment());
    let image = "registry.example.com/shop@sha256:0a1b";
    let (printed, ..) = k8s(&url, &["--port", "3000", "--image", image]).await;
    let expected = vitals.generated().port(3_000).image(image).deployment();
    assert_eq!(printed, expected);
    let (_, said, code) = k8s(&url, &["--image", "a b"]).await;
    assert!(
        said.starts_with("✗ HTTP 400: image: invalid value"),
        "{said}"
    );
    assert_eq!(code, Some(2));
    let (_, _, code) = k8s(&url, &["--port", "0"]).await;
    assert_eq!(code, Some(2));
}

#[tokio::test]
async fn the_api_says_of_which_kind_a_file_is() {
    let vitals = with_checks(20, 3).unwrap();
    let url = format!("{}/kubernetes.yml", served(&vitals).await);
    let client = reqwest::Client::new();
    let get = |query: &str| {
        client
            .get(format!("{url}{query}"))
            .bearer_auth(TOKEN)
            .send()
    };
    for (query, kind) in [
        ("", "application/yaml"),
        ("?part=compose&port=1", "application/yaml"),
        ("?part=docker", "text/plain; charset=utf-8"),
    ] {
        let answer = get(query).await.unwrap();
        assert_eq!(answer.status(), 200, "{query}");
        assert_eq!(answer.headers()["content-type"], kind, "{query}");
    }
    for query in [
        "?part=all",
        "?part=service_monitor",
        "?port=0",
        "?port=65536",
        "?port=%2B1",
        "?port=",
        "?image=",
        "?image=a%0Ab",
        "?image=%24x",
        "?name=shop",
    ] {
        assert_eq!(get(query).await.unwrap().status(), 400, "{query}");
    }
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
}

/// A program of `PYTHON`, which fails with what it says.
fn python(script: &str, folder: &str) {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = format!("{}/generated/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python).args([&*script, folder]).output();
    let output = output.unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[tokio::test]
#[ignore = "needs kubernetes-validate, cloudcoil.models.prometheus_operator and compose-spec for PYTHON, and promtool"]
async fn the_published_schemas_take_each_file() {
    let folder = format!("{}/kubernetes", env!("CARGO_TARGET_TMPDIR"));
    let plain = builder(5.0).build().unwrap();
    let checked = with_checks(20, 3).unwrap();
    for (name, vitals) in [("plain", plain), ("checked", checked)] {
        let folder = format!("{folder}/{name}");
        fs::create_dir_all(&folder).unwrap();
        let generated = vitals.generated().image("shop:1.4.2");
        for (part, text) in PARTS.iter().zip(files(&generated)) {
            fs::write(format!("{folder}/{part}.yml"), text).unwrap();
        }
        fs::write(format!("{folder}/rules.yml"), generated.rules()).unwrap();
        python("check_kubernetes.py", &folder);
        let checked = Command::new("promtool")
            .args(["check", "config", &format!("{folder}/prometheus.yml")])
            .output();
        let checked = checked.unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{said}");
    }
}
