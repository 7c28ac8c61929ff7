//! Answers a bare `?` with a status that the application chose, and never with the text of an error.

use std::{error::Error, fmt, num::ParseIntError};

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use http_body_util::BodyExt;
use tower_vitals::{
    ErrorCategoryLayer, Failure, RequestContext, Vitals,
    category::{ErrorCategory, Rules},
};

use super::category_of;
use crate::support::server::Server;

/// An error enum as applications have one.
#[derive(Debug)]
enum OrderError {
    Unknown,
    Closed,
    Database(sqlx_core::Error),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secret of the order")
    }
}

impl Error for OrderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unknown | Self::Closed => None,
            Self::Database(error) => Some(error),
        }
    }
}

impl From<sqlx_core::Error> for OrderError {
    fn from(error: sqlx_core::Error) -> Self {
        Self::Database(error)
    }
}

/// The first way: the enum makes its answers.
impl IntoResponse for OrderError {
    fn into_response(self) -> Response {
        let answer = match &self {
            Self::Unknown => (StatusCode::NOT_FOUND, "no such order"),
            Self::Closed => (StatusCode::CONFLICT, "the order is closed"),
            Self::Database(_) => (StatusCode::INTERNAL_SERVER_ERROR, "try again later"),
        };
        Failure::new(self).answer(answer).into_response()
    }
}

/// The second way: a rule gives category and status.
fn of_order(error: &OrderError) -> Option<(ErrorCategory, StatusCode)> {
    match error {
        OrderError::Unknown => Some((ErrorCategory::NotFound, StatusCode::GONE)),
        OrderError::Closed => Some((ErrorCategory::Conflict, StatusCode::CONFLICT)),
        OrderError::Database(_) => None,
    }
}

/// Status, body and category of a handler's failure, over a socket.
async fn answered<F, H, E>(rules: Rules, handler: H) -> (u16, String, Option<String>)
where
    H: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: IntoResponse + 'static,
{
    let vitals = Vitals::builder().isolated().rules(rules).build().unwrap();
    let app = Router::new()
        .route("/", get(async move || handler().await))
        .layer(vitals.layer());
    let (status, body) = ask(app).await;
    (status, body, category_of(&vitals, "/"))
}

async fn ask(app: Router) -> (u16, String) {
    let server = Server::start(app).await;
    let answer = server.http1().get("/").await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

fn seen(status: u16, body: &str, category: &str) -> (u16, String, Option<String>) {
    (status, body.into(), Some(category.into()))
}

#[tokio::test]
async fn an_enum_that_makes_its_answers_keeps_the_error_for_the_category() {
    let lost = async || -> Result<(), OrderError> { Err(sqlx_core::Error::PoolClosed)? };
    assert_eq!(
        answered(Rules::new(), lost).await,
        seen(500, "try again later", "database")
    );
    let unknown = async || Err(OrderError::Unknown);
    assert_eq!(
        answered(Rules::new(), unknown).await,
        seen(404, "no such order", "not_found")
    );
}

#[tokio::test]
async fn a_rule_gives_category_and_status_to_a_bare_question_mark() {
    let rules = || Rules::new().on_with_status(of_order);
    let unknown = async || -> Result<(), Failure> { Err(OrderError::Unknown)? };
    assert_eq!(
        answered(rules(), unknown).await,
        seen(410, "gone", "not_found")
    );
    let closed = async || -> Result<(), Failure> { Err(OrderError::Closed)? };
    assert_eq!(
        answered(rules(), closed).await,
        seen(409, "conflict", "conflict")
    );
    let none = async || -> Result<(), Failure> {
        Err(OrderError::Database(sqlx_core::Error::RowNotFound))?
    };
    assert_eq!(
        answered(rules(), none).await,
        seen(500, "internal server error", "not_found")
    );
}

#[tokio::test]
async fn the_clients_categories_answer_4xx_only_by_choice() {
    let missing = async || -> Result<(), Failure> { Err(sqlx_core::Error::RowNotFound)? };
    assert_eq!(
        answered(Rules::new(), missing).await,
        seen(500, "internal server error", "not_found")
    );
    let chosen = || {
        Rules::new()
            .on::<ParseIntError>(|_| Some(ErrorCategory::Validation))
            .answer_client_errors()
    };
    assert_eq!(
        answered(chosen(), missing).await,
        seen(404, "not found", "not_found")
    );
    let number = async || -> Result<(), Failure> {
        "many".parse::<u32>()?;
        Ok(())
    };
    assert_eq!(
        answered(chosen(), number).await,
        seen(400, "bad request", "validation")
    );
    let other = chosen().answer(ErrorCategory::Validation, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answered(other, number).await,
        seen(422, "unprocessable entity", "validation")
    );
    let told = async || -> Result<(), Failure> {
        RequestContext::current().category(ErrorCategory::RateLimit);
        Err("the quota of acme")?
    };
    assert_eq!(
        answered(chosen(), told).await,
        seen(429, "too many requests", "rate_limit")
    );
    // A text is only a guess, so it does not decide what a client sees.
    let guessed = async || -> Result<(), Failure> { Err("rate limit of the database")? };
    assert_eq!(
        answered(chosen(), guessed).await,
        seen(500, "internal server error", "rate_limit")
    );
}

#[tokio::test]
async fn an_answer_of_the_handlers_own_stays() {
    let own = async || -> Result<(), Failure> {
        Err(Failure::new(sqlx_core::Error::RowNotFound).answer((StatusCode::IM_A_TEAPOT, "tea")))
    };
    assert_eq!(
        answered(Rules::new().answer_client_errors(), own).await,
        seen(418, "tea", "not_found")
    );
}

#[tokio::test]
async fn a_route_answers_by_rules_of_its_own() {
    let rules = Rules::new().answer(ErrorCategory::NotFound, StatusCode::GONE);
    let route = ErrorCategoryLayer::new().rules(rules).unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .rules(Rules::new().answer_client_errors())
        .build()
        .unwrap();
    let missing = async || -> Result<(), Failure> { Err(sqlx_core::Error::RowNotFound)? };
    let app = Router::new()
        .route("/", get(missing).layer(route))
        .layer(vitals.layer());
    assert_eq!(ask(app).await, (410, "gone".into()));
}

#[tokio::test]
async fn a_rule_that_panics_or_answers_no_failure_means_500() {
    let panics = Rules::new().on_with_status::<OrderError>(|_| panic!("as asked"));
    let closed = async || -> Result<(), Failure> { Err(OrderError::Closed)? };
    let vitals = Vitals::builder().isolated().rules(panics).build().unwrap();
    let app = Router::new().route("/", get(closed)).layer(vitals.layer());
    assert_eq!(ask(app).await, (500, "internal server error".into()));
    assert_eq!(vitals.metrics().totals().hook_failures, 1);

    let fine = Rules::new()
        .on_with_status::<OrderError>(|_| Some((ErrorCategory::Conflict, StatusCode::OK)));
    assert_eq!(
        answered(fine, closed).await,
        seen(500, "internal server error", "conflict")
    );
}

#[test]
fn a_category_cannot_be_answered_with_success() {
    let rules = Rules::new().answer(ErrorCategory::Conflict, StatusCode::OK);
    let error = ErrorCategoryLayer::new().rules(rules).unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("rules.answer[conflict]", "200")
    );
}
