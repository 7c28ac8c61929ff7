//! The monitoring API of the server, on its administration.

use serde_json::Value;

use crate::{Server, get};

const BASE: &str = "/api/v1/monitoring";
const TOKEN: &str = "a-token-of-the-tests";

/// Asks the administration as curl does.
fn ask(server: &Server, method: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    let request = format!(
        "{method} {BASE}{path} HTTP/1.1\r\nhost: {}\r\nuser-agent: curl/8.14.1\r\naccept: */*\r\n{token}connection: close\r\n\r\n",
        server.admin
    );
    get(&server.admin, &request).unwrap()
}

#[test]
fn a_token_opens_the_monitoring_api_of_the_administration() {
    let server = Server::start(&[("MONITORING_TOKEN", TOKEN)]);
    for _ in 0..3 {
        server.get("/full").unwrap();
    }
    let json = |method, path| {
        let (status, body) = ask(&server, method, path, Some(TOKEN));
        assert_eq!(status, 200, "{method} {path}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let status = json("GET", "/status");
    assert_eq!(status["sentry_enabled"], false);
    assert_eq!(status["alert_thresholds_count"], 4);
    let evaluated = json("POST", "/evaluate");
    assert_eq!(evaluated["evaluated"], true);
    assert!(json("GET", "/alerts?hours=24").is_array());
    let metrics = json("GET", "/metrics");
    let requests = r#"http_requests_total{method="GET",endpoint="/full",status="200"}"#;
    assert_eq!(metrics["counters"][requests], 3);
    assert_eq!(
        json("GET", "/endpoints")["endpoints"][0]["endpoint"],
        "/full"
    );
    assert!(json("GET", "/health")["checks"]["database"].is_object());
    for token in [None, Some("wrong")] {
        assert_eq!(ask(&server, "GET", "/status", token).0, 401);
        assert_eq!(ask(&server, "POST", "/evaluate", token).0, 401);
    }
    let (code, _) = server.get(&format!("{BASE}/status")).unwrap();
    assert_eq!(code, 404, "it is not on the application's port");
    assert_eq!(server.outcomes()["started"], 4, "and is no traffic");
}

#[test]
fn without_a_token_there_is_no_monitoring_api() {
    let server = Server::start(&[]);
    assert_eq!(ask(&server, "GET", "/status", Some(TOKEN)).0, 404);
    let server = Server::start(&[("MONITORING_TOKEN", TOKEN), ("MONITORING_PATH", "/ops")]);
    assert_eq!(ask(&server, "GET", "/status", Some(TOKEN)).0, 404);
    let moved = format!("GET /ops/status HTTP/1.0\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    assert_eq!(get(&server.admin, &moved).unwrap().0, 200);
}
