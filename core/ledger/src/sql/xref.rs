//! Cross-references.

use std::collections::BTreeMap;

use super::{Conn, FromRow, Result, Row, clean, insert, json};
use crate::xref::{Xref, XrefFilter, XrefKey};

const COLUMNS: &str = "SELECT kind, key, system, id, at, noted_by FROM xref";
const CHOSEN: &str = "($1 IS NULL OR kind = $1) AND ($2 IS NULL OR key = $2) AND ($3 IS NULL OR system = $3)
    AND ($4 IS NULL OR id = $4)";

impl FromRow for Xref {
    fn from_row(row: &Row) -> Result<Self> {
        let of = XrefKey { kind: row.get("kind")?, key: row.get("key")?, system: row.get("system")? };
        Ok(Self { of, id: row.get("id")?, at: row.get("at")?, noted_by: row.get("noted_by")? })
    }
}

/// Notes cross-references: the newest word counts, and the same id again changes nothing. What does not fit is left out.
pub(crate) async fn note<'x>(conn: &mut Conn, xrefs: impl Iterator<Item = &'x Xref>) -> Result<()> {
    // Each once and in one order everywhere, so that two hubs never wait for each other.
    let fitting = xrefs.filter(|xref| xref.fits()).map(|xref| (&xref.of, xref));
    let latest: Vec<&Xref> = fitting.collect::<BTreeMap<_, _>>().into_values().collect();
    let table = (
        "INSERT INTO xref (kind, key, system, id, at, noted_by)",
        6,
        "ON CONFLICT (kind, key, system) DO UPDATE SET id = excluded.id, at = excluded.at, noted_by = excluded.noted_by
         WHERE xref.id <> excluded.id",
    );
    insert(conn, table, &latest, |query, xref| {
        query
            .bind(clean(&xref.of.kind))
            .bind(clean(&xref.of.key))
            .bind(clean(&xref.of.system))
            .bind(clean(&xref.id))
            .bind(xref.at)
            .bind(clean(&xref.noted_by))
    })
    .await
}

/// Those of `keys` that are known.
pub(crate) async fn of(conn: &mut Conn, keys: &[XrefKey]) -> Result<Vec<Xref>> {
    let asked: Vec<[String; 3]> =
        keys.iter().map(|of| [clean(&of.kind), clean(&of.key), clean(&of.system)]).collect();
    let sql = "SELECT kind, key, system, id, at, noted_by FROM {triples}
               JOIN xref ON kind = one AND key = two AND system = three";
    conn.query_said(sql).bind(json(&asked)?).all().await
}

/// Those that are meant, in the order of kind, key and system, at most `most`.
pub(crate) async fn list(conn: &mut Conn, filter: &XrefFilter, most: u32) -> Result<Vec<Xref>> {
    let sql = format!("{COLUMNS} WHERE {CHOSEN} ORDER BY kind, key, system LIMIT $5");
    conn.query_said(&sql)
        .bind(&filter.kind)
        .bind(&filter.key)
        .bind(&filter.system)
        .bind(&filter.id)
        .bind(i64::from(most))
        .all()
        .await
}

/// How many are meant.
pub(crate) async fn count(conn: &mut Conn, filter: &XrefFilter) -> Result<i64> {
    let sql = format!("SELECT count(*) FROM xref WHERE {CHOSEN}");
    let query = conn.query_said(&sql).bind(&filter.kind).bind(&filter.key).bind(&filter.system);
    let (count,): (i64,) = query.bind(&filter.id).one().await?;
    Ok(count)
}

/// Forgets those that are meant; how many.
pub(crate) async fn remove(conn: &mut Conn, filter: &XrefFilter) -> Result<u64> {
    let sql = format!("DELETE FROM xref WHERE {CHOSEN}");
    let query = conn.query_said(&sql).bind(&filter.kind).bind(&filter.key).bind(&filter.system);
    query.bind(&filter.id).execute().await
}
