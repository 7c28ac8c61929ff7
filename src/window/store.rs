//! Carries state of the process across a restart, in a file. Nothing here fails the application: what goes wrong costs one
//! warning, and the process goes on in memory.

mod disk;
mod frame;
mod lock;
mod problem;
mod records;
mod settings;
mod state_file;
mod warnings;
mod writer;

use std::time::Duration;

#[cfg(feature = "notify")]
pub(crate) use self::records::TOLD;
use self::{
    frame::{Frame, Kind},
    lock::StateLock,
    problem::Problem,
    state_file::StateFile,
    warnings::Warnings,
    writer::Target,
};
pub(crate) use self::{
    records::{ALERTS, Deployed, Records},
    settings::{StatePlace, StateSettings},
    writer::StoreWriter,
};

/// How long a start waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes of the file of records.
const EVENTS_BYTES: u64 = 4 * 1024 * 1024;

/// The files of a process: `FILE` with the window, `FILE.events` with the records, and `FILE.lock`, which stays empty.
#[derive(Debug)]
pub(crate) struct Store {
    window: KeptFile,
    events: KeptFile,
    /// `None` if it is not ours. Then the files are off.
    _lock: Option<StateLock>,
}

/// What was kept by the process before.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// The content of the window, as it was given.
    pub(crate) window: Option<Vec<u8>>,
    pub(crate) records: Records,
    /// The files are used.
    pub(crate) on: bool,
}

/// A file, and what a person knows about it.
#[derive(Debug)]
struct KeptFile {
    file: StateFile,
    warnings: Warnings,
    /// If `false`, it is neither read nor written.
    on: bool,
    /// A person knows that it cannot be written.
    told: bool,
}

/// Opens the files on a thread of their own, and starts to write: the records at each change, and every `interval` what
/// `window` returns, unless it is `None`. `service` is the name of the service, whose files no other service uses.
pub(crate) fn start(
    place: StatePlace,
    service: Option<&str>,
    interval: Duration,
    window: impl FnMut() -> Option<Vec<u8>> + Send + 'static,
    failed: impl Fn() + Send + 'static,
) -> (StoreWriter, Restored) {
    let path = place.path.clone();
    let service = service.unwrap_or_default().to_owned();
    let warnings = Warnings::log();
    let of_thread = warnings.clone();
    let open = move || Store::open(&place, service, &of_thread);
    let started = StoreWriter::start(open, PATIENCE, interval, window, failed);
    let (mut writer, restored) = started.unwrap_or_else(|problem| {
        warnings.tell(&path, &problem);
        (StoreWriter::off(), Restored::default())
    });
    writer.off = !restored.on;
    (writer, restored)
}

/// How many bytes of the window the file can hold.
pub(crate) fn window_room(place: &StatePlace, service: Option<&str>) -> usize {
    let service = service.unwrap_or_default().to_owned();
    let kind = Kind::Window;
    StateFile::new(place.path.clone(), Frame { kind, service }, place.max_bytes).room()
}

/// Tells a person that the content of the window, which came back whole, cannot be understood.
pub(crate) fn refuse_window(place: &StatePlace, why: &str) {
    Warnings::log().tell(&place.path, &Problem::Content(why.to_owned()));
}

// === impl Store ===

impl Store {
    /// Opens the files, and reads them. A file that is missing says nothing.
    fn open(place: &StatePlace, service: String, warnings: &Warnings) -> (Self, Restored) {
        let path = disk::resolved(&place.path);
        let lock = StateLock::take(&disk::with_ending(&path, ".lock"));
        if let Err(problem) = &lock {
            warnings.tell(&path, problem);
        }
        let kept = |path, kind, limit| {
            let service = service.clone();
            KeptFile {
                file: StateFile::new(path, Frame { kind, service }, limit),
                warnings: warnings.clone(),
                on: lock.is_ok(),
                told: false,
            }
        };
        let events = disk::with_ending(&path, ".events");
        let mut store = Self {
            window: kept(path, Kind::Window, place.max_bytes),
            events: kept(events, Kind::Events, EVENTS_BYTES),
            _lock: lock.ok(),
        };
        let window = store.window.read(Ok);
        let records = store.events.read(|lines| Records::decode(&lines));
        let records = records.unwrap_or_default();
        let on = store.window.on && store.events.on;
        let restored = Restored {
            window,
            records,
            on,
        };
        (store, restored)
    }
}

impl Target for Store {
    fn write_window(&mut self, content: &[u8]) -> bool {
        self.window.write(content)
    }

    fn write_records(&mut self, records: &Records) -> bool {
        let content = records.encode(self.events.file.room());
        self.events.write(&content)
    }
}

// === impl KeptFile ===

impl KeptFile {
    fn read<T>(&mut self, decode: impl FnOnce(Vec<u8>) -> Result<T, Problem>) -> Option<T> {
        if !self.on {
            return None;
        }
        let read = self.file.read();
        let read = read.and_then(|content| content.map(decode).transpose());
        let read = read.unwrap_or_else(|problem| {
            self.on = !problem.keeps_off();
            // What a write replaces is another matter than a write that fails.
            self.told = matches!(problem, Problem::Io(..));
            self.warnings.tell(self.file.path(), &problem);
            None
        });
        if self.on {
            let removed = self.file.remove_leftover();
            let removed = removed.map_err(Problem::io("cannot write it"));
            let _ = self.noted(removed);
        }
        read
    }

    /// Returns `false` if it failed. A file that is off is not written, which is no failure.
    fn write(&mut self, content: &[u8]) -> bool {
        if !self.on {
            return true;
        }
        let written = self.file.write(content);
        let written = self.noted(written);
        self.told &= !written;
        written
    }

    /// Tells the first failure of a series.
    fn noted(&mut self, done: Result<(), Problem>) -> bool {
        if let Err(problem) = &done
            && !self.told
        {
            self.told = true;
            self.warnings.tell(self.file.path(), problem);
        }
        done.is_ok()
    }
}

#[cfg(test)]
mod tests;
