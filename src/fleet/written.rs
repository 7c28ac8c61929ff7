//! Starts of instances for tests, which count and write to a Redis in memory.

use std::sync::{Arc, Mutex, MutexGuard};

use redis::{Pipeline, Value};

use super::{
    ask::Ask,
    entry::Entry,
    fake::{FakeRedis, Fault},
    keys::{Keys, StartId},
    link_error::LinkError,
    reader::Reader,
    schedule::Schedule,
    writer::{Tick, Writer},
};
use crate::{
    facts::labels::{MethodLabel, StatusLabel},
    metrics::readings::{Key, Readings, requests},
};

/// The buckets of durations of tests.
pub(super) const BUCKETS: usize = 40;

/// Tells these buckets apart.
pub(super) const GRID: u64 = 77;

/// A Redis in memory that many ask.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedRedis(Arc<Mutex<FakeRedis>>);

/// A start of an instance.
#[derive(Debug)]
pub(super) struct WrittenStart {
    pub(super) id: StartId,
    pub(super) writer: Writer,
    pub(super) readings: Readings,
    pub(super) entry: Entry,
    pub(super) connection: u64,
    /// How many requests it counted, and how many when it wrote last.
    pub(super) counted: u64,
    pub(super) confirmed: u64,
    /// Whether its last write was confirmed.
    pub(super) is_written: bool,
}

// === impl SharedRedis ===

impl SharedRedis {
    pub(super) fn at(now: u64) -> Self {
        Self(Arc::new(Mutex::new(FakeRedis::at(now))))
    }

    pub(super) fn get(&self) -> MutexGuard<'_, FakeRedis> {
        self.0.lock().unwrap()
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::new(Box::new(self.clone()), keys(), (BUCKETS, GRID))
    }
}

impl Ask for SharedRedis {
    fn values(&mut self, pipeline: &Pipeline) -> Result<Vec<Value>, LinkError> {
        self.get().values(pipeline)
    }
}

// === impl WrittenStart ===

impl WrittenStart {
    pub(super) fn new(schedule: Schedule, began: u64) -> Self {
        let id = StartId::random();
        Self {
            id,
            writer: Writer::new(keys(), id, schedule),
            readings: Readings::default(),
            entry: Entry {
                id: format!("shop-{}", fastrand::u8(0..4)),
                version: Some("1.0".to_owned()),
                environment: "test".to_owned(),
                began,
                first: 0,
                tick: schedule.tick(),
                grid: GRID,
                in_flight: 1,
                ended: false,
                starts: 0,
                described: serde_json::Value::Null,
            },
            connection: 1,
            counted: 0,
            confirmed: 0,
            is_written: false,
        }
    }

    /// Counts requests of an endpoint, each of which took as long as a bucket.
    pub(super) fn count(&mut self, endpoint: &str, bucket: usize, many: u64) {
        let key = Key::Requests {
            endpoint: endpoint.into(),
            method: MethodLabel::at(0),
            status: StatusLabel::at(200),
        };
        let counts = of(&mut self.readings.counts, key, requests::COUNTS);
        counts[requests::ALL] += many;
        counts[requests::MEASURED] += many;
        counts[requests::NANOS] += many * 12_345_678;
        counts[requests::SEVERITIES] += many;
        let key = Key::Durations {
            endpoint: endpoint.into(),
            method: MethodLabel::at(0),
        };
        of(&mut self.readings.durations, key, BUCKETS)[bucket] += many;
        self.counted += many;
    }

    /// Writes, as the thread does. Returns whether it was confirmed.
    pub(super) fn write(&mut self, redis: &SharedRedis) -> bool {
        let at = redis.get().now;
        if self.entry.first == 0 {
            self.entry.first = at;
        }
        self.is_written = false;
        let entry = self.entry.to_json();
        for _ in 0..2 {
            let prepared = self.writer.prepare(Tick {
                at,
                readings: &self.readings,
                entry: &entry,
                connection: self.connection,
                is_last: self.entry.ended,
            });
            let answer = redis.get().values(&prepared.pipeline);
            let Ok(answers) = answer else {
                // The connection is another one, or the same.
                self.connection += u64::from(fastrand::bool());
                return false;
            };
            let confirmed = self.writer.confirm(prepared, &answers).unwrap();
            assert_eq!(confirmed.time, at);
            if confirmed.is_whole {
                self.confirmed = self.counted;
                self.is_written = true;
                return true;
            }
        }
        false
    }

    /// Writes, and the question meets a fault.
    pub(super) fn write_with(&mut self, redis: &SharedRedis, fault: Fault) -> bool {
        redis.get().fault = fault;
        let written = self.write(redis);
        redis.get().fault = Fault::None;
        written
    }
}

pub(super) fn keys() -> Keys {
    Keys::new("shop", "test")
}

fn of(counts: &mut Vec<(Key, Vec<u64>)>, key: Key, length: usize) -> &mut Vec<u64> {
    let at = counts.iter().position(|(known, _)| *known == key);
    let at = at.unwrap_or_else(|| {
        counts.push((key, vec![0; length]));
        counts.len() - 1
    });
    &mut counts[at].1
}
