//! Lets one process at a time keep its state in a file.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use super::{disk, problem::Problem};

/// The lock of a state file. It ends with this value, and with the process, however that ends.
///
/// The lock is on a file of its own, because each write puts another file in the place of the state file. That file stays
/// empty, and stays: if it were removed, two processes could each lock one of that name.
#[derive(Debug)]
pub(super) struct StateLock {
    file: File,
}

// === impl StateLock ===

impl StateLock {
    /// Takes the lock, and does not wait for it.
    pub(super) fn take(path: &Path) -> Result<Self, Problem> {
        const STEP: &str = "cannot lock it";
        disk::refuse_special(path).map_err(Problem::io(STEP))?;
        let mut options = disk::private();
        let file = options.create(true).truncate(false).open(path);
        let file = file.map_err(Problem::io(STEP))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(Problem::Locked),
            Err(TryLockError::Error(error)) => Err(Problem::Io(STEP, error)),
        }
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // A child process that another thread starts has a copy of the file for a moment, which would keep the lock.
        let _ = self.file.unlock();
    }
}
