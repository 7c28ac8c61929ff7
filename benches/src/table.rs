//! Prints tables in Markdown.

/// The first column is text, the others are numbers.
pub fn head(columns: &[&str]) {
    println!("| {} |", columns.join(" | "));
    println!("| ---{} |", " | ---:".repeat(columns.len() - 1));
}

pub fn row(name: &str, cells: &[String]) {
    println!("| {name} | {} |", cells.join(" | "));
}

/// With a comma between thousands.
pub fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 {
        format!("−{text}")
    } else {
        text
    }
}

/// Or a dash, where it could not be measured.
pub fn number_or_dash(measured: Option<i64>) -> String {
    measured.map_or_else(|| "–".into(), number)
}

pub fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}
