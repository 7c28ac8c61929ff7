//! The grid of durations: steps that are fine enough for quantiles, and found without a search.

/// Octaves of nanoseconds: from 66 µs to 69 s.
const FIRST_OCTAVE: u32 = 16;
const LAST_OCTAVE: u32 = 36;

/// The steps of an octave. All are equally wide, so none is wider than a tenth of what it begins with.
const STEPS_OF_OCTAVE: u64 = 10;

/// How many steps there are: one below the octaves, those in them, and one above.
pub(super) const STEPS: usize =
    2 + (LAST_OCTAVE - FIRST_OCTAVE) as usize * STEPS_OF_OCTAVE as usize;

/// The upper edges of all steps but the last, ascending. An edge is part of its step.
pub(super) fn edges() -> impl Iterator<Item = u64> {
    let in_octaves = (FIRST_OCTAVE..LAST_OCTAVE).flat_map(|octave| {
        let begin = 1_u64 << octave;
        (1..=STEPS_OF_OCTAVE).map(move |step| begin + (step * begin).div_ceil(STEPS_OF_OCTAVE))
    });
    std::iter::once(1 << FIRST_OCTAVE).chain(in_octaves)
}

/// The step of a value.
#[inline]
pub(super) const fn step(value: u64) -> usize {
    // The upper edges of steps are part of them, and powers of two are upper edges.
    let below = value.saturating_sub(1);
    if below < 1 << FIRST_OCTAVE {
        return 0;
    }
    let octave = below.ilog2();
    if octave >= LAST_OCTAVE {
        return STEPS - 1;
    }
    let in_octave = ((below - (1 << octave)) * STEPS_OF_OCTAVE) >> octave;
    1 + (octave - FIRST_OCTAVE) as usize * STEPS_OF_OCTAVE as usize + in_octave as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_edge_is_the_last_value_of_its_step() {
        let edges: Vec<_> = edges().collect();
        assert_eq!(edges.len(), STEPS - 1);
        assert_eq!((edges[0], edges[STEPS - 2]), (1 << 16, 1 << 36));
        for (index, edge) in edges.into_iter().enumerate() {
            assert_eq!((step(edge), step(edge + 1)), (index, index + 1), "{edge}");
        }
        assert_eq!((step(0), step(u64::MAX)), (0, STEPS - 1));
    }

    #[test]
    fn no_step_is_wider_than_a_tenth() {
        let edges: Vec<_> = edges().collect();
        for two in edges.windows(2) {
            assert!(two[0] < two[1]);
            assert!((two[1] - two[0] - 1) * 10 <= two[0], "{two:?}");
        }
    }
}
