//! What became of items of the work list, until it was told. It is written with what it tells of, in one transaction, and
//! only while somebody is to be told.

use postroom_event::DispatchId;

use super::work::{self, PLACED, dead_is_business, invalid_is_business};
use super::{Conn, FromRow, Result, Row, counted, known};
use crate::kept::Decision;
use crate::outbox::Tell;
use crate::work::{Happened, WorkId, WorkLine, bars};

const HEAD: &str = "INSERT INTO work_outbox (happened, kind, dispatch, number, system, route, event_type, code, words, since, at)";

/// What happened when; of what is raised, its own time counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fact(pub(crate) Happened, pub(crate) Option<i64>);

impl Fact {
    pub(crate) const RAISED: Self = Self(Happened::Raised, None);
}

/// Tells of dead letters, those among them that are items.
pub(crate) async fn dead(
    conn: &mut Conn,
    dispatches: impl Iterator<Item = DispatchId>,
    Fact(happened, at): Fact,
    tell: &Tell,
) -> Result<()> {
    let Some(business) = &tell.work else { return Ok(()) };
    let sql = format!(
        "{HEAD}
         SELECT $2, 'dispatch', dispatch, NULL, target, route, event_type, code, words, failed_at, coalesce($3, failed_at)
         FROM dead JOIN way ON way.id = dead.way WHERE {} AND dispatch {{among}} ORDER BY failed_at",
        dead_is_business("$4", "$5")
    );
    let query = conn.query_ids(&sql, dispatches.map(|id| id.0)).bind(happened.as_stored()).bind(at);
    query.bind(bars(&business.dead)).bind(bars(&business.told_as)).execute().await?;
    Ok(())
}

/// Tells of an invalid event, if it is an item.
pub(crate) async fn invalid(
    conn: &mut Conn,
    number: i64,
    Fact(happened, at): Fact,
    tell: &Tell,
) -> Result<()> {
    let Some(business) = &tell.work else { return Ok(()) };
    let sql = format!(
        "{HEAD}
         SELECT $2, 'event', NULL, id, system, NULL, event_type, code, {PLACED}, received_at, coalesce($3, received_at)
         FROM invalid WHERE id = $1 AND {}",
        invalid_is_business("$4", "$5")
    );
    let query = conn.query_said(&sql).bind(number).bind(happened.as_stored()).bind(at);
    query.bind(bars(&business.invalid)).bind(&business.teller).execute().await?;
    Ok(())
}

/// Tells of an input that was read to its end, if it is an item.
pub(crate) async fn input(conn: &mut Conn, id: i64, at: i64, tell: &Tell) -> Result<()> {
    let Some(business) = &tell.work else { return Ok(()) };
    let any: Option<(i64,)> =
        conn.query("SELECT number FROM refused_record WHERE import = $1 LIMIT 1").bind(id).optional().await?;
    if any.is_none() {
        return Ok(());
    }
    let Some(input) = work::input(conn, business, id).await? else { return Ok(()) };
    add_input(conn, &input, (Happened::Raised, at)).await
}

/// Settles an input that is an item; whether it was one.
pub(crate) async fn settle_input(conn: &mut Conn, id: i64, by: &Decision, tell: &Tell) -> Result<bool> {
    if let Some(business) = &tell.work
        && let Some(input) = work::input(conn, business, id).await?
    {
        add_input(conn, &input, (Happened::Discarded, by.at)).await?;
    }
    let settled = conn
        .query("UPDATE import SET settled_at = $2 WHERE id = $1 AND settled_at IS NULL AND state <> 'open'")
        .bind(id)
        .bind(by.at)
        .execute()
        .await?;
    if settled > 0 {
        conn.query(
            "INSERT INTO note (import, action, actor, reason, at) VALUES ($1, 'discarded', $2, $3, $4)",
        )
        .bind(id)
        .bind(&by.actor)
        .bind(&by.reason)
        .bind(by.at)
        .execute()
        .await?;
    }
    Ok(settled > 0)
}

async fn add_input(conn: &mut Conn, input: &work::Input, (happened, at): (Happened, i64)) -> Result<()> {
    let sql = format!("{HEAD} VALUES ($1, 'input', NULL, $2, $3, NULL, NULL, $4, $5, $6, $7)");
    let query = conn.query_said(&sql).bind(happened.as_stored()).bind(input.id).bind(&input.system);
    query.bind(&input.code).bind(input.words()).bind(input.since).bind(at).execute().await?;
    Ok(())
}

impl FromRow for WorkLine {
    fn from_row(row: &Row) -> Result<Self> {
        let number = || row.get::<i64>("number");
        let item = match row.get::<String>("kind")?.as_str() {
            "dispatch" => WorkId::Dispatch(DispatchId(row.id("dispatch")?)),
            "event" => WorkId::Event(number()?),
            _ => WorkId::Input(number()?),
        };
        Ok(Self {
            position: row.get("position")?,
            happened: known(Happened::from_stored(&row.get::<String>("happened")?))?,
            item,
            system: row.get("system")?,
            route: row.get("route")?,
            event_type: row.get("event_type")?,
            code: row.get("code")?,
            words: row.get("words")?,
            since: row.get("since")?,
            at: row.get("at")?,
        })
    }
}

/// What is to be told, the oldest first, at most `most`.
pub(crate) async fn oldest(conn: &mut Conn, most: u32) -> Result<Vec<WorkLine>> {
    conn.query("SELECT * FROM work_outbox ORDER BY position LIMIT $1").bind(i64::from(most)).all().await
}

/// How much is to be told yet.
pub(crate) async fn count(conn: &mut Conn) -> Result<u64> {
    let (count,): (i64,) = conn.query("SELECT count(*) FROM work_outbox").one().await?;
    Ok(counted(count))
}

/// Removes what was told.
pub(crate) async fn told(conn: &mut Conn, positions: &[i64]) -> Result<()> {
    for position in positions {
        conn.query("DELETE FROM work_outbox WHERE position = $1").bind(*position).execute().await?;
    }
    Ok(())
}
