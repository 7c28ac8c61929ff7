//! Reads copies, and finds another one where one is gone.

use redis::{Pipeline, Value};

use super::{
    super::{
        commands::hashes,
        edges::Edge,
        form::{Kind, Reading},
        keys::StartId,
        link_error::LinkError,
        schedule::Snap,
        writer,
    },
    Reader, Wanted,
};

/// The most copies that are looked for at a time, so that each answer comes in time.
const LOOKED_FOR: usize = 2_000;

/// How often another copy is looked for where one is gone.
const MOST_ROUNDS: usize = 4;

// === impl Reader ===

impl Reader {
    /// Reads the copies of these edges that are not known. Where one is gone, another one is chosen and read.
    pub(super) fn read_copies(&mut self, wants: &[Wanted]) -> Result<(), LinkError> {
        for round in 0..MOST_ROUNDS {
            let mut missing: Vec<(StartId, Kind, Snap)> = Vec::new();
            for want in wants {
                let now = self.now;
                let Some(known) = self.starts.get_mut(&want.start) else {
                    continue;
                };
                let edge = known.edges(want.kind).map(|edges| edges.at(want.time));
                if let Some(edge @ Edge::Copy(snap)) = edge
                    && known.reading(want.kind, edge, now).is_none()
                {
                    missing.push((want.start, want.kind, snap));
                }
            }
            missing.dedup();
            if missing.is_empty() {
                return Ok(());
            }
            let keys = missing.iter().map(|one| self.key_of(*one)).collect();
            let mut gone = Vec::new();
            for ((start, kind, snap), hash) in missing.iter().zip(hashes(&mut *self.asks, keys)?) {
                let reading = Reading::read(&hash, *kind);
                if reading.is_none() {
                    gone.push((*start, *kind));
                }
                let now = self.now;
                self.change(*start, |known| known.set_copy(*kind, *snap, reading, now));
            }
            // Many can be gone: all of them are looked for at once.
            if round == 0 && !gone.is_empty() {
                self.look_for_copies(&gone)?;
            }
        }
        Ok(())
    }

    /// Asks which copies of these starts are there.
    fn look_for_copies(&mut self, starts: &[(StartId, Kind)]) -> Result<(), LinkError> {
        let mut asked = Vec::new();
        for (start, kind) in starts {
            let known = self.starts.get(start).and_then(|known| known.edges(*kind));
            let copies = known.iter().flat_map(|known| known.copies());
            asked.extend(copies.map(|(snap, _)| (*start, *kind, snap)));
        }
        for asked in asked.chunks(LOOKED_FOR) {
            let mut pipeline = Pipeline::new();
            for copy in asked {
                pipeline.cmd("EXISTS").arg(self.key_of(*copy));
            }
            let answers = self.asks.values(&pipeline)?;
            for ((start, kind, snap), answer) in asked.iter().zip(answers) {
                if answer == Value::Int(0) {
                    self.change(*start, |known| known.set_gone(*kind, *snap));
                }
            }
        }
        Ok(())
    }

    fn key_of(&self, (start, kind, snap): (StartId, Kind, Snap)) -> String {
        kind.of(writer::copies(&self.keys, start, snap))
    }
}
