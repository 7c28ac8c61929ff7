//! Steps on files that need care: paths, permissions, what must reach the disk.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// The path that a file has once its folder and its links are followed. So two names of a file have one lock, a link stays a
/// link, and an application that changes its folder later keeps its file.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let by_folder = || {
        let folder = fs::canonicalize(folder(path)).ok()?;
        Some(folder.join(path.file_name()?))
    };
    let itself = fs::canonicalize(path).ok();
    itself.or_else(by_folder).unwrap_or_else(|| path.to_owned())
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// `FILE` with an ending behind its whole name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Fails if there is something that is no regular file. To open a pipe waits for its other end, and a device is no file.
pub(super) fn refuse_special(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// At most so many bytes from the beginning of a file. `None` if there is no file.
pub(super) fn beginning(path: &Path, bytes: u64) -> io::Result<Option<Vec<u8>>> {
    refuse_special(path)?;
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    Ok(Some(read))
}

/// Options to write to a file that, if it is made, only its owner can read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a new name survive a loss of power. The file is whole without it, so a file system that cannot do it is no problem.
pub(super) fn keep_names(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}
