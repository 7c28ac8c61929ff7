//! Sends what schemathesis makes of the document of the API.

use std::{env, path::Path, process::Command};

use tower_vitals::health::Health;

use crate::{
    firing::Broken,
    served::{BASE, Served, TOKEN, with_token},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis, whose program the variable SCHEMATHESIS names"]
async fn schemathesis_finds_no_undeclared_answer() {
    let broken = Broken::default();
    broken.set(true);
    let health = Health::builder().start().unwrap();
    let builder = with_token()
        .alerts(broken.alerts())
        .health(health.service());
    let served = Served::start(builder).await;
    served.vitals.alerts().evaluate();
    let program = env::var_os("SCHEMATHESIS").unwrap_or_else(|| "schemathesis".into());
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring/openapi.json");
    let mut command = Command::new(program);
    command
        .arg("run")
        .arg(document)
        .args(["--url", &format!("http://{}{BASE}", served.address)])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--seed", "19", "--max-examples", "50", "--no-color"])
        .current_dir(env::temp_dir());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let (told, failed) = (&output.stdout, &output.stderr);
    let text = [told.as_slice(), failed.as_slice()].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "{text}");
    println!("{text}");
}
