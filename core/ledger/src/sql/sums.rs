//! Counting rows: the sums have no other truth.

use sqlx::SqliteConnection;

use super::{Result, counted, from_json};
use crate::sums::{Sums, TargetSums};

type Field = fn(&mut TargetSums) -> &mut u64;

/// Counts everything; on a reader in one transaction, so that the sums are of one moment.
pub(crate) async fn count(conn: &mut SqliteConnection) -> Result<Sums> {
    let mut sums = Sums::default();
    imports(conn, &mut sums).await?;
    events(conn, &mut sums).await?;
    dispatches(conn, &mut sums).await?;
    for target in sums.targets.values_mut() {
        let ended = target.staged + target.delivered + target.dead + target.discarded;
        target.waiting = target.dispatched.saturating_sub(ended);
    }
    Ok(sums)
}

async fn imports(conn: &mut SqliteConnection, sums: &mut Sums) -> Result<()> {
    let rows: Vec<(String, String, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT system, state, count(*), sum(position), sum(mapped), sum(published), sum(repeats)
         FROM import GROUP BY system, state",
    )
    .fetch_all(&mut *conn)
    .await?;
    for (system, state, count, position, mapped, published, repeats) in rows {
        let source = sums.sources.entry(system).or_default();
        source.records_read += counted(position);
        source.mapped += counted(mapped);
        source.published += counted(published);
        source.batches_repeated += counted(repeats);
        let batches = match state.as_str() {
            "done" => &mut source.batches_done,
            "refused" => &mut source.batches_refused,
            _ => &mut source.batches_open,
        };
        *batches += counted(count);
    }
    let sql = "SELECT system, count(*) FROM refused_record JOIN import ON import.id = import
               WHERE number > 0 GROUP BY system";
    for (system, count) in pairs(conn, sql).await? {
        sums.sources.entry(system).or_default().refused = count;
    }
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT system, rule, sum(count) FROM ignored JOIN import ON import.id = import GROUP BY system, rule",
    )
    .fetch_all(conn)
    .await?;
    for (system, rule, count) in rows {
        sums.sources.entry(system).or_default().ignored.insert(rule, counted(count));
    }
    Ok(())
}

async fn events(conn: &mut SqliteConnection, sums: &mut Sums) -> Result<()> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT system, routes, count FROM
         (SELECT course, count(*) AS count FROM event GROUP BY course) JOIN course ON course.id = course",
    )
    .fetch_all(&mut *conn)
    .await?;
    for (system, routes, count) in rows {
        let routes: Vec<(String, String, String)> = from_json(&routes)?;
        let events = &mut sums.sources.entry(system).or_default().events;
        *(if routes.is_empty() { &mut events.no_route } else { &mut events.routed }) += counted(count);
        for (_, target, way) in routes {
            let target = sums.targets.entry(target).or_default();
            target.dispatched += counted(count);
            target.delivered += if way == "queue" { counted(count) } else { 0 };
        }
    }
    for (system, count) in pairs(conn, "SELECT system, count(*) FROM invalid GROUP BY system").await? {
        sums.sources.entry(system).or_default().events.invalid = count;
    }
    for (system, count) in pairs(conn, "SELECT system, duplicates FROM tally").await? {
        sums.sources.entry(system).or_default().events.duplicate = count;
    }
    Ok(())
}

async fn dispatches(conn: &mut SqliteConnection, sums: &mut Sums) -> Result<()> {
    let receipts = "SELECT target, count FROM (SELECT way, count(*) AS count FROM receipt GROUP BY way)
                    JOIN way ON way.id = way";
    let staged = "SELECT target, count(*) FROM staged GROUP BY target";
    let dead =
        "SELECT target, count(*) FROM dead JOIN way ON way.id = way WHERE state = 'open' GROUP BY target";
    let discarded = "SELECT target, count(*) FROM dead JOIN way ON way.id = way WHERE state = 'discarded' GROUP BY target";
    let fields: [(&'static str, Field); 4] = [
        (receipts, |target| &mut target.delivered),
        (staged, |target| &mut target.staged),
        (dead, |target| &mut target.dead),
        (discarded, |target| &mut target.discarded),
    ];
    for (sql, field) in fields {
        for (target, count) in pairs(conn, sql).await? {
            *field(sums.targets.entry(target).or_default()) += count;
        }
    }
    Ok(())
}

async fn pairs(conn: &mut SqliteConnection, sql: &'static str) -> Result<Vec<(String, u64)>> {
    let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(name, count)| (name, counted(count))).collect())
}
