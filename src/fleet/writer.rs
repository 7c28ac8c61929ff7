//! Says what an instance writes. It knows no socket and no clock.
//!
//! Everything is written absolutely, so writing again is harmless, and the next write mends a lost one. What was confirmed and
//! has not changed is not written. A hash that is not whole, after an eviction or in an empty Redis, is written anew in one
//! transaction. So is everything on a new connection: another server may have taken the place of the one that confirmed.

use redis::{Pipeline, Value};

use super::{
    commands::{expire, fields_of, hset, time},
    forget,
    form::{self, EPOCH, Head, Kind},
    keys::{Keys, StartId},
    schedule::{LEVELS, Schedule, Snap, Snaps},
    side::Side,
};
use crate::metrics::readings::Readings;

/// What an instance writes, and what is certainly in Redis.
#[derive(Debug)]
pub(super) struct Writer {
    keys: Keys,
    start: StartId,
    schedule: Schedule,
    counts: Side,
    durations: Side,
    snaps: Snaps,
    /// When durations were written last.
    fine_at: u64,
    /// The number of the connection over which all of it was written.
    connection: Option<u64>,
}

/// What is written at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick<'a> {
    /// By the clock of Redis, in milliseconds since 1970.
    pub(super) at: u64,
    pub(super) readings: &'a Readings,
    /// What this instance says of itself.
    pub(super) entry: &'a str,
    /// The number of the connection that is open.
    pub(super) connection: u64,
    /// Whether nothing is written after this.
    pub(super) is_last: bool,
}

/// A question, and what is certain once it is answered.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) pipeline: Pipeline,
    /// The connection, if everything is written.
    whole: Option<u64>,
    values: Vec<(Kind, u32, Vec<u8>)>,
    /// When counts changed last, by group.
    lasts: Vec<(usize, Vec<u8>)>,
    named: [usize; 2],
    snaps: Snaps,
    /// Copies of which we ask whether they are there.
    asked: Vec<Snap>,
    fine_at: u64,
}

