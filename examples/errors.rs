//! Turns a plain 500 into something that a person on call can act on: each category from a real cause, behind a safe answer.
//!
//! Run `cargo run -p tower-vitals-tests --example errors`, then what it prints.

use std::{env, error::Error, fmt, num::ParseIntError, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sqlx::{Row, SqlitePool, sqlite::SqlitePoolOptions};
use tokio::{net::TcpListener, sync::Semaphore, time};
use tower_vitals::{
    Failure, RequestContext, Vitals,
    category::{ErrorCategory, Rules},
    logging,
};

/// An error enum of our own that makes its answers itself.
#[derive(Debug)]
enum OrderError {
    Closed(u32),
    Database(sqlx::Error),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(order) => write!(f, "order {order} is closed"),
            Self::Database(_) => f.write_str("cannot read the order"),
        }
    }
}

impl Error for OrderError {
    // The category follows from the type of the source.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed(_) => None,
            Self::Database(error) => Some(error),
        }
    }
}

impl From<sqlx::Error> for OrderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for OrderError {
    fn into_response(self) -> Response {
        let answer = match &self {
            Self::Closed(_) => (StatusCode::CONFLICT, "this order is closed\n"),
            Self::Database(_) => (StatusCode::INTERNAL_SERVER_ERROR, "try again later\n"),
        };
        // The client sees the answer; category, log and Sentry get the error.
        Failure::new(self).answer(answer).into_response()
    }
}

/// An error enum of our own for which a rule gives category and status.
#[derive(Debug)]
enum StockError {
    Busy,
    SoldOut,
}

impl fmt::Display for StockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "somebody else holds this item",
            Self::SoldOut => "there is none left",
        })
    }
}

impl Error for StockError {}

impl StockError {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "a rule may also have no opinion: the next one is asked"
    )]
    const fn judged(&self) -> Option<(ErrorCategory, StatusCode)> {
        match self {
            Self::Busy => Some((ErrorCategory::Conflict, StatusCode::CONFLICT)),
            Self::SoldOut => Some((ErrorCategory::NotFound, StatusCode::GONE)),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    logging::init()?;
    let rules = Rules::new()
        .on_with_status(StockError::judged)
        .on::<ParseIntError>(|_| Some(ErrorCategory::Validation))
        // Without this, a failure is 500 unless it has an answer of its own.
        .answer_client_errors();
    let vitals = Vitals::from_env()?
        .rules(rules)
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_secs(5))
        .build()?;

    let database = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    sqlx::query("CREATE TABLE stock (item TEXT PRIMARY KEY, amount INTEGER NOT NULL)")
        .execute(&database)
        .await?;
    let app = Router::new()
        .route("/stock/{item}", get(show).post(add))
        .route("/broken-query", get(broken_query))
        .route("/exchange-rate", get(exchange_rate))
        .route("/report", get(report))
        .route("/amount/{amount}", get(amount))
        .route("/order/{id}/close", post(close))
        .route("/hold", post(hold))
        .route("/take", post(take))
        .route("/account", get(account))
        .route("/limited", get(limited))
        .route("/bug", get(bug))
        .with_state(database)
        .layer(vitals.layer())
        .merge(vitals.routes());

    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let address = format!("127.0.0.1:{port}");
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    let address = listener.local_addr()?;
    println!(
        "Failures on http://{address}. Try:

  curl -X POST http://{address}/stock/tea                        # twice: conflict, of a unique key
  curl http://{address}/stock/unicorn                            # not_found, of a row that is missing
  curl http://{address}/broken-query                             # database
  curl http://{address}/exchange-rate                            # external_service
  curl http://{address}/report                                   # timeout
  curl http://{address}/amount/many                              # validation, by a rule of our own
  curl -X POST http://{address}/order/17/close                   # conflict, as our error answers it
  curl -X POST http://{address}/order/18/close                   # database, behind an answer of our error
  curl -X POST http://{address}/hold                             # conflict, by a rule of our own
  curl -X POST http://{address}/take                             # not_found as 410, by a rule of our own
  curl http://{address}/account                                  # authentication
  curl http://{address}/limited                                  # rate_limit
  curl http://{address}/bug                                      # server_error
  curl -s http://{address}/metrics | grep ^errors_total
"
    );
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let drained = vitals.run(server).await?;
    // In the log: it waits for no reader of standard output.
    tracing::info!(unfinished = drained.unfinished, "ended");
    Ok(())
}

/// For sqlx a missing row is an error; for the client it is a 404.
async fn show(
    State(database): State<SqlitePool>,
    Path(item): Path<String>,
) -> Result<String, Failure> {
    let row = sqlx::query("SELECT amount FROM stock WHERE item = ?")
        .bind(&item)
        .fetch_one(&database)
        .await
        .map_err(|error| match error {
            sqlx::Error::RowNotFound => {
                Failure::new(error).answer((StatusCode::NOT_FOUND, "no such item\n"))
            }
            _ => error.into(),
        })?;
    let amount: i64 = row.try_get("amount")?;
    Ok(format!("{amount}\n"))
}

async fn add(
    State(database): State<SqlitePool>,
    Path(item): Path<String>,
) -> Result<StatusCode, Failure> {
    sqlx::query("INSERT INTO stock VALUES (?, 1)")
        .bind(&item)
        .execute(&database)
        .await?;
    Ok(StatusCode::CREATED)
}

async fn broken_query(State(database): State<SqlitePool>) -> Result<(), Failure> {
    sqlx::query("SELECT * FROM nothing_here")
        .execute(&database)
        .await?;
    Ok(())
}

/// Nobody listens on this port.
async fn exchange_rate() -> Result<String, Failure> {
    let answer = reqwest::get("http://127.0.0.1:9/rates").await?;
    Ok(answer.text().await?)
}

async fn report() -> Result<(), Failure> {
    let endless = std::future::pending();
    Ok(time::timeout(Duration::from_millis(200), endless).await?)
}

/// Its category is `validation`, which answers 400.
async fn amount(Path(amount): Path<String>) -> Result<String, Failure> {
    let amount: u32 = amount.parse()?;
    Ok(format!("{amount}\n"))
}

async fn close(
    State(database): State<SqlitePool>,
    Path(order): Path<u32>,
) -> Result<(), OrderError> {
    if order == 17 {
        return Err(OrderError::Closed(order));
    }
    sqlx::query("UPDATE no_such_table SET closed = 1")
        .execute(&database)
        .await?;
    Ok(())
}

async fn hold() -> Result<(), Failure> {
    Err(StockError::Busy.into())
}

async fn take() -> Result<(), Failure> {
    Err(StockError::SoldOut.into())
}

/// A handler that makes its own response adds the rest to the context.
async fn account(context: RequestContext, headers: HeaderMap) -> Response {
    let Some(user) = headers.get("x-user").and_then(|user| user.to_str().ok()) else {
        context.tag("reason", "no x-user");
        return (StatusCode::UNAUTHORIZED, "who are you?\n").into_response();
    };
    context.user(user).tenant("acme");
    "your account\n".into_response()
}

/// A semaphore that is always full.
async fn limited() -> Result<(), Failure> {
    static GATE: Semaphore = Semaphore::const_new(0);
    let _permit = GATE.try_acquire().map_err(|error| {
        Failure::new(error).answer((StatusCode::TOO_MANY_REQUESTS, "later, please\n"))
    })?;
    Ok(())
}

async fn bug() -> Result<(), Failure> {
    Err("a thing that cannot happen".into())
}
