//! A real server with TLS and users, with a password in a file.

use std::fs;

use crate::{
    load::Answered,
    member::Settings,
    programs::eventually,
    redis::{Redis, SECOND},
};

const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certificates");

/// A server with TLS on a second port, and the user `vitals` who may touch the keys of fleets alone.
fn server() -> (Redis, u16) {
    let file = |name: &str| format!("{CERTIFICATES}/{name}");
    let redis = Redis::with(&[
        "--tls-port",
        SECOND,
        "--tls-cert-file",
        &file("server.pem"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("authority.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    redis.ask::<()>(&[
        "ACL",
        "SETUSER",
        "vitals",
        "on",
        ">s3cret-word",
        "resetkeys",
        "~vitals:*",
        "resetchannels",
        "+@all",
        "-@admin",
        "-@dangerous",
    ]);
    let port = redis.second_port();
    (redis, port)
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_fleet_meets_by_tls_as_a_user_with_few_rights() {
    let (_redis, port) = server();
    let url = format!("rediss://vitals@127.0.0.1:{port}");
    let settings =
        Settings::at(&url).with("SSL_CERT_FILE", &format!("{CERTIFICATES}/authority.pem"));
    let first = settings
        .clone()
        .with(
            "REDIS_URL",
            &format!("rediss://vitals:s3cret-word@127.0.0.1:{port}"),
        )
        .start("first");
    let password = first.folder().join("password");
    fs::write(&password, "s3cret-word\n").unwrap();
    let second = settings
        .with("REDIS_PASSWORD_FILE", &password.display().to_string())
        .start("second");
    Answered::of(&first.address, &["/orders/1", "/fails/2"], 60);
    Answered::of(&second.address, &["/orders/1"], 40);
    let all = first.own() + second.own();
    assert_eq!((all.requests, all.errors), (100, 30));
    first.shows(all);
    second.shows(all);
    for member in [first, second] {
        assert_eq!(member.lines(" WARN "), Vec::<String>::new());
        assert!(!member.log().contains("s3cret-word"));
    }
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_server_with_an_unknown_certificate_is_told_nothing() {
    let (redis, port) = server();
    let url = format!("rediss://vitals:s3cret-word@127.0.0.1:{port}");
    let member = Settings::at(&url).start("careful");
    eventually("it says so", || {
        (!member.lines(" WARN ").is_empty()).then_some(())
    });
    assert!(!member.log().contains("s3cret-word"), "{}", member.log());
    assert_eq!(redis.keys(""), Vec::<String>::new());
}
