//! One file of state: read whole or not at all, written whole or not at all.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use super::{
    disk,
    frame::{Frame, MAGIC, is_ours},
    problem::Problem,
};

/// A file that holds one content at a time.
///
/// A write goes to `FILE.vitals-tmp` first, and this takes the place of the file when all of it is on the disk. So a process
/// that is killed leaves the old content or the new one. The new file is readable for its owner only.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    frame: Frame,
    /// The most bytes of the whole file.
    limit: u64,
}

// === impl StateFile ===

impl StateFile {
    pub(super) fn new(path: PathBuf, frame: Frame, limit: u64) -> Self {
        Self { path, frame, limit }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The most bytes of a content.
    pub(super) fn room(&self) -> usize {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        limit.saturating_sub(self.frame.head_bytes())
    }

    /// The content. `None` if there is no file.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, Problem> {
        let file = disk::beginning(&self.path, self.limit.saturating_add(1));
        let Some(file) = file.map_err(Problem::io("cannot read it"))? else {
            return Ok(None);
        };
        if file.len() as u64 > self.limit && is_ours(&file) {
            return Err(Problem::TooLarge { limit: self.limit });
        }
        self.frame.unpack(file).map(Some)
    }

    /// Puts this content in the place of the one before.
    pub(super) fn write(&self, content: &[u8]) -> Result<(), Problem> {
        const STEP: &str = "cannot write it";
        if content.len() > self.room() {
            let reason = format!("more than {} bytes", self.limit);
            return Err(Problem::Io(STEP, io::Error::other(reason)));
        }
        // Somebody may have put a file of theirs there since the last time.
        if !is_ours_or_none(&self.path).map_err(Problem::io(STEP))? {
            return Err(Problem::Foreign);
        }
        self.remove_leftover().map_err(Problem::io(STEP))?;
        let temporary = self.temporary();
        let mut options = disk::private();
        let file = options.create_new(true).open(&temporary);
        let mut file = file.map_err(Problem::io(STEP))?;
        let written = file
            .write_all(&self.frame.head(content))
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all());
        // Windows renames no file that is open.
        drop(file);
        let placed = written.and_then(|()| fs::rename(&temporary, &self.path));
        if let Err(error) = placed {
            // It takes room on a disk that may be full.
            let _ = fs::remove_file(&temporary);
            return Err(Problem::Io(STEP, error));
        }
        disk::keep_names(disk::folder(&self.path));
        Ok(())
    }

    /// Removes what a process left that was killed while it wrote. Only the holder of the lock may do this.
    pub(super) fn remove_leftover(&self) -> io::Result<()> {
        let temporary = self.temporary();
        // A link is not followed: it would be somebody else's.
        match fs::symlink_metadata(&temporary) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Ok(there) if there.is_file() && is_leftover(&temporary)? => {}
            Ok(_) => {
                let reason = format!("{} is not ours", temporary.display());
                return Err(io::Error::other(reason));
            }
            Err(error) => return Err(error),
        }
        fs::remove_file(&temporary)
    }

    fn temporary(&self) -> PathBuf {
        disk::with_ending(&self.path, ".vitals-tmp")
    }
}

/// Whether the path leads to a file of ours, or to none.
fn is_ours_or_none(path: &Path) -> io::Result<bool> {
    let beginning = disk::beginning(path, MAGIC.len() as u64)?;
    Ok(beginning.is_none_or(|bytes| is_ours(&bytes)))
}

/// Whether a temporary file is ours. A loss of power can leave one of zeros, whose content never reached the disk.
fn is_leftover(path: &Path) -> io::Result<bool> {
    let beginning = disk::beginning(path, MAGIC.len() as u64)?;
    Ok(beginning.is_none_or(|bytes| is_ours(&bytes) || bytes.iter().all(|byte| *byte == 0)))
}