/// What Redis answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// The clock of Redis, in milliseconds since 1970.
    pub(super) time: u64,
    /// Whether everything was there. If not, it must be written at once.
    pub(super) is_whole: bool,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(keys: Keys, start: StartId, schedule: Schedule) -> Self {
        Self {
            keys,
            start,
            schedule,
            counts: Side::new(Kind::Counts),
            durations: Side::new(Kind::Durations),
            snaps: Snaps::default(),
            fine_at: 0,
            connection: None,
        }
    }

    /// What is to be written now.
    pub(super) fn prepare(&mut self, tick: Tick<'_>) -> Prepared {
        let is_whole = self.connection != Some(tick.connection);
        let due = self.schedule.due(&self.snaps, tick.at);
        let with_durations = is_whole || tick.is_last || !due.is_empty();
        let mut snaps = self.snaps;
        due.iter().for_each(|snap| snaps.take(*snap));

        let counts = self
            .counts
            .changed(&tick.readings.counts, is_whole, tick.at);
        let lasts = self.counts.lasts(is_whole);
        let durations = match with_durations {
            true => {
                let readings = &tick.readings.durations;
                self.durations.changed(readings, is_whole, tick.at)
            }
            false => Vec::new(),
        };
        let fine_at = if with_durations {
            tick.at
        } else {
            self.fine_at
        };
        let named = [self.counts.known(), self.durations.known()];
        let head = Head {
            at: tick.at,
            names: named.map(|count| count as u64),
            snaps,
            fine_at,
        };

        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME");
        let hashes = self.hashes();
        let [now, fine, names] = &hashes;
        match is_whole {
            true => {
                pipeline.cmd("MULTI").ignore();
                pipeline.cmd("DEL").arg(&hashes).ignore();
            }
            false => {
                for hash in &hashes {
                    pipeline.cmd("HEXISTS").arg(hash).arg(EPOCH);
                }
            }
        }
        let new_names = [&self.counts, &self.durations].map(|side| side.new_names(is_whole));
        hset(
            &mut pipeline,
            names,
            is_whole,
            new_names.into_iter().flatten(),
        );
        if with_durations {
            let at = (form::AT.into(), tick.at.to_string().into());
            let fields = [at].into_iter().chain(fields_of(&durations));
            hset(&mut pipeline, fine, is_whole, fields);
        }
        let fields = head.fields().into_iter().chain(fields_of(&counts));
        let fields = fields.chain(lasts.iter().map(|(_, field)| field.clone()));
        hset(&mut pipeline, now, is_whole, fields);
        for hash in &hashes {
            expire(&mut pipeline, hash, self.schedule.kept());
        }
        if is_whole {
            pipeline.cmd("EXEC").ignore();
        }
        self.copy(&mut pipeline, &due);
        let asked = if is_whole {
            self.ask_for_copies(&mut pipeline)
        } else {
            Vec::new()
        };
        self.say(&mut pipeline, tick, !due.is_empty());

        let of = |kind, values: Vec<_>| {
            let values = values.into_iter();
            values.map(move |(chunk, value)| (kind, chunk, value))
        };
        let values = of(Kind::Counts, counts).chain(of(Kind::Durations, durations));
        Prepared {
            pipeline,
            whole: is_whole.then_some(tick.connection),
            values: values.collect(),
            lasts: lasts
                .into_iter()
                .map(|(group, (_, value))| (group, value))
                .collect(),
            named,
            snaps,
            asked,
            fine_at,
        }
    }

    /// Notes that a question was answered. Without this, its parts are written again. `None` if the answer has another form.
    pub(super) fn confirm(&mut self, prepared: Prepared, answers: &[Value]) -> Option<Confirmed> {
        let mut answers = answers.iter();
        let time = time(answers.next()?)?;
        let is_whole = match prepared.whole {
            Some(_) => true,
            // Each is asked for its mark.
            None => {
                let marks = answers.by_ref().take(self.hashes().len());
                marks.filter(|mark| **mark == Value::Int(1)).count() == self.hashes().len()
            }
        };
        for (kind, chunk, value) in prepared.values {
            self.side(kind).set(chunk, value);
        }
        for (group, value) in prepared.lasts {
            self.counts.set_last(group, value);
        }
        let [counts, durations] = prepared.named;
        self.counts.named = counts;
        self.durations.named = durations;
        self.fine_at = prepared.fine_at;
        if is_whole {
            // Otherwise what was copied is not whole, and copied again.
            self.snaps = prepared.snaps;
        }
        for (snap, answer) in prepared.asked.iter().zip(answers.by_ref()) {
            if *answer == Value::Int(0) {
                self.snaps.forget(*snap);
            }
        }
        self.connection = match is_whole {
            true => prepared.whole.or(self.connection),
            false => None,
        };
        Some(Confirmed { time, is_whole })
    }

    /// The hashes that are marked as whole.
    fn hashes(&self) -> [String; 3] {
        let (keys, start) = (&self.keys, self.start);
        [keys.now(start), keys.fine(start), keys.names(start)]
    }

    /// Copies what is counted, on the server.
    fn copy(&self, pipeline: &mut Pipeline, due: &[Snap]) {
        let [now, fine, _] = self.hashes();
        for snap in due {
            let [of_now, of_fine] = copies(&self.keys, self.start, *snap);
            for (from, to) in [(&now, of_now), (&fine, of_fine)] {
                // One that was made already, without being confirmed, has the same slot.
                pipeline
                    .cmd("COPY")
                    .arg(from)
                    .arg(&to)
                    .arg("REPLACE")
                    .ignore();
                expire(pipeline, &to, self.schedule.copy_kept(snap.level));
            }
        }
    }

    /// Asks which copies are there, of those that were noted.
    fn ask_for_copies(&self, pipeline: &mut Pipeline) -> Vec<Snap> {
        let asked: Vec<_> = self.snaps.iter().collect();
        for snap in &asked {
            let [of_now, _] = copies(&self.keys, self.start, *snap);
            pipeline.cmd("EXISTS").arg(of_now);
        }
        asked
    }

    /// Gives a sign of life. It comes last: who sees it finds all that was written before.
    fn say(&self, pipeline: &mut Pipeline, tick: Tick<'_>, forgets: bool) {
        let (instances, seen) = (self.keys.instances(), self.keys.seen());
        let start = self.start.to_string();
        pipeline
            .cmd("HSET")
            .arg(&instances)
            .arg(&start)
            .arg(tick.entry)
            .ignore();
        pipeline
            .cmd("ZADD")
            .arg(&seen)
            .arg(tick.at)
            .arg(&start)
            .ignore();
        for key in [&instances, &seen] {
            expire(pipeline, key, self.schedule.kept());
        }
        if forgets {
            forget::forget(pipeline, &self.keys, tick.at, self.schedule.kept());
        }
    }

    fn side(&mut self, kind: Kind) -> &mut Side {
        kind.of([&mut self.counts, &mut self.durations])
    }
}

/// The keys of a copy: of the counts, and of the durations.
pub(super) fn copies(keys: &Keys, start: StartId, snap: Snap) -> [String; 2] {
    let letter = LEVELS.get(snap.level).map_or("", |level| level.letter);
    [
        keys.snapshot(start, letter, snap.slot),
        keys.fine_snapshot(start, letter, snap.slot),
    ]
}

#[cfg(test)]
mod tests;
