//! Which errors are new.

use super::{
    signals::{above, evaluated, one, service},
    *,
};
use crate::alerts::{presets, signal::Signal, verdict::Verdict};

#[test]
fn an_error_is_new_if_it_did_not_occur_for_a_day() {
    let mut service = Service::new();
    let rule = || above(Signal::new_errors(), 0.0);
    service.now += 30 * MINUTE;
    service.errors("/a", ErrorCategory::Database, 1);
    // To a process that has just started, everything would be new.
    assert_eq!(one(rule(), &service), Verdict::NoData);
    service.now += 12 * HOUR;
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
    service.errors("/a", ErrorCategory::Database, 1);
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
    service.errors("/a", ErrorCategory::Timeout, 3);
    service.errors("/b", ErrorCategory::Database, 3);
    assert_eq!(one(rule(), &service), Verdict::Broken(2.0));
    assert_eq!(one(rule().endpoint("/b"), &service), Verdict::Broken(1.0));
    service.now += 25 * HOUR;
    service.errors("/a", ErrorCategory::Database, 1);
    assert_eq!(one(rule(), &service), Verdict::Broken(1.0));
}

#[test]
fn errors_after_a_deployment_are_new_if_they_did_not_occur_in_the_hour_before() {
    let mut service = service();
    let rule = || presets::new_errors_after_deployment();
    assert_eq!(one(rule(), &service), Verdict::NoData);
    service.errors("/a", ErrorCategory::Database, 1);
    service.now += 10 * MINUTE;
    service.deployed = Some(service.now);
    service.now += 5 * MINUTE;
    service.errors("/a", ErrorCategory::Database, 5);
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
    // What a client does wrong is no error of the deployment.
    service.errors("/a", ErrorCategory::NotFound, 1);
    service.errors("/b", ErrorCategory::Authentication, 1);
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
    let by_category = Signal::new_errors_since_deployment().category(ErrorCategory::NotFound);
    let by_category = above(by_category, 0.0).window(30 * MINUTE);
    assert_eq!(one(by_category, &service), Verdict::Broken(1.0));
    service.errors("/a", ErrorCategory::Timeout, 1);
    assert_eq!(one(rule(), &service), Verdict::Broken(1.0));
    let each = evaluated(&rule().each_endpoint(), &service, &[]);
    assert_eq!(each[0].labels, labels(&[("endpoint", "/a")]));
    service.now += 26 * MINUTE;
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
    // Nothing is known of the time before.
    service.begin = service.now;
    service.deployed = Some(service.now);
    service.now += MINUTE;
    assert_eq!(one(rule(), &service), Verdict::NoData);
    // The 29 minutes before are not the hour before.
    service.now += 28 * MINUTE;
    service.deployed = Some(service.now);
    service.now += MINUTE;
    service.errors("/c", ErrorCategory::Database, 1);
    assert_eq!(one(rule(), &service), Verdict::NoData);
    service.deployed = Some(service.now);
    service.now += MINUTE;
    service.errors("/c", ErrorCategory::Timeout, 1);
    assert_eq!(one(rule(), &service), Verdict::Broken(1.0));
}

#[test]
fn an_error_of_another_type_is_new() {
    let mut service = service();
    let of_type = |service: &mut Service, endpoint: &str, error_type: &str| {
        service.errors_of_type(endpoint, ErrorCategory::ServerError, error_type);
    };
    let rule = || above(Signal::new_errors(), 0.0);
    let since = || presets::new_errors_after_deployment();
    of_type(&mut service, "/a", "500");
    service.now += 10 * MINUTE;
    service.deployed = Some(service.now);
    service.now += MINUTE;
    of_type(&mut service, "/a", "500");
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
    assert_eq!(one(since(), &service), Verdict::Fine(0.0));
    for _ in 0..2 {
        of_type(&mut service, "/a", "panic");
        of_type(&mut service, "/a", "PriceError: Overflow");
    }
    assert_eq!(one(rule(), &service), Verdict::Broken(2.0));
    assert_eq!(one(since(), &service), Verdict::Broken(2.0));
    // A category is as new as its types, and each endpoint has its own.
    service.errors_of_type("/b", ErrorCategory::Database, "PoolTimedOut");
    assert_eq!(one(rule(), &service), Verdict::Broken(3.0));
    // What was counted by hand has no type.
    service.errors("/b", ErrorCategory::Timeout, 1);
    assert_eq!(one(rule(), &service), Verdict::Broken(4.0));
    service.now += 10 * MINUTE;
    of_type(&mut service, "/a", "panic");
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
    // Nobody knows which types there were before.
    service.errors_of_type("/b", ErrorCategory::Timeout, "Elapsed");
    assert_eq!(one(rule(), &service), Verdict::Fine(0.0));
}
