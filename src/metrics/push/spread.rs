//! Chooses values for samples of which only the buckets and the sum are known.

use super::super::bounds::Bounds;

/// Values for samples: a bucket, a value in it, and how many samples have it. Their sum is `sum`, as far as the buckets allow: a
/// count can be seen before its part of the sum, which comes with the next samples then.
pub(super) fn values(counts: &[u64], sum: i64, bounds: &Bounds) -> Vec<(usize, u64, u64)> {
    let used = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let used: Vec<_> = used
        .map(|(bucket, count)| (bucket, *count, bounds.bucket(bucket)))
        .collect();
    let total = |value: fn((u64, u64)) -> u64| -> i128 {
        let each = used.iter();
        each.map(|(_, count, bucket)| i128::from(*count) * i128::from(value(*bucket)))
            .sum()
    };
    let (least, most) = (total(|(from, _)| from), total(|(_, upto)| upto));
    let sum = i128::from(sum).clamp(least, most);
    // Each bucket has its samples at the same share of its width. The one above all edges has no width that says anything:
    // beside it the others have theirs in the middle, and it takes what is left of the sum.
    let is_open = |(_, upto): (u64, u64)| upto == u64::MAX;
    let share = match used.iter().any(|(_, _, bucket)| is_open(*bucket)) {
        true => 0.5,
        false => (sum - least) as f64 / ((most - least).max(1)) as f64,
    };
    let place = |(from, upto): (u64, u64)| {
        let width = if is_open((from, upto)) {
            0
        } else {
            upto - from
        };
        let into = width as f64 * share;
        from.saturating_add(into as u64).min(upto)
    };
    let placed = used.iter();
    let placed = placed.map(|(_, count, bucket)| i128::from(*count) * i128::from(place(*bucket)));
    let mut missing = sum - placed.sum::<i128>();
    let mut values = Vec::with_capacity(2 * used.len());
    for (bucket, count, (from, upto)) in used.into_iter().rev() {
        // What is left goes to the highest buckets that have room.
        let samples = i128::from(count);
        let value = i128::from(place((from, upto)));
        let room = (
            samples * (i128::from(from) - value),
            samples * (i128::from(upto) - value),
        );
        let taken = missing.clamp(room.0, room.1);
        missing -= taken;
        let total = samples * value + taken;
        let (value, above) = ((total / samples) as u64, (total % samples) as u64);
        values.push((bucket, value, count - above));
        if above > 0 {
            values.push((bucket, value + 1, above));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_value_above_all_edges_leaves_the_others_in_the_middle_of_their_buckets() {
        let bounds = Bounds::new([100, 200].map(Duration::from_nanos));
        let values = values(&[0, 2, 1], 150 + 150 + 9_000, &bounds);
        assert_eq!(values, [(2, 9_000, 1), (1, 150, 2)]);
    }

    #[test]
    fn values_are_in_their_buckets_and_have_the_sum() {
        for _ in 0..500 {
            let edge = || Duration::from_nanos(fastrand::u64(1..1 << fastrand::u32(1..40)));
            let bounds = Bounds::new(std::iter::repeat_with(edge).take(fastrand::usize(1..9)));
            let bounds = if fastrand::bool() {
                bounds.on_grid()
            } else {
                bounds
            };
            let mut counts = vec![0; bounds.buckets()];
            let mut sum = 0;
            for _ in 0..fastrand::usize(1..200) {
                let value = fastrand::u64(..1 << fastrand::u32(1..45));
                counts[bounds.index(value)] += 1;
                sum += value;
            }
            let values = values(&counts, sum.cast_signed(), &bounds);
            let mut told = vec![0; counts.len()];
            for (bucket, value, count) in &values {
                let (from, upto) = bounds.bucket(*bucket);
                assert!((from..=upto).contains(value), "{value} in {from} to {upto}");
                told[*bucket] += count;
            }
            assert_eq!(told, counts);
            let told: u64 = values.iter().map(|(_, value, count)| value * count).sum();
            assert_eq!(told, sum);
        }
    }
}
