//! Whether dashboards are what Grafana's own types say.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tower_vitals::{
    alerts::{Alerts, presets},
    generate::{Generated, OwnMetric},
    metrics::{Names, Settings},
};

/// The types and what checks files against them, with the packages of npm that they need: in a folder of `target`.
fn packages() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tests.parent().unwrap().join("target/grafana");
    fs::create_dir_all(&folder).unwrap();
    let names = [
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "dashboard.ts",
        "check.mjs",
    ];
    for name in names {
        fs::copy(
            tests.join("generated/grafana").join(name),
            folder.join(name),
        )
        .unwrap();
    }
    let lock = folder.join("node_modules/.package-lock.json");
    let installed = fs::read_to_string(lock).unwrap_or_default();
    if !installed.contains("ts-json-schema-generator") {
        let install = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(install.status.success(), "{install:?}");
    }
    folder
}

/// Whether the types allow all these files, and what was said.
fn judged(folder: &Path, files: &[PathBuf]) -> (bool, String) {
    let output = Command::new("node")
        .arg(folder.join("check.mjs"))
        .arg(folder)
        .args(files)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// What makes a dashboard wrong.
type Fault = fn(&mut Value);

#[test]
#[ignore = "needs node and npm; .ci/run installs them"]
fn dashboards_are_what_the_types_of_grafana_say() {
    let folder = packages();
    let mut files = Vec::new();
    let all = [
        Settings::new(),
        Settings::new().names(Names::OpenTelemetry),
        Settings::new().prefix("shop_").label("region", "eu-1"),
    ];
    for (index, settings) in all.iter().enumerate() {
        let alerts = Alerts::default().rules(presets::guides());
        let generated = Generated::new(alerts, settings).unwrap();
        let generated = generated
            .service("shop")
            .dashboard("https://example.com")
            .metric(OwnMetric::counter("orders_created_total").labels(["channel"]))
            .metric(OwnMetric::histogram("workflow_duration_ms"));
        for board in generated.dashboards() {
            let file = folder.join(format!("{}-{index}.json", board.name()));
            fs::write(&file, board.json()).unwrap();
            files.push(file);
        }
    }
    let (fits, said) = judged(&folder, &files);
    assert!(fits, "{said}");
    assert!(
        said.starts_with("15 files, 0 faults, @grafana/schema "),
        "{said}"
    );

    // Each of these would be seen.
    let text = fs::read_to_string(&files[0]).unwrap();
    let faults: [(&str, Fault); 6] = [
        ("a number as a text", |board| {
            board["schemaVersion"] = "42".into()
        }),
        ("a text as a number", |board| {
            board["panels"][1]["fieldConfig"]["defaults"]["unit"] = 1.into()
        }),
        ("an unknown field", |board| {
            board["panels"][1]["expression"] = "up".into()
        }),
        ("an unknown option", |board| {
            board["panels"][1]["options"]["legend"]["shown"] = true.into()
        }),
        ("a word that is none", |board| {
            board["panels"][1]["options"]["legend"]["displayMode"] = "grid".into();
        }),
        ("a query without its letter", |board| {
            board["panels"][1]["targets"][0]
                .as_object_mut()
                .unwrap()
                .remove("refId");
        }),
    ];
    for (what, break_it) in faults {
        let mut board: Value = serde_json::from_str(&text).unwrap();
        break_it(&mut board);
        let file = folder.join("broken.json");
        fs::write(&file, board.to_string()).unwrap();
        let (fits, said) = judged(&folder, &[file]);
        assert!(!fits && said.contains("broken.json: /"), "{what}: {said}");
    }
}
