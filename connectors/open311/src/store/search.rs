//! Requests that somebody asks for: by their ids, or by the time when they were asked for.

use chrono::{DateTime, Utc};
use postroom_connector::ConnectorError;
use serde_json::{Map, Value};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, fields, unusable};

/// Most requests in an answer: the specification's own limit.
pub(crate) const MOST_REQUESTS: usize = 1_000;

/// By what requests are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Search {
    /// Each of these, where it is known.
    Ids(Vec<String>),
    /// What was asked for in this time, both ends included; no statuses or codes are all of them.
    Range { from: DateTime<Utc>, until: DateTime<Utc>, statuses: Vec<String>, codes: Vec<String> },
}

impl Store {
    /// What is known of the requests, the newest first.
    pub(crate) async fn search(&self, search: &Search) -> Result<Vec<Map<String, Value>>, ConnectorError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT told FROM request WHERE ");
        match search {
            Search::Ids(ids) => is_one_of(&mut sql, "id", ids),
            Search::Range { from, until, statuses, codes } => {
                sql.push("requested BETWEEN ").push_bind(from.timestamp());
                sql.push(" AND ").push_bind(until.timestamp());
                for (column, texts) in [("status", statuses), ("service_code", codes)] {
                    if !texts.is_empty() {
                        sql.push(" AND ");
                        is_one_of(&mut sql, column, texts);
                    }
                }
            }
        }
        sql.push(format!(" ORDER BY requested DESC, id LIMIT {MOST_REQUESTS}"));
        let rows = sql.build().fetch_all(self.pool().await?).await.map_err(unusable)?;
        Ok(rows.iter().map(|row| fields(row.get("told"))).collect())
    }
}

fn is_one_of(sql: &mut QueryBuilder<Sqlite>, column: &'static str, texts: &[String]) {
    sql.push(column).push(" IN (");
    let mut list = sql.separated(", ");
    for text in texts {
        list.push_bind(text.clone());
    }
    sql.push(")");
}
