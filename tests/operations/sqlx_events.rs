//! Sends events of queries as sqlx does.

/// A statement that is longer than its summary, in the form of sqlx.
macro_rules! sent {
    ($level:ident, $statement:expr, $seconds:expr) => {{
        let statement: &str = $statement;
        let words = statement.split_whitespace().take(4);
        let mut summary = words.collect::<Vec<_>>().join(" ");
        let mut whole = String::new();
        if summary != statement {
            summary.push_str(" …");
            whole = format!("\n\n{statement}\n");
        }
        let elapsed = std::time::Duration::from_millis(3);
        tracing::event!(
            target: "sqlx::query",
            tracing::Level::$level,
            summary,
            db.statement = whole,
            rows_affected = 0_u64,
            rows_returned = 1_u64,
            ?elapsed,
            elapsed_secs = $seconds,
        )
    }};
}

pub(crate) use sent;
