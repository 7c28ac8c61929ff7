//! The dashboards of a running service, asked over a socket and by the command.

use std::{env, fs, path::PathBuf};

use serde_json::Value;

use crate::{TOKEN, builder, run, served};

const FILES: [&str; 7] = [
    "business.json",
    "dashboards.yml",
    "datasources.yml",
    "deployments.json",
    "errors.json",
    "performance.json",
    "system.json",
];

/// A folder that is not there yet, and is gone afterwards.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let process = std::process::id();
        Self(env::temp_dir().join(format!("tower-vitals-{name}-{process}/in/it")))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.ancestors().nth(2).unwrap());
    }
}

#[tokio::test]
async fn the_command_writes_what_the_library_generates_and_again_over_its_own_files() {
    let vitals = builder(5.0).build().unwrap();
    let url = served(&vitals).await;
    let folder = Folder::new("dashboards");
    let (printed, said, code) = run(&url, TOKEN, &["dashboards", folder.path()]).await;
    assert_eq!((said.as_str(), code), ("", Some(0)));
    assert_eq!(printed.lines().count(), 7, "{printed}");
    assert_eq!(folder.names(), FILES);
    for board in vitals.grafana_dashboards() {
        let file = folder.0.join(format!("{}.json", board.name()));
        assert_eq!(fs::read_to_string(&file).unwrap(), board.json());
        assert!(
            printed.contains(&format!("✓ {}\n", file.display())),
            "{printed}"
        );
    }
    let provider = fs::read_to_string(folder.0.join("dashboards.yml")).unwrap();
    assert!(
        provider.contains("path: \"/etc/grafana/provisioning/dashboards\""),
        "{provider}"
    );

    // Another threshold, and another Prometheus.
    let other = builder(7.5).build().unwrap();
    let url = served(&other).await;
    let arguments = [
        "dashboards",
        folder.path(),
        "--path",
        "/srv/boards",
        "--prometheus",
        "http://metrics:9090",
    ];
    let (_, said, code) = run(&url, TOKEN, &arguments).await;
    assert_eq!((said.as_str(), code), ("", Some(0)));
    let read = |name: &str| fs::read_to_string(folder.0.join(name)).unwrap();
    assert_eq!(read("system.json"), other.grafana_dashboards()[0].json());
    assert!(read("dashboards.yml").contains("path: \"/srv/boards\""));
    assert!(read("datasources.yml").contains("url: \"http://metrics:9090\""));
}

#[tokio::test]
async fn the_command_says_why_it_writes_nothing() {
    let vitals = builder(5.0).build().unwrap();
    let url = served(&vitals).await;
    let folder = Folder::new("refused");
    let (_, said, code) = run(&url, "wrong", &["dashboards", folder.path()]).await;
    assert!(said.starts_with("✗ HTTP 401: "), "{said}");
    assert!(!said.contains("wrong") && code == Some(2), "{said}");
    assert!(!folder.0.exists());

    // What somebody else wrote stays, and nothing is written beside it.
    fs::create_dir_all(&folder.0).unwrap();
    let own = folder.0.join("dashboards.yml");
    fs::write(&own, "apiVersion: 1\n").unwrap();
    let (printed, said, code) = run(&url, TOKEN, &["dashboards", folder.path()]).await;
    let reason = "this file is not of this command; move it, or choose another folder";
    assert_eq!(said, format!("✗ {}: {reason}\n", own.display()));
    assert_eq!((printed.as_str(), code), ("", Some(2)));
    assert_eq!(folder.names(), ["dashboards.yml"]);
    assert_eq!(fs::read_to_string(&own).unwrap(), "apiVersion: 1\n");

    // A folder that cannot be made is named.
    let below = own.join("below");
    let (_, said, code) = run(&url, TOKEN, &["dashboards", below.to_str().unwrap()]).await;
    assert!(
        said.starts_with(&format!("✗ {}: ", below.display())),
        "{said}"
    );
    assert_eq!(code, Some(2));
}

#[tokio::test]
async fn a_dashboard_is_json_for_those_who_have_the_token_and_another_name_is_not_found() {
    let vitals = builder(5.0).build().unwrap();
    let base = served(&vitals).await;
    let client = reqwest::Client::new();
    let get = |path: &str| {
        client
            .get(format!("{base}{path}"))
            .bearer_auth(TOKEN)
            .send()
    };
    for board in vitals.generated().dashboards() {
        let answer = get(&format!("/dashboards/{}.json", board.name()))
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.text().await.unwrap(), board.json());
    }
    for name in ["System", "all", "system.json", "%73ystem"] {
        let answer = get(&format!("/dashboards/{name}.json")).await.unwrap();
        assert_eq!(answer.status(), 404, "{name}");
        let error: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(
            error["error"],
            "no such dashboard: expected system, business, performance, errors, deployments"
        );
    }
    assert_eq!(
        get("/dashboards/system.json?a=b").await.unwrap().status(),
        400
    );
    let refused = client
        .get(format!("{base}/dashboards/system.json"))
        .send()
        .await;
    assert_eq!(refused.unwrap().status(), 401);
}
