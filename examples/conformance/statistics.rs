//! Shows what the application did lately, as JSON.

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use tower_vitals::statistics::{
    DeploymentStatistics, ReleaseStatistics, Statistics, StatisticsHandle,
};

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default = "five_minutes")]
    window: String,
}

fn five_minutes() -> String {
    "5m".to_owned()
}

/// The statistics of a window, beside what is known of each release.
#[derive(Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    lately: Statistics,
    releases: Vec<ReleaseStatistics>,
    deployments: DeploymentStatistics,
}

/// The statistics, or 400 with the value that is no window.
pub(crate) fn shown(
    statistics: &StatisticsHandle,
    Wanted { window }: Wanted,
) -> Result<Json<Shown>, (StatusCode, String)> {
    let refuse = |reason: &str| {
        let text = format!("window: invalid value {window:?}: {reason}\n");
        (StatusCode::BAD_REQUEST, text)
    };
    let length = humantime::parse_duration(&window);
    let length = length.map_err(|_| refuse("expected a time such as 5m, 10s, 500ms or 24h"))?;
    let lately = statistics.over(length);
    Ok(Json(Shown {
        lately: lately.map_err(|_| refuse("must be above 0 and at most 24h"))?,
        releases: statistics.releases(),
        deployments: statistics.deployments(),
    }))
}
