//! Jobs.

use super::{Conn, FromRow, Result, Row, from_json, json, known, stored};
use crate::job::{Job, JobFilter, JobState, NewJob};

const COLUMNS: &str =
    "SELECT id, kind, target, params, actor, reason, state, submitted_at, updated_at, done, total,
    outcome FROM job";

impl FromRow for Job {
    fn from_row(row: &Row) -> Result<Self> {
        let outcome: Option<String> = row.get("outcome")?;
        Ok(Self {
            id: row.get("id")?,
            kind: row.get("kind")?,
            target: row.get("target")?,
            params: from_json(&row.get::<String>("params")?)?,
            actor: row.get("actor")?,
            reason: row.get("reason")?,
            state: known(JobState::from_stored(&row.get::<String>("state")?))?,
            submitted_at: row.get("submitted_at")?,
            updated_at: row.get("updated_at")?,
            done: row.count("done")?,
            total: row.count("total")?,
            outcome: outcome.as_deref().map(from_json).transpose()?,
        })
    }
}

/// Adds a job; its number.
pub(crate) async fn submit(conn: &mut Conn, new: &NewJob) -> Result<i64> {
    let (id,): (i64,) = conn
        .query(
            "INSERT INTO job (kind, target, params, actor, reason, state, submitted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, 'submitted', $6, $6) RETURNING id",
        )
        .bind(&new.kind)
        .bind(&new.target)
        .bind(json(&new.params)?)
        .bind(&new.actor)
        .bind(&new.reason)
        .bind(new.at)
        .one()
        .await?;
    Ok(id)
}

/// The oldest open job for one of the targets and of one of the kinds (all where none is named); it is running then.
pub(crate) async fn next(
    conn: &mut Conn,
    kinds: &[String],
    targets: &[String],
    at: i64,
) -> Result<Option<Job>> {
    let sql = format!("{COLUMNS} WHERE state IN ('submitted', 'running', 'cancelling') ORDER BY id");
    let open: Vec<Job> = conn.query_said(&sql).all().await?;
    let fits = |job: &Job| targets.contains(&job.target) && (kinds.is_empty() || kinds.contains(&job.kind));
    let Some(mut job) = open.into_iter().find(fits) else { return Ok(None) };
    if job.state == JobState::Submitted {
        conn.query("UPDATE job SET state = 'running', updated_at = $2 WHERE id = $1")
            .bind(job.id)
            .bind(at)
            .execute()
            .await?;
        (job.state, job.updated_at) = (JobState::Running, at);
    }
    Ok(Some(job))
}

/// Notes how far a job came; its state, by which its executor knows whether to go on.
pub(crate) async fn progress(
    conn: &mut Conn,
    id: i64,
    (done, total): (u64, u64),
    at: i64,
) -> Result<Option<JobState>> {
    let row: Option<(String,)> = conn
        .query("UPDATE job SET done = $2, total = $3, updated_at = $4 WHERE id = $1 RETURNING state")
        .bind(id)
        .bind(stored(done))
        .bind(stored(total))
        .bind(at)
        .optional()
        .await?;
    row.map(|(state,)| known(JobState::from_stored(&state))).transpose()
}

/// Notes how far a job came and what came of it so far; its state.
pub(crate) async fn advance(
    conn: &mut Conn,
    id: i64,
    (done, total, so_far): (u64, u64, &serde_json::Value),
    at: i64,
) -> Result<Option<JobState>> {
    conn.query("UPDATE job SET outcome = $2 WHERE id = $1").bind(id).bind(json(so_far)?).execute().await?;
    progress(conn, id, (done, total), at).await
}

/// Ends a job with its outcome; one that was to stop is cancelled.
pub(crate) async fn finish(conn: &mut Conn, id: i64, outcome: &serde_json::Value, at: i64) -> Result<()> {
    conn.query(
        "UPDATE job SET state = CASE WHEN state = 'cancelling' THEN 'cancelled' ELSE 'done' END, outcome = $2,
                        updated_at = $3
         WHERE id = $1 AND state IN ('submitted', 'running', 'cancelling')",
    )
    .bind(id)
    .bind(json(outcome)?)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// Stops a job: one that nobody began never runs. Its state then; none where there is no such job.
pub(crate) async fn cancel(conn: &mut Conn, id: i64, at: i64) -> Result<Option<JobState>> {
    conn.query(
        "UPDATE job SET state = CASE WHEN state = 'submitted' THEN 'cancelled' ELSE 'cancelling' END, updated_at = $2
         WHERE id = $1 AND state IN ('submitted', 'running')",
    )
    .bind(id)
    .bind(at)
    .execute()
    .await?;
    let row: Option<(String,)> =
        conn.query("SELECT state FROM job WHERE id = $1").bind(id).optional().await?;
    row.map(|(state,)| known(JobState::from_stored(&state))).transpose()
}

/// Jobs, newest first, at most `most`.
pub(crate) async fn list(conn: &mut Conn, filter: &JobFilter, most: u32) -> Result<Vec<Job>> {
    let sql = format!(
        "{COLUMNS} WHERE ($1 IS NULL OR id = $1) AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR target = $3)
           AND ($4 IS NULL OR state = $4) ORDER BY id DESC LIMIT $5"
    );
    conn.query_said(&sql)
        .bind(filter.id)
        .bind(&filter.kind)
        .bind(&filter.target)
        .bind(filter.state.map(JobState::as_stored))
        .bind(i64::from(most))
        .all()
        .await
}
