//! Chooses the buckets of the application's histograms.

use std::{collections::BTreeMap, sync::Arc};

use super::{super::buckets, names};
use crate::config::ConfigError;

/// The upper edges of buckets, by the name of a family.
///
/// - `_seconds`: 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5 and 10, as for requests.
/// - `_bytes`: the powers of 4 from 64 B to 64 MiB.
/// - Otherwise 1, 2 and 5 times the powers of ten from 0.01 to 100,000, and 1,000,000: shares, milliseconds up to a quarter of an
///   hour, amounts. A quantile is wrong by a factor of 2.5 at most.
#[derive(Debug)]
pub(super) struct Edges {
    own: BTreeMap<String, Arc<[f64]>>,
    seconds: Arc<[f64]>,
    bytes: Arc<[f64]>,
    others: Arc<[f64]>,
}

// === impl Edges ===

impl Edges {
    pub(super) fn new() -> Self {
        let powers = (3..=13).map(|power| f64::from(1_u32 << (2 * power)));
        Self {
            own: BTreeMap::new(),
            seconds: buckets::default_seconds().published().into(),
            bytes: powers.collect(),
            others: decades(),
        }
    }

    /// The edges of a family.
    pub(super) fn of(&self, family: &str) -> Arc<[f64]> {
        let edges = match self.own.get(family) {
            Some(own) => own,
            None if family.ends_with("_seconds") => &self.seconds,
            None if family.ends_with("_bytes") => &self.bytes,
            None => &self.others,
        };
        Arc::clone(edges)
    }

    /// Chooses the edges of a family.
    pub(super) fn choose(
        &mut self,
        name: &str,
        edges: impl IntoIterator<Item = f64>,
    ) -> Result<(), ConfigError> {
        let family = names::family(name).into_owned();
        let field = format!("metrics.application_buckets.{family}");
        let expected = "a finite number; the bucket above all edges is there by itself";
        let finite = |edge: f64| edge.is_finite().then_some(edge);
        let edges = buckets::checked(&field, edges, finite, expected)?;
        self.own.insert(family, edges.into());
        Ok(())
    }
}

/// 1, 2 and 5 times the powers of ten from 0.01 to 100,000, and 1,000,000.
fn decades() -> Arc<[f64]> {
    // Divided and not multiplied by a fraction, so that 0.01 is the number that is written so.
    let small = [100.0, 10.0].into_iter();
    let small = small.flat_map(|part| [1.0, 2.0, 5.0].map(|step| step / part));
    let large = (0..=5).map(|power| 10_f64.powi(power));
    let large = large.flat_map(|times| [1.0, 2.0, 5.0].map(|step| step * times));
    small.chain(large).chain([1e6]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(edges: impl IntoIterator<Item = f64>) -> String {
        let refused = Edges::new().choose("audio.length", edges);
        refused.unwrap_err().to_string()
    }

    #[test]
    fn a_suffix_chooses_the_buckets() {
        let edges = Edges::new();
        let seconds = [
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0,
        ];
        assert_eq!(*edges.of("payment_processing_duration_seconds"), seconds);
        let bytes = [
            64.0,
            256.0,
            1024.0,
            4096.0,
            16384.0,
            65536.0,
            262_144.0,
            1_048_576.0,
            4_194_304.0,
            16_777_216.0,
            67_108_864.0,
        ];
        assert_eq!(*edges.of("voice_audio_size_bytes"), bytes);
        let others = [
            0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0,
            1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6,
        ];
        assert_eq!(*edges.of("workflow_duration_ms"), others);
        assert_eq!(*edges.of("seconds"), others);
    }

    #[test]
    fn a_family_has_the_buckets_that_were_chosen() {
        let mut edges = Edges::new();
        edges
            .choose("audio.length_seconds", [-1.0, 0.0, 60.0])
            .unwrap();
        assert_eq!(*edges.of("audio_length_seconds"), [-1.0, 0.0, 60.0]);
        edges
            .choose("audio.length_seconds", (0..64).map(f64::from))
            .unwrap();
        assert_eq!(edges.of("audio_length_seconds").len(), 64);
    }

    #[test]
    fn edges_that_cannot_be_are_refused_with_field_and_value() {
        let field = "metrics.application_buckets.audio_length";
        let finite = "a finite number; the bucket above all edges is there by itself";
        let ascend = "edges ascend, and the one before is not below this one";
        let cases = [
            (
                vec![],
                format!("{field}: invalid value \"[]\": at least one edge"),
            ),
            (
                vec![1.0, f64::NAN],
                format!("{field}[1]: invalid value \"NaN\": {finite}"),
            ),
            (
                vec![f64::INFINITY],
                format!("{field}[0]: invalid value \"inf\": {finite}"),
            ),
            (
                vec![1.0, 1.0],
                format!("{field}[1]: invalid value \"1\": {ascend}"),
            ),
            (
                vec![2.0, 1.5],
                format!("{field}[1]: invalid value \"1.5\": {ascend}"),
            ),
            (
                (0..65).map(f64::from).collect(),
                format!("{field}[64]: invalid value \"64\": at most 64 edges"),
            ),
        ];
        for (edges, expected) in cases {
            assert_eq!(refused(edges), expected);
        }
    }
}
