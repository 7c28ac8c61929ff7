//! Prints what both stacks report of the same requests.

use std::io;

use tower_vitals_migration::{comparison, report::Report};

fn main() -> io::Result<()> {
    for compared in comparison::run()? {
        println!("{}", compared.case);
        print("before", &compared.before);
        print("after", &compared.after);
        println!();
    }
    Ok(())
}

fn print(stack: &str, report: &Report) {
    let answer = match report.answer {
        Some((status, true)) => format!("{status} with an id"),
        Some((status, false)) => format!("{status} without an id"),
        None => "nobody listens".into(),
    };
    println!("  {stack}: {answer}");
    println!("    counted   {}", joined(&report.counted));
    println!("    durations {}", report.durations);
    println!("    also      {}", joined(&report.also));
    println!("    log       {}", joined(&report.lines));
    println!("    sentry    {}", joined(&report.events));
}

fn joined(parts: &[String]) -> String {
    if parts.is_empty() {
        "-".into()
    } else {
        parts.join(" | ")
    }
}
