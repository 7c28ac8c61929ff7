//! A file of lines that is rotated by its size, and opened again if somebody else rotates it.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::config::{ConfigError, Environment};

/// The bytes after which a file is rotated.
const MAX_BYTES: u64 = 10 * 1024 * 1024;

/// How many rotated files are kept.
const KEPT: usize = 5;

/// A file for log lines: `app.log`, and behind it `app.log.1` to `app.log.5`, of which `app.log.1` is the newest. When a line
/// would make the file longer than 10 MiB, each file becomes the next one, and the oldest is removed.
///
/// It is a writer for [`queued`](super::queued) or [`QueueSettings::start`](super::QueueSettings::start), which give it whole
/// lines on a thread of their own:
///
/// ```no_run
/// use tower_vitals::logging::{self, Format, LogFile};
/// use tracing_subscriber::{Layer, layer::SubscriberExt};
///
/// let file = LogFile::open("/var/log/shop/shop.log")?.max_bytes(1024 * 1024).keep(9);
/// let lines = logging::layer(Format::Json, logging::queued(file)?, false);
/// // Beside standard output.
/// let both = lines.and_then(logging::from_env()?);
/// let subscriber = tracing_subscriber::registry().with(both);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// Before each write it looks whether the path still leads to its file. If `logrotate` or somebody else has moved or removed
/// it, the path is opened again, and the directory made if it is gone. So `logrotate` needs neither a signal nor
/// `copytruncate`, which works too. Let only one of the two rotate: with `logrotate`, give it a size far above that of
/// `logrotate`.
///
/// A line that cannot be written, such as on a full disk, is lost and counted in `vitals_dropped_total{sink="log"}`; the next
/// line is tried again. If the files cannot be renamed, the file grows until they can. Two processes must not share a file.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    keep: usize,
    /// `None` until it can be opened again.
    file: Option<File>,
}

// === impl LogFile ===

impl LogFile {
    /// Opens the file to append to it. Makes it, and the directories above it, if they are not there.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or is no regular file. The error names the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::named("logging.file", path.as_ref())
    }

    /// The file of `LOG_FILE`, if it is set.
    pub(super) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Option<Self>, ConfigError> {
        let path = environment.get("LOG_FILE");
        path.map(|path| Self::named("LOG_FILE", Path::new(&path)))
            .transpose()
    }

    /// The bytes that a file has at most, but for a line that is longer. Defaults to 10 MiB. With 0, each line begins a new
    /// file.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many rotated files are kept beside the current one. Defaults to 5. With 0, the file is emptied.
    #[must_use]
    pub fn keep(mut self, files: usize) -> Self {
        self.keep = files;
        self
    }

    fn named(field: &str, path: &Path) -> Result<Self, ConfigError> {
        let refuse = |error: io::Error| {
            ConfigError::new(field, path.display().to_string(), error.to_string())
        };
        // A device such as `/dev/stdout` has no size, and to open a pipe waits for its reader.
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(refuse(io::Error::other("not a regular file")));
        }
        let file = opened(path).map_err(refuse)?;
        Ok(Self {
            path: path.to_owned(),
            max_bytes: MAX_BYTES,
            keep: KEPT,
            file: Some(file),
        })
    }

    /// The file with room for the first line, and how much it has.
    fn with_room(&mut self, lines: &[u8]) -> io::Result<(&mut File, u64)> {
        let mut len = self.len_if_in_place();
        if len.is_none() {
            self.file = None;
        }
        let has_room = |len, bytes: usize| len + bytes as u64 <= self.max_bytes;
        let is_full =
            |len| len > 0 && !has_room(len, lines.len()) && !has_room(len, first_line(lines));
        let mut is_bounded = true;
        if len.is_some_and(is_full) {
            // If it fails, the lines are worth more than the size.
            is_bounded = self.rotate().is_ok();
            len = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(opened(&self.path)?),
        };
        let len = match len {
            Some(len) => len,
            None => file.metadata()?.len(),
        };
        let room = match is_bounded {
            true => self.max_bytes.saturating_sub(len),
            false => u64::MAX,
        };
        Ok((file, room))
    }

    /// The length of the file, if the path leads to it.
    fn len_if_in_place(&self) -> Option<u64> {
        let own = self.file.as_ref()?.metadata().ok()?;
        let there = fs::metadata(&self.path).ok()?;
        is_same(&own, &there).then_some(own.len())
    }

    /// Makes each file the next one, from the oldest on, so that none is lost if a step fails.
    fn rotate(&mut self) -> io::Result<()> {
        if self.keep == 0 {
            return self.file.as_ref().map_or(Ok(()), |file| file.set_len(0));
        }
        for number in (1..self.keep).rev() {
            renamed(&self.rotated(number), &self.rotated(number + 1))?;
        }
        // Windows renames no file that is open.
        self.file = None;
        renamed(&self.path, &self.rotated(1))
    }

    fn rotated(&self, number: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for LogFile {
    /// Writes the lines that the file has room for, and at least one.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let (file, room) = self.with_room(lines)?;
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        file.write(fitting(lines, room))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

/// The length of the first line, with its end.
fn first_line(lines: &[u8]) -> usize {
    let end = lines.iter().position(|byte| *byte == b'\n');
    end.map_or(lines.len(), |end| end + 1)
}

/// The whole lines that fit, or the first one.
fn fitting(lines: &[u8], room: usize) -> &[u8] {
    let Some(fit) = lines.get(..room) else {
        return lines;
    };
    let end = fit.iter().rposition(|byte| *byte == b'\n');
    &lines[..end.map_or_else(|| first_line(lines), |end| end + 1)]
}

fn opened(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().append(true).create(true).open(path);
    match (open(), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            open()
        }
        (opened, _) => opened,
    }
}

/// Gives the file another name, if it is there.
fn renamed(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

#[cfg(unix)]
fn is_same(own: &Metadata, there: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (own.dev(), own.ino()) == (there.dev(), there.ino())
}

/// Windows does not let others rename a file that is open.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}
