//! Counting rows: the sums have no other truth.

use super::trace::Routes;
use super::{Conn, Result, counted, from_json};
use crate::sums::{Sums, TargetSums};

type Field = fn(&mut TargetSums) -> &mut u64;

/// Counts everything; on a reader in one transaction, so that the sums are of one moment.
pub(crate) async fn count(conn: &mut Conn) -> Result<Sums> {
    let mut sums = Sums::default();
    imports(conn, &mut sums).await?;
    events(conn, &mut sums).await?;
    dispatches(conn, &mut sums).await?;
    for target in sums.targets.values_mut() {
        let found = target.staged + target.held + target.delivered + target.dead + target.discarded;
        target.waiting = target.dispatched.saturating_sub(found);
        target.excess = found.saturating_sub(target.dispatched);
    }
    Ok(sums)
}

async fn imports(conn: &mut Conn, sums: &mut Sums) -> Result<()> {
    let rows: Vec<(String, String, i64, i64, i64, i64, i64)> = conn
        .query(
            "SELECT system, state, count(*), CAST(sum(position) AS BIGINT), CAST(sum(mapped) AS BIGINT),
                    CAST(sum(published) AS BIGINT), CAST(sum(repeats) AS BIGINT)
             FROM import GROUP BY system, state",
        )
        .all()
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
    let sql = "SELECT import.system, count(*) FROM import
               JOIN (SELECT system, max(updated) AS newest FROM import GROUP BY system) AS latest
               ON latest.system = import.system
               WHERE state = 'open' AND updated < newest GROUP BY import.system";
    for (system, count) in pairs(conn, sql).await? {
        let source = sums.sources.entry(system).or_default();
        source.batches_open = source.batches_open.saturating_sub(count);
        source.batches_cut = count;
    }
    let sql = "SELECT system, count(*) FROM refused_record JOIN import ON import.id = refused_record.import
               WHERE number > 0 GROUP BY system";
    for (system, count) in pairs(conn, sql).await? {
        sums.sources.entry(system).or_default().refused = count;
    }
    let rows: Vec<(String, String, i64)> = conn
        .query(
            "SELECT system, rule, CAST(sum(count) AS BIGINT) FROM ignored
             JOIN import ON import.id = ignored.import GROUP BY system, rule",
        )
        .all()
        .await?;
    for (system, rule, count) in rows {
        sums.sources.entry(system).or_default().ignored.insert(rule, counted(count));
    }
    Ok(())
}

async fn events(conn: &mut Conn, sums: &mut Sums) -> Result<()> {
    let rows: Vec<(String, String, i64)> = conn
        .query(
            "SELECT system, routes, number FROM
             (SELECT course, count(*) AS number FROM event GROUP BY course
              UNION ALL SELECT ref, count FROM past WHERE kind = 'event') AS counted
             JOIN course ON course.id = counted.course",
        )
        .all()
        .await?;
    for (system, routes, count) in rows {
        let routes: Routes = from_json(&routes)?;
        let events = &mut sums.sources.entry(system).or_default().events;
        *(if routes.is_empty() { &mut events.no_route } else { &mut events.routed }) += counted(count);
        for (_, target, way) in routes {
            let target = sums.targets.entry(target).or_default();
            target.dispatched += counted(count);
            target.delivered += if way == "queue" { counted(count) } else { 0 };
        }
    }
    // What was redriven is counted as what it turned out to be.
    let invalid = "SELECT system, count(*) FROM invalid WHERE state <> 'redriven' GROUP BY system
                   UNION ALL SELECT system, count FROM past_invalid";
    for (system, count) in pairs(conn, invalid).await? {
        sums.sources.entry(system).or_default().events.invalid += count;
    }
    for (system, count) in pairs(conn, "SELECT system, duplicates FROM tally").await? {
        sums.sources.entry(system).or_default().events.duplicate = count;
    }
    Ok(())
}

async fn dispatches(conn: &mut Conn, sums: &mut Sums) -> Result<()> {
    let fields: [(&'static str, Field); 6] = [
        (
            "SELECT target, number FROM (SELECT way, count(*) AS number FROM receipt GROUP BY way
                 UNION ALL SELECT ref, count FROM past WHERE kind = 'receipt') AS counted
             JOIN way ON way.id = counted.way",
            |target| &mut target.delivered,
        ),
        (
            "SELECT target, number FROM (SELECT way, count(*) AS number FROM again GROUP BY way
                 UNION ALL SELECT ref, count FROM past WHERE kind = 'again') AS counted
             JOIN way ON way.id = counted.way",
            |target| &mut target.dispatched,
        ),
        (
            "SELECT target, number FROM
                 (SELECT way, count(*) AS number FROM dead WHERE state = 'discarded' GROUP BY way
                  UNION ALL SELECT ref, count FROM past WHERE kind = 'discarded') AS counted
             JOIN way ON way.id = counted.way",
            |target| &mut target.discarded,
        ),
        (
            "SELECT target, count(*) FROM dead JOIN way ON way.id = dead.way WHERE state = 'open' GROUP BY target",
            |target| &mut target.dead,
        ),
        ("SELECT target, count(*) FROM staged GROUP BY target", |target| &mut target.staged),
        ("SELECT target, count(*) FROM held GROUP BY target", |target| &mut target.held),
    ];
    for (sql, field) in fields {
        for (target, count) in pairs(conn, sql).await? {
            *field(sums.targets.entry(target).or_default()) += count;
        }
    }
    Ok(())
}

async fn pairs(conn: &mut Conn, sql: &'static str) -> Result<Vec<(String, u64)>> {
    let rows: Vec<(String, i64)> = conn.query(sql).all().await?;
    Ok(rows.into_iter().map(|(name, count)| (name, counted(count))).collect())
}
