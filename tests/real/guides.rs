//! Runs the scripts and commands of the monitoring guides, unchanged, against our probes.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time;
use tower_vitals::health::{Check, Health, Role, Status};

use crate::{servers::serve, stacks::with_health};

/// A service with the dependencies of the guides, and a folder whose `.curlrc` sends curl to it.
struct Service {
    health: Health,
    database: Arc<AtomicBool>,
    redis: Arc<AtomicBool>,
    address: SocketAddr,
    curl_home: PathBuf,
}

impl Service {
    async fn start() -> Self {
        let (database, redis) = (Arc::default(), Arc::default());
        let check = |name: &str, word: &'static str, up: &Arc<AtomicBool>| {
            let up = Arc::clone(up);
            let ask = move || {
                let up = up.load(Ordering::Relaxed);
                async move {
                    if up {
                        Ok(())
                    } else {
                        Err("Connection refused")
                    }
                }
            };
            Check::new(name, ask)
                .healthy_label(word)
                .interval(Duration::from_millis(10))
        };
        let health = Health::builder()
            .check(check("database", "connected", &database))
            .check(check("redis", "connected", &redis).role(Role::Optional))
            .check(check("celery", "available", &Arc::new(true.into())))
            .start()
            .unwrap();
        let service = health
            .service()
            .alias("/health/db", "/health/database")
            .unwrap();
        let vitals = with_health(service);
        let address = serve(vitals.routes()).await;
        let port = address.port();
        let curl_home = env::temp_dir().join(format!("tower-vitals-curl-{port}"));
        fs::create_dir_all(&curl_home).unwrap();
        // Another program may use the port of the guides on this machine.
        let leads = format!("connect-to = \"localhost:8000:127.0.0.1:{port}\"\nnoproxy = \"*\"\n");
        fs::write(curl_home.join(".curlrc"), leads).unwrap();
        Self {
            health,
            database,
            redis,
            address,
            curl_home,
        }
    }

    /// Sets the state of the dependencies, and waits until the checks have seen it.
    async fn set(&self, database: bool, redis: bool, status: Status) {
        self.database.store(database, Ordering::Relaxed);
        self.redis.store(redis, Ordering::Relaxed);
        for _ in 0..1_000 {
            let each = self.health.reports();
            let is = |name: &str, up| {
                let wanted = if up {
                    Status::Healthy
                } else {
                    Status::Unhealthy
                };
                each.iter()
                    .any(|check| *check.name == *name && check.status == wanted)
            };
            if is("database", database) && is("redis", redis) && self.health.status() == status {
                return;
            }
            time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {status:?}: {:?}", self.health.reports());
    }

    /// Exit code and output of a line of shell.
    fn shell(&self, line: &str) -> (i32, String) {
        output(
            Command::new("bash")
                .args(["-c", line])
                .env("CURL_HOME", &self.curl_home),
        )
    }

    /// Exit code and output of the first guide's script.
    fn health_check(&self) -> (i32, String) {
        output(
            Command::new("bash")
                .arg(guide("health_check.sh"))
                .env("CURL_HOME", &self.curl_home),
        )
    }

    /// Exit code and output of our command, with the arguments of the fourth guide.
    fn vitals(&self, arguments: &[&str]) -> (i32, String) {
        let port = self.address.port().to_string();
        let vitals = env!("CARGO_BIN_EXE_vitals-tested");
        output(
            Command::new(vitals)
                .args(arguments)
                .env_clear()
                .env("PORT", port),
        )
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.curl_home);
    }
}

fn output(command: &mut Command) -> (i32, String) {
    let Output { status, stdout, .. } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap())
}

