//! Writes lines of columns, and times and shares for people.

use std::time::Duration;

use serde_json::Value;

use crate::{text::printable, timestamp::rfc3339};

/// The most bytes of a cell but the last one of its line.
const LONGEST_CELL: usize = 60;

/// The most bytes of the last cell of a line.
const LONGEST_LAST: usize = 500;

/// Lines whose cells begin in the same columns. Nothing in a cell is obeyed by a terminal.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let shown: Vec<Vec<String>> = rows.iter().map(|row| cells(row)).collect();
    let most = shown.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = shown.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..most).map(width).collect();
    let mut text = String::new();
    for row in &shown {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cells(row: &[String]) -> Vec<String> {
    let last = row.len().saturating_sub(1);
    let cells = row.iter().enumerate();
    let shown = cells.map(|(column, cell)| {
        let longest = if column == last {
            LONGEST_LAST
        } else {
            LONGEST_CELL
        };
        printable(cell, longest)
    });
    shown.collect()
}

/// A text of an answer, or one dash.
pub(super) fn text(value: &Value) -> String {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .unwrap_or("-")
        .to_owned()
}

/// A number of an answer with one digit behind the point, and its unit.
pub(super) fn number(value: &Value, unit: &str) -> String {
    match value.as_f64() {
        Some(number) => format!("{number:.1}{unit}"),
        None => "-".to_owned(),
    }
}

/// The time between two times of the service, such as `2h 5m`. One dash if one of them is missing.
pub(super) fn between(from: &Value, to: &Value) -> String {
    let time = |value: &Value| rfc3339::parse(value.as_str()?);
    match (time(from), time(to)) {
        (Some(from), Some(to)) => lasting(to.saturating_sub(from)),
        _ => "-".to_owned(),
    }
}

fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_begin_in_the_same_columns_and_no_terminal_obeys_them() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["a", "long", "x"]), row(["bbb", "", "\u{1b}[2Jy"])];
        assert_eq!(columns(&rows), "a    long  x\nbbb        \\u{1b}[2Jy\n");
    }

    #[test]
    fn a_time_has_its_two_largest_units() {
        let at = |text: &str| json!(format!("2026-11-20T{text}Z"));
        assert_eq!(between(&at("12:00:00"), &at("12:00:09.500")), "9s");
        assert_eq!(between(&at("12:00:00"), &at("12:01:05")), "1m 5s");
        assert_eq!(between(&at("12:00:00"), &at("14:05:05")), "2h 5m");
        assert_eq!(
            between(&at("12:00:00"), &json!("2026-11-23T13:00:00Z")),
            "3d 1h"
        );
        assert_eq!(between(&Value::Null, &at("12:00:00")), "-");
        assert_eq!(between(&at("12:00:00"), &at("11:00:00")), "0s");
    }
}
