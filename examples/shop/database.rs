//! Keeps products and orders in SQLite. Its queries are measured without a line of code.

use std::{env, path::PathBuf, process};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tower_vitals::operations::{PoolState, pool};

use crate::trouble::Trouble;

/// How many products there are.
pub(crate) const PRODUCTS: u32 = 90;

/// How long a slow query counts.
const SLOW_COUNT: u32 = 400_000;

#[derive(Clone, Debug)]
pub(crate) struct Database {
    pool: SqlitePool,
    file: PathBuf,
}

// === impl Database ===

impl Database {
    /// Opens a new database in the folder for temporary files, and watches its pool.
    pub(crate) async fn open() -> Result<Self, Box<dyn std::error::Error>> {
        let file = env::temp_dir().join(format!("tower-vitals-shop-{}.sqlite", process::id()));
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off);
        let pool_options = SqlitePoolOptions::new().max_connections(4);
        let connections = pool_options.connect_with(options).await?;
        let watched = connections.clone();
        pool("shop", move || PoolState::of_sqlx(&watched)).start()?;
        let database = Self {
            pool: connections,
            file,
        };
        database.fill().await?;
        Ok(database)
    }

    async fn fill(&self) -> sqlx::Result<()> {
        for table in [
            "CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, product INTEGER NOT NULL)",
        ] {
            sqlx::query(table).execute(&self.pool).await?;
        }
        for id in 0..PRODUCTS {
            let row = sqlx::query("INSERT INTO products (id, name) VALUES (?, ?)");
            let row = row.bind(id).bind(format!("product {id}"));
            row.execute(&self.pool).await?;
        }
        Ok(())
    }

    /// The name of a product.
    pub(crate) async fn product(&self, id: u32) -> sqlx::Result<String> {
        let count = if Trouble::Database.is_now() {
            SLOW_COUNT
        } else {
            1
        };
        let statement = "SELECT name FROM products WHERE id = ? AND 0 < (
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            SELECT count(*) FROM n)";
        let found = sqlx::query_scalar(statement).bind(id).bind(count);
        found.fetch_one(&self.pool).await
    }

    pub(crate) async fn order(&self, product: u32) -> sqlx::Result<()> {
        let row = sqlx::query("INSERT INTO orders (product) VALUES (?)").bind(product);
        row.execute(&self.pool).await.map(drop)
    }

    pub(crate) async fn orders(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT count(*) FROM orders")
            .fetch_one(&self.pool)
            .await
    }

    /// Closes the connections and removes the file.
    pub(crate) async fn close(self) {
        self.pool.close().await;
        for end in ["", "-wal", "-shm"] {
            let mut file = self.file.clone().into_os_string();
            file.push(end);
            // What is not there needs no removal.
            let _ = std::fs::remove_file(file);
        }
    }
}