fn guide(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guides")
        .join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs curl and jq; .ci/run installs them"]
async fn the_guides_scripts_and_probes_pass_as_they_stand() {
    let service = Service::start().await;
    // The Kubernetes probes. For the kubelet, 200 to 399 within the timeout means healthy.
    let deployment = fs::read_to_string(guide("deployment.yaml")).unwrap();
    let values = |key: &str| {
        let lines = deployment
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key));
        lines
            .map(|value| value.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let probes: Vec<_> = values("path:")
        .into_iter()
        .zip(values("timeoutSeconds:"))
        .collect();
    assert_eq!(probes.len(), 2, "{deployment}");
    let code = |path: &str, timeout: &str| {
        let line = format!(
            "curl -so /dev/null -w '%{{http_code}}' -m {timeout} http://localhost:8000{path}"
        );
        service.shell(&line).1
    };
    for (database, redis, status, answered) in [
        (true, true, Status::Healthy, "200"),
        (true, false, Status::Degraded, "200"),
        (false, true, Status::Unhealthy, "503"),
        (true, true, Status::Healthy, "200"),
    ] {
        service.set(database, redis, status).await;
        for (path, timeout) in &probes {
            assert_eq!(code(path, timeout), answered, "{path} while {status:?}");
        }
        // The second guide answers 500 here, which means a broken probe and not a broken database.
        let of_database = if database { "200" } else { "503" };
        assert_eq!(code("/health/db", "5"), of_database, "while {status:?}");
        // The other guide pipes the answer into jq, so it must be JSON in every state.
        let (exit, shown) = service.shell("curl http://localhost:8000/health/ | jq");
        let shows = format!("\"status\": \"{}\"", status.as_str());
        assert!(exit == 0 && shown.contains(&shows), "{exit}: {shown}");
        let (exit, shown) = service.health_check();
        match status {
            Status::Healthy => assert_eq!((exit, shown.as_str()), (0, "✓ Health check passed\n")),
            Status::Degraded => {
                assert!(exit == 1 && shown.starts_with("✗ Health check failed: degraded\n{\n"));
                assert!(shown.contains("\"redis\": \"unavailable\""), "{shown}");
                assert!(shown.contains("\"celery\": \"available\""), "{shown}");
            }
            _ => assert_eq!(
                (exit, shown.as_str()),
                (1, "✗ Health check failed with HTTP 503\n")
            ),
        }
    }
}

/// What `--verbose` says of a service that shows labels alone.
const NO_DETAILS: &str = "no details: the service shows them to a reader with its token\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_command_lines_work_under_our_commands_name() {
    let service = Service::start().await;
    service.set(true, true, Status::Healthy).await;
    let all = "✓ celery available\n✓ database connected\n✓ redis connected\n✓ healthy\n";
    assert_eq!(service.vitals(&["check"]), (0, all.into()));
    let (exit, shown) = service.vitals(&["check", "--verbose"]);
    let asked = format!(
        "{all}{NO_DETAILS}http://127.0.0.1:{}/health answered 200 in ",
        service.address.port()
    );
    assert!(exit == 0 && shown.starts_with(&asked), "{exit}: {shown}");
    assert_eq!(
        service.vitals(&["check", "--check", "database"]),
        (0, "✓ database connected\n".into())
    );
    service.set(true, false, Status::Degraded).await;
    let (exit, shown) = service.vitals(&["check", "--check", "redis", "--verbose"]);
    let redis = format!("✗ redis unavailable\n{NO_DETAILS}http://");
    assert!(exit == 1 && shown.starts_with(&redis), "{exit}: {shown}");
    assert_eq!(service.vitals(&["check"]).0, 0);
    assert_eq!(service.vitals(&["check", "--strict"]).0, 1);
    service.set(false, false, Status::Unhealthy).await;
    let none = "✓ celery available\n✗ database unavailable\n✗ redis unavailable\n✗ unhealthy\n";
    assert_eq!(service.vitals(&["check"]), (1, none.into()));
    assert_eq!(
        service.vitals(&["check", "--check", "api"]),
        (2, String::new())
    );
    // Nobody listens on port 1.
    let port = "--url=http://127.0.0.1:1/health";
    assert_eq!(service.vitals(&["check", port]), (2, String::new()));
}
