//! Simulates two dependencies: `database`, critical, and `cache`, optional.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::StatusCode;
use serde::Deserialize;
use tower_vitals::{
    config::ConfigError,
    health::{Check, Health, Role},
};

/// The wanted state of each dependency; without one, it is up.
#[derive(Clone, Default)]
pub(crate) struct Dependencies(Arc<Mutex<HashMap<String, Wanted>>>);

/// A dependency and its wanted state.
#[derive(Clone, Deserialize)]
pub(crate) struct Wanted {
    name: String,
    state: State,
    #[serde(default)]
    msg: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Up,
    Hang,
    Panic,
    Error,
}

impl Dependencies {
    pub(crate) fn health(&self) -> Result<Health, ConfigError> {
        let database = self.check("database").healthy_label("connected");
        let cache = self.check("cache").role(Role::Optional);
        Health::builder().check(database).check(cache).start()
    }

    fn check(&self, name: &'static str) -> Check {
        let all = self.clone();
        Check::new(name, move || {
            let wanted = all.wanted(name);
            async move {
                let Some(wanted) = wanted else { return Ok(()) };
                match wanted.state {
                    State::Up => Ok(()),
                    State::Hang => std::future::pending().await,
                    State::Panic => panic!("{}", wanted.msg),
                    State::Error => Err(wanted.msg),
                }
            }
        })
        .interval(Duration::from_millis(200))
        .timeout(Duration::from_millis(300))
    }

    fn wanted(&self, name: &str) -> Option<Wanted> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).cloned()
    }

    pub(crate) fn set(&self, wanted: Wanted) -> StatusCode {
        if !["database", "cache"].contains(&wanted.name.as_str()) {
            return StatusCode::NOT_FOUND;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(wanted.name.clone(), wanted);
        StatusCode::NO_CONTENT
    }
}
