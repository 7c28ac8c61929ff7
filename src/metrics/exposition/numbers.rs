//! Writes numbers as Prometheus reads them.

use std::fmt::Write;

/// The whole numbers up to here are all exact.
const EXACT: f64 = (1_u64 << 53) as f64;

/// A whole number.
pub(super) fn push_count(text: &mut String, count: u64) {
    text.push_str(itoa::Buffer::new().format(count));
}

/// A number. Whole numbers have no exponent as long as they are exact.
pub(crate) fn push_float(text: &mut String, value: f64) {
    let size = value.abs();
    if value.is_nan() {
        text.push_str("NaN");
    } else if size.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if size <= EXACT && value.fract() == 0.0 {
        text.push_str(itoa::Buffer::new().format(value as i64));
    } else if (1e-5..1e17).contains(&size) {
        push(text, format_args!("{value}"));
    } else {
        push(text, format_args!("{value:e}"));
    }
}

/// The edge of a bucket in OpenMetrics. It is written as the client libraries of other languages write it, so that sums over
/// services find the same label.
pub(super) fn push_edge(text: &mut String, edge: f64) {
    let shown = format!("{edge:e}");
    let parts = shown.split_once('e');
    let parts = parts.and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
    match parts {
        Some((digits, power)) if !(-4..6).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            push(text, format_args!("{digits}e{sign}{:02}", power.abs()));
        }
        _ => push(text, format_args!("{edge:?}")),
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(push: impl Fn(&mut String, f64), value: f64) -> String {
        let mut text = String::new();
        push(&mut text, value);
        text
    }

    #[test]
    fn a_number_is_exact_and_short() {
        for (value, shown) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.005, "0.005"),
            (1.5, "1.5"),
            (1e6, "1000000"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (9_007_199_254_740_994.0, "9007199254740994"),
            (1e17, "1e17"),
            (-2.5e300, "-2.5e300"),
            (0.000_01, "0.00001"),
            (1.5e-7, "1.5e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(push_float, value), shown);
        }
        for _ in 0..10_000 {
            let value = f64::from_bits(fastrand::u64(..));
            if value.is_finite() {
                let shown = written(push_float, value);
                assert_eq!(shown.parse(), Ok(value), "{shown}");
                assert!(shown.len() <= 25, "{shown}");
            }
        }
    }

    #[test]
    fn a_count_is_exact_up_to_the_last() {
        for count in [0, 9, 10, (1 << 53) + 1, u64::MAX] {
            let mut text = String::new();
            push_count(&mut text, count);
            assert_eq!(text, count.to_string());
        }
    }

    #[test]
    fn an_edge_is_written_as_openmetrics_says() {
        for (edge, shown) in [
            (0.0, "0.0"),
            (0.001, "0.001"),
            (0.95, "0.95"),
            (1.0, "1.0"),
            (1.7, "1.7"),
            (10.0, "10.0"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (1_048_576.0, "1.048576e+06"),
            (1e10, "1e+10"),
            (1e100, "1e+100"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1e-9, "1e-09"),
            (1e-10, "1e-10"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(written(push_edge, edge), shown);
            assert_eq!(shown.parse(), Ok(edge));
        }
    }
}
