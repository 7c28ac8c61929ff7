//! Faults on the way to a service, which the doctor finds from outside.

use axum::Router;
use tower_vitals::health::{Check, Health};

use crate::{
    directory::Directory,
    nobody::nobody,
    served::{BASE, Served, TOKEN, answering, http, stack, vitals},
};

async fn doctor(url: &str, token: &str) -> crate::served::Ran {
    let arguments = ["doctor", "--timeout", "2s"];
    vitals(
        &arguments,
        &[("MONITORING_URL", url), ("MONITORING_TOKEN", token)],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_wrong_or_missing_and_a_wrong_path_are_found() {
    let served = Served::start(stack()).await;
    let wrong = doctor(&served.url(BASE), "s3cret-of-somebody-else").await;
    assert_eq!(wrong.code, 1, "{wrong:?}");
    wrong.finds("✗ token:", "refuses this token", "MONITORING_TOKEN");
    assert!(
        !wrong.out.contains("s3cret") && !wrong.err.contains("s3cret"),
        "{wrong:?}"
    );
    // What needs no token is looked at anyway.
    wrong.finds("✗ probe:", "there is no /livez", "Vitals::routes");
    let missing = doctor(&served.url(BASE), "").await;
    assert_eq!(missing.code, 1, "{missing:?}");
    missing.finds("✗ token:", "asks for a token", "MONITORING_TOKEN");
    let path = doctor(&served.url("/monitoring"), TOKEN).await;
    assert_eq!(path.code, 1, "{path:?}");
    path.finds("✗ path:", "not at this address", "MONITORING_PATH");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_nobody_finds_is_no_problem_of_the_service() {
    let ran = doctor(&format!("http://{}{BASE}", nobody()), TOKEN).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    ran.finds("✗ api:", "127.0.0.1 does not answer", "MONITORING_URL");
    let ran = doctor(&format!("https://vitals.invalid{BASE}"), TOKEN).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    ran.finds("✗ api:", "vitals.invalid", "MONITORING_URL");
    // An address for documents, which nobody has.
    let ran = doctor(&format!("http://192.0.2.1:9{BASE}"), TOKEN).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    ran.finds(
        "! address:",
        "the token goes over plain http",
        "MONITORING_URL, with https",
    );
    let ran = doctor("not an address", TOKEN).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = doctor(&format!("http://u:s3cret@127.0.0.1:1{BASE}"), TOKEN).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        !ran.out.contains("s3cret") && !ran.err.contains("s3cret"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_is_found() {
    let date = "date: Fri, 20 Nov 2020 12:00:00 GMT\r\n";
    let slow = answering(move |_| http(401, date, "{}")).await;
    let ran = doctor(&format!("http://{slow}{BASE}"), TOKEN).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds("✗ clock:", "behind this machine's", "by NTP");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_metrics_that_are_not_at_the_port_of_the_api_are_found() {
    let ping = || async { Ok::<_, std::io::Error>(()) };
    let health = Health::builder()
        .check(Check::new("database", ping))
        .start()
        .unwrap();
    let vitals = stack().health(health.service()).build().unwrap();
    // The routes of the stack are not merged.
    let below = format!("{BASE}/{{*rest}}");
    let app = Router::new().route_service(&below, vitals.monitoring().unwrap());
    let served = Served::of(vitals, app).await;
    let ran = doctor(&served.url(BASE), TOKEN).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    for probe in ["/livez", "/readyz", "/health"] {
        let words = format!("there is no {probe}");
        ran.finds("✗ probe:", &words, "Vitals::routes");
    }
    ran.finds("✗ scrape:", "/metrics answers 404", "Vitals::routes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_can_stand_in_a_file_and_not_in_both() {
    let served = Served::start(stack()).await;
    let directory = Directory::new("doctor-token");
    let file = directory.path("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let (url, file) = (served.url(BASE), file.to_string_lossy().into_owned());
    let of_file = [
        ("MONITORING_URL", url.as_str()),
        ("MONITORING_TOKEN_FILE", &file),
    ];
    let ran = vitals(&["doctor"], &of_file).await;
    ran.says("✓ api: it answers");
    let both = [of_file[0], of_file[1], ("MONITORING_TOKEN", TOKEN)];
    let ran = vitals(&["doctor"], &both).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    ran.finds(
        "✗ token:",
        "MONITORING_TOKEN is set as well",
        "MONITORING_TOKEN_FILE",
    );
}
