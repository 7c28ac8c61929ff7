//! The settings of the state file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::disk;
use crate::config::{ConfigError, Environment};

/// The most bytes of the state file, unless they are set: 16 MiB.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Less holds no endpoint, and more would be read into memory at each start.
const BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=1024 * 1024 * 1024;

/// The settings as given.
#[derive(Clone, Debug)]
pub(crate) struct StateSettings {
    /// There is no file if `None`.
    pub(crate) path: Option<PathBuf>,
    /// The most bytes of the file. From 64 KiB to 1 GiB.
    pub(crate) max_bytes: u64,
}

/// Where state is kept, once the settings are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatePlace {
    pub(super) path: PathBuf,
    pub(super) max_bytes: u64,
}

// === impl StateSettings ===

impl StateSettings {
    /// The file of `MONITORING_STATE`, if it is set.
    ///
    /// # Errors
    ///
    /// If there cannot be such a file. The error names the variable.
    pub(crate) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        const NAME: &str = "MONITORING_STATE";
        let path = environment.get(NAME).map(PathBuf::from);
        if let Some(path) = &path {
            check(NAME, path)?;
        }
        Ok(Self {
            path,
            ..Self::default()
        })
    }

    /// The place, if a file is set. It is looked for, and not opened.
    ///
    /// # Errors
    ///
    /// If there cannot be such a file, or with so many bytes.
    pub(crate) fn checked(self) -> Result<Option<StatePlace>, ConfigError> {
        let Some(path) = self.path else {
            return Ok(None);
        };
        check("state_file", &path)?;
        if !BYTES.contains(&self.max_bytes) {
            let value = self.max_bytes.to_string();
            let reason = "expected 65536 (64 KiB) to 1073741824 (1 GiB) bytes";
            return Err(ConfigError::new("state_file_bytes", value, reason));
        }
        Ok(Some(StatePlace {
            path,
            max_bytes: self.max_bytes,
        }))
    }
}

impl Default for StateSettings {
    fn default() -> Self {
        Self {
            path: None,
            max_bytes: MAX_BYTES,
        }
    }
}

/// Refuses a path at which there can be no file of ours. What may change while the process runs, such as permissions, costs a
/// warning later.
fn check(field: &str, path: &Path) -> Result<(), ConfigError> {
    let refuse = |reason: &str| Err(ConfigError::new(field, path.display().to_string(), reason));
    if path.to_string_lossy().trim().is_empty() {
        return refuse("expected the path of a file");
    }
    if path.is_dir() || path.file_name().is_none() {
        return refuse("a folder, expected the path of a file");
    }
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return refuse("not a regular file");
    }
    match disk::folder(path).is_dir() {
        true => Ok(()),
        false => refuse("its folder does not exist"),
    }
}

#[cfg(test)]
mod tests;
