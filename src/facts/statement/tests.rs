//! Reads statements of the dialects that sqlx speaks.

use super::*;

fn read(sql: &str) -> (&'static str, Option<String>) {
    let Statement { operation, table } = Statement::read(sql);
    (operation.as_str(), table)
}

#[test]
fn the_first_words_tell_operation_and_table() {
    for (sql, operation, table) in [
        ("SELECT * FROM orders WHERE id = $1", "SELECT", "orders"),
        (
            "select id\n\tfrom\n\tOrders o join users u on true",
            "SELECT",
            "orders",
        ),
        ("(SELECT 1 FROM a) UNION (SELECT 2 FROM b)", "SELECT", "a"),
        (
            "SELECT count(*) FROM ONLY public.orders",
            "SELECT",
            "orders",
        ),
        (r#"SELECT 1 FROM "public"."Orders""#, "SELECT", "orders"),
        ("SELECT 1 FROM `shop`.`orders`", "SELECT", "orders"),
        ("SELECT 1 FROM [dbo].[orders]", "SELECT", "orders"),
        ("SELECT 1 FROM (SELECT a FROM orders) x", "SELECT", "orders"),
        (
            "SELECT 1 FROM ((orders JOIN b ON true))",
            "SELECT",
            "orders",
        ),
        (
            "SELECT extract(year FROM at) FROM orders",
            "SELECT",
            "orders",
        ),
        (
            "SELECT trim(both ' ' from n), a IS DISTINCT FROM b FROM orders",
            "SELECT",
            "orders",
        ),
        (
            "SELECT o.from, :from, @from, $1::from FROM orders o",
            "SELECT",
            "orders",
        ),
        (
            "SELECT (SELECT max(id) FROM users) FROM orders",
            "SELECT",
            "orders",
        ),
        ("SELECT ARRAY['a] from b'] FROM orders", "SELECT", "orders"),
        ("SELECT data #>> '{a}' FROM orders", "SELECT", "orders"),
        (
            "SELECT 1 -- from a\n/* from b /* nested */ from c */ FROM orders",
            "SELECT",
            "orders",
        ),
        (
            "-- why\n/* and */ ; SELECT 1 FROM orders",
            "SELECT",
            "orders",
        ),
        ("SELECT 1 FROM generate_series(1, 3)", "SELECT", ""),
        ("SELECT 1 FROM json_each ($1)", "SELECT", ""),
        ("SELECT 1 FROM (VALUES (1)) v", "SELECT", ""),
        ("SELECT 1; SELECT 2 FROM orders", "SELECT", ""),
        ("SELECT 1", "SELECT", ""),
        ("SELECT 1 FROM \u{fc}bung", "SELECT", ""),
        ("SELECT 1 FROM", "SELECT", ""),
        ("SELECT 1 FROM schema.", "SELECT", ""),
        ("INSERT INTO orders (id) VALUES ($1)", "INSERT", "orders"),
        (
            "INSERT OR REPLACE INTO orders VALUES (1)",
            "INSERT",
            "orders",
        ),
        ("REPLACE INTO orders VALUES (1)", "INSERT", "orders"),
        ("INSERT INTO orders SELECT * FROM old", "INSERT", "orders"),
        ("UPDATE ONLY orders SET a = 1", "UPDATE", "orders"),
        ("UPDATE OR IGNORE orders SET a = 1", "UPDATE", "orders"),
        ("DELETE FROM orders USING users", "DELETE", "orders"),
        ("MERGE INTO orders o USING x ON true", "MERGE", "orders"),
        (
            "WITH a AS (SELECT 1 FROM x), b (n) AS (SELECT 2) SELECT 1 FROM orders, a",
            "SELECT",
            "orders",
        ),
        (
            "WITH a AS MATERIALIZED (DELETE FROM x) INSERT INTO orders SELECT * FROM a",
            "INSERT",
            "orders",
        ),
        (
            "WITH RECURSIVE a AS (SELECT 1 FROM x) UPDATE orders SET b = 1",
            "UPDATE",
            "orders",
        ),
        (
            "WITH recent AS (SELECT 1 FROM orders) SELECT 1 FROM Recent",
            "SELECT",
            "",
        ),
        (
            "WITH RECURSIVE n(x) AS (SELECT 1), m AS (SELECT 2) SELECT 1 FROM m",
            "SELECT",
            "",
        ),
        ("WITH a AS (SELECT 1)", "other", ""),
        ("COPY orders (id) FROM STDIN", "COPY", "orders"),
        ("COPY (SELECT a FROM orders) TO STDOUT", "COPY", "orders"),
        ("TRUNCATE TABLE ONLY orders", "TRUNCATE", "orders"),
        ("truncate orders", "TRUNCATE", "orders"),
        (
            "CREATE TABLE IF NOT EXISTS orders (id int)",
            "CREATE",
            "orders",
        ),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY i ON orders (id)",
            "CREATE",
            "orders",
        ),
        ("CREATE USER anna PASSWORD 'table secret'", "CREATE", ""),
        (
            "ALTER TABLE IF EXISTS ONLY orders ADD a int",
            "ALTER",
            "orders",
        ),
        ("DROP TABLE orders", "DROP", "orders"),
        ("BEGIN", "BEGIN", ""),
        ("START TRANSACTION", "BEGIN", ""),
        ("COMMIT;", "COMMIT", ""),
        ("ROLLBACK TO SAVEPOINT a", "ROLLBACK", ""),
        ("SAVEPOINT a", "other", ""),
        ("PRAGMA table_info(orders)", "other", ""),
        ("EXPLAIN SELECT 1 FROM orders", "other", ""),
        ("CALL refresh(1)", "CALL", ""),
        ("VALUES (1)", "other", ""),
        ("'select' from orders", "other", ""),
        ("", "other", ""),
        (";;(", "other", ""),
        ("-- select 1 from orders", "other", ""),
        ("/* select 1 from orders", "other", ""),
    ] {
        let table = (!table.is_empty()).then(|| table.to_owned());
        assert_eq!(read(sql), (operation, table), "{sql}");
    }
}

