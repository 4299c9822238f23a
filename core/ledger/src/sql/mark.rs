//! The row that tells of the ledger itself: which it is, how far it is, and whether it was put back.

use super::{Conn, Result, clean, counted, stored};

/// How far `reached` leaps when a ledger that was put back is acknowledged: what any hub noted before is behind it then.
const LEAP: i64 = 1 << 32;

/// Why a copy is marked that the ledger made of itself.
const COPIED: &str = "it is a copy made by `postroom ledger backup`";
/// Why a ledger is marked that a hub knows to have been further.
const BEHIND: &str = "a hub has worked on a later state of it";

/// Which ledger this is.
pub(crate) async fn identity(conn: &mut Conn) -> Result<String> {
    let (identity,): (String,) = conn.query("SELECT identity FROM mark").one().await?;
    Ok(identity)
}

/// Moves `reached` on, and gives it. Where it was known to be further, this database was put back: it is marked, and goes
/// on from there.
pub(crate) async fn move_on(conn: &mut Conn, known: u64) -> Result<u64> {
    let (reached,): (i64,) = conn
        .query(
            "UPDATE mark SET
                 put_back = CASE WHEN reached < $1 AND copied = 0 THEN $2 ELSE put_back END,
                 copied = CASE WHEN reached < $1 THEN 1 ELSE copied END,
                 reached = CASE WHEN reached < $1 THEN $1 ELSE reached END + 1
             RETURNING reached",
        )
        .bind(stored(known))
        .bind(BEHIND)
        .one()
        .await?;
    Ok(counted(reached))
}

/// Marks this database as one that was put back, for the reason in `words`.
pub(crate) async fn put_back(conn: &mut Conn, words: &str) -> Result<()> {
    let mark = "UPDATE mark SET copied = 1, put_back = $1";
    conn.query(mark).bind(clean(words)).execute().await.map(drop)
}

/// Marks this database as a copy.
pub(crate) async fn copied(conn: &mut Conn) -> Result<()> {
    put_back(conn, COPIED).await
}

/// Why this is taken to be a database that was put back, and that nobody has acknowledged.
pub(crate) async fn why_put_back(conn: &mut Conn) -> Result<Option<String>> {
    let found: Option<(String,)> =
        conn.query("SELECT put_back FROM mark WHERE copied = 1").optional().await?;
    Ok(found.map(|(words,)| words))
}

/// What was put back is the ledger now.
pub(crate) async fn acknowledge(conn: &mut Conn) -> Result<()> {
    let mark = "UPDATE mark SET copied = 0, reached = reached + $1";
    conn.query(mark).bind(LEAP).execute().await.map(drop)
}

/// Writes what is there already.
pub(crate) async fn probe(conn: &mut Conn) -> Result<()> {
    conn.query("UPDATE mark SET copied = copied").execute().await.map(drop)
}
