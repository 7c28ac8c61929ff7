//! A server for black-box tests, with every way in which a request can end. CONTRIBUTING describes its variables and paths.

mod administration;
mod application;
mod auth;
mod dependencies;
mod faults;
#[expect(
    clippy::allow_attributes,
    clippy::clone_on_ref_ptr,
    unreachable_pub,
    unused_qualifications,
    reason = "made from probe.proto by tonic-prost-build, and left as it is"
)]
mod generated;
mod last;
mod own;
mod probe;
mod recorder;
mod settings;
mod statistics;
mod work;

use std::{
    env,
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

use tokio::net::TcpListener;
use tower_vitals::{
    RequestIdLayer, ShutdownReport, Vitals,
    fleet::Fleet,
    logging,
    sentry::{SentryOptions, tracing_layer},
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    administration::administration, application::application, auth::Auth,
    dependencies::Dependencies, last::Last, recorder::Foreign, settings::Settings,
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    let mut runtime = if settings.multi {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    runtime.enable_all().build()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let last = Last::default();
    tracing_subscriber::registry()
        .with(logging::from_env()?)
        .with(last.clone())
        .with(env::var_os("SENTRY_DSN").map(|_| tracing_layer()))
        .try_init()?;
    let dependencies = Dependencies::default();
    let health = dependencies.health()?;
    let foreign = match settings.foreign_recorder {
        true => Some(Foreign::install()?),
        false => None,
    };
    let builder = Vitals::from_env()?;
    let builder = match &foreign {
        Some(_) => builder.use_global_recorder(),
        None => builder,
    };
    let builder = match settings.state {
        Some(file) => builder.state_file(file),
        None => builder,
    };
    let builder = match env::var_os("REDIS_URL") {
        Some(_) => builder.fleet(Fleet::from_env()?),
        None => builder,
    };
    // Nothing is sent without `SENTRY_DSN`.
    let vitals = builder
        .statistics_slot(settings.slot)
        .sentry(SentryOptions::from_env()?)
        .health(health.service())
        .process_metrics()
        .drain_delay(settings.shutdown / 4)
        .shutdown_deadline(settings.shutdown)
        .exclude(settings.exclude)
        .endpoint_cap(settings.series_cap)
        .request_id(RequestIdLayer::new().trust_inbound(settings.trust_inbound))
        .grpc_descriptors(probe::DESCRIPTORS)?
        .build()?;
    let auth = settings.auth.as_deref().map(Auth::new);
    let app = application(&vitals, work::routes().await?, auth);
    let admin = administration(&vitals, last, health, dependencies, foreign);
    let listener = bind("ADDR", settings.address).await?;
    let admin_listener = bind("ADMIN_ADDR", settings.admin).await?;
    println!(
        "conformance on {}, administration on {}",
        listener.local_addr()?,
        admin_listener.local_addr()?
    );
    // The probes answer until the process ends.
    tokio::spawn(axum::serve(admin_listener, admin).into_future());
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let drained = vitals.run(server).await?;
    // Through a queue, and for a moment only: perhaps nobody reads standard output.
    let out = logging::queued(io::stdout())?;
    let ShutdownReport {
        unfinished, unsent, ..
    } = drained;
    let line = format!("ended with {unfinished} unfinished, {unsent} unsent\n");
    (&out).write_all(line.as_bytes())?;
    out.flush(Duration::from_millis(200));
    Ok(())
}

async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{name}: {address}: {error}"))
}