#[test]
fn a_literal_is_no_table() {
    for sql in [
        "select 'secret' from 'x'",
        "SELECT 'it\\'s from secret' FROM t",
        "SELECT E'it\\'s from secret' FROM t",
        r#"SELECT "it\"s from secret" FROM t"#,
        "SELECT $a$ ' from secret $b$ from secret",
        "SELECT 'from secret",
        "UPDATE 'secret' SET a = 1",
        "INSERT INTO 'secret' VALUES (1)",
        "DELETE FROM $1",
        "SELECT 1 FROM :secret",
        "SELECT 1 FROM 12345",
        "SELECT 1 # from secret\nFROM t",
        "SELECT 1 FROM [se cret]",
        r#"SELECT 1 FROM "se'cret""#,
    ] {
        assert_eq!(read(sql).1, None, "{sql}");
    }
}

#[test]
fn a_name_that_is_no_plain_word_is_not_kept() {
    let longest = "t".repeat(LONGEST);
    let read = |name: &str| read(&format!("SELECT 1 FROM {name} WHERE a")).1;
    assert_eq!(read(&longest), Some(longest.clone()));
    assert_eq!(read(&format!("{longest}t")), None);
    assert_eq!(read("a$b"), None);
    assert_eq!(read(r#""a b""#), None);
    assert_eq!(read(r#""1a""#), None);
}

#[test]
fn only_the_first_bytes_are_read_and_no_half_of_a_name() {
    let select = |blanks: usize| read(&format!("SELECT{}1 FROM orders", " ".repeat(blanks)));
    let most = READ - "SELECT1 FROM orders".len();
    let table = |blanks| select(blanks).1;
    assert_eq!(table(most).as_deref(), Some("orders"));
    for blanks in most + 1..most + 10 {
        assert_eq!(table(blanks), None);
    }
    // A character over the edge.
    let long = format!("SELECT '{}' FROM orders", "\u{1f980}".repeat(READ));
    assert_eq!(read(&long), ("SELECT", None));
}

/// A text of pieces that mean something to a reader of SQL.
fn pieces(most: usize) -> String {
    const PIECES: [&str; 34] = [
        "'",
        "''",
        "\"",
        "`",
        "[",
        "]",
        "$",
        "$a$",
        "\\",
        "--",
        "\n",
        "/*",
        "*/",
        "(",
        ")",
        ";",
        ",",
        ".",
        ":",
        "@",
        "#",
        " ",
        "from ",
        "select ",
        "with ",
        "as ",
        "into ",
        "update ",
        "t",
        "x9",
        "1",
        "\u{fc}",
        "\u{1f980}",
        "E'",
    ];
    let piece = || PIECES[fastrand::usize(..PIECES.len())];
    std::iter::repeat_with(piece)
        .take(fastrand::usize(..most))
        .collect()
}

#[test]
fn random_statements_panic_nobody_and_give_names_only() {
    for _ in 0..50_000 {
        let sql = pieces(40);
        if let (_, Some(table)) = read(&sql) {
            let found = sql.to_ascii_lowercase().contains(&table);
            assert!(is_table(&table) && found, "{sql}: {table}");
        }
    }
}

#[test]
fn whatever_a_literal_holds_it_is_not_taken_for_a_table() {
    for _ in 0..50_000 {
        let text = format!(
            "{} from secret into secret update secret {}",
            pieces(8),
            pieces(8)
        );
        let single = text.replace('\'', "''");
        let double = text.replace('"', "\"\"");
        let tag = text.replace("$q$", "");
        for sql in [
            format!("SELECT '{single}' FROM t"),
            format!("SELECT a AS \"{double}\" FROM t"),
            format!("SELECT $q${tag}$q$ FROM t"),
            format!("WITH a AS (SELECT '{single}') SELECT 1 FROM t"),
            format!("INSERT INTO t VALUES ('{single}')"),
            format!("CREATE USER t PASSWORD '{single}'"),
        ] {
            let table = read(&sql).1;
            assert!(
                table.is_none() || table.as_deref() == Some("t"),
                "{sql}: {table:?}"
            );
        }
    }
}
