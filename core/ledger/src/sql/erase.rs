//! Erasing what is held of a subject: forgetting ahead of time, in one transaction, of which the hashes stay, so that what comes
//! again is known; its counts stay too, so that the sums do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use postroom_event::DispatchId;
use uuid::Uuid;

use super::prune::{self, Old};
use super::subject::{self, Means};
use super::{
    Conn, FromRow, Result, Row, blob, counted, event, from_json, insert, invalid, json, kept, mention, sent,
    taken, xref,
};
use crate::erasure::{Erase, Erased, Erasure, Open, unnamed};
use crate::job::{Job, JobState};
use crate::kept::InvalidShown;
use crate::sought::Sought;
use crate::subject::{Mention, MentionedIn};
use crate::taken::{Stage, Taken};
use crate::waiting::Pruned;
use crate::xref::XrefFilter;

/// How much was erased, by kind.
type Counts = BTreeMap<String, u64>;

/// What is held of a subject, as far as it is erased.
struct Held {
    events: Vec<Taken>,
    /// With those that have no event here.
    letters: Vec<DispatchId>,
    invalid: Vec<InvalidShown>,
    jobs: Vec<Job>,
    untold: u64,
}

impl Held {
    fn dispatches(&self) -> Vec<DispatchId> {
        let made = self.events.iter().flat_map(|event| &event.dispatches).map(|made| made.id);
        made.chain(self.letters.iter().copied()).collect()
    }
}

/// Erases a subject, unless something of it is open.
pub(crate) async fn erase(conn: &mut Conn, asked: &Erase) -> Result<Erased> {
    if conn.is_alone() {
        event::index(conn).await?;
    }
    let sought = Sought::new(&asked.subject);
    let held = held(conn, &sought).await?;
    let open = open(conn, asked, &held).await?;
    if !open.is_empty() {
        return Ok(Erased::Open(open));
    }
    // By what is erased, too: so it is looked for before.
    let found =
        if asked.mentions { mention::all(conn, &sought, &held.dispatches()).await? } else { Vec::new() };
    let mut counts = Counts::new();
    events(conn, asked, &held, &mut counts).await?;
    for event in &held.invalid {
        forget_invalid(conn, event).await?;
    }
    counts.insert("invalid events".to_owned(), held.invalid.len() as u64);
    let of_it = XrefFilter { key: Some(asked.subject.clone()), ..XrefFilter::default() };
    counts.insert("cross-references".to_owned(), xref::remove(conn, &of_it).await?);
    unname(conn, asked, &held).await?;
    counts.insert("jobs".to_owned(), held.jobs.len() as u64);
    if asked.mentions {
        counts.insert("mentions".to_owned(), mentions(conn, &found).await?);
    }
    prune::lower_marks(conn).await?;
    counts.retain(|_, count| *count > 0);
    let erasure = Erasure::new(asked, counts);
    note(conn, &erasure).await?;
    Ok(Erased::Done(erasure))
}

async fn held(conn: &mut Conn, sought: &Sought<'_>) -> Result<Held> {
    let mut events: Vec<Taken> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.row);
        let page = taken::after(conn, after, &[sought.subject]).await?;
        if page.is_empty() {
            break;
        }
        events.extend(page);
    }
    let ids = events.iter().map(|event| event.id.clone()).collect();
    let letters = subject::letters(conn, sought.subject).await?;
    let invalid = subject::invalid_of(conn, sought, Means::Claims).await?;
    let jobs = subject::jobs(conn, sought.subject, &ids).await?;
    let untold = untold(conn, sought.subject, &events).await?;
    Ok(Held { events, letters, invalid, jobs, untold })
}

/// Lines of the outbox that are about a subject.
const UNTOLD: &str = "FROM outbox WHERE subject = $2 OR event {among}";

/// How many lines of the outbox are about the subject.
async fn untold(conn: &mut Conn, subject: &str, events: &[Taken]) -> Result<u64> {
    let keys = events.iter().map(|event| event.key.0);
    let (count,): (i64,) =
        conn.query_ids(&format!("SELECT count(*) {UNTOLD}"), keys).bind(subject).one().await?;
    Ok(counted(count))
}

/// What of a subject is open.
pub(crate) async fn open_of(conn: &mut Conn, asked: &Erase) -> Result<Vec<Open>> {
    let held = held(conn, &Sought::new(&asked.subject)).await?;
    open(conn, asked, &held).await
}

async fn open(conn: &mut Conn, asked: &Erase, held: &Held) -> Result<Vec<Open>> {
    let mut open = BTreeSet::new();
    for made in held.events.iter().flat_map(|event| &event.dispatches) {
        let (id, target) = (made.id.to_string(), made.target.clone());
        match made.stage {
            Stage::Waiting => drop(open.insert(Open::Waiting { id, target })),
            Stage::Held => drop(open.insert(Open::Held { id, target })),
            Stage::Staged => drop(open.insert(Open::Staged { id, target })),
            Stage::Dead => drop(open.insert(Open::Dead { id, target })),
            Stage::Queued | Stage::Delivered | Stage::Discarded => {}
        }
    }
    // Those, too, whose event is not recorded.
    for (sql, open_as) in OPEN {
        let rows: Vec<(Vec<u8>, String)> = conn.query(sql).bind(&asked.subject).all().await?;
        for (dispatch, target) in rows {
            open.insert(open_as(DispatchId(super::id(&dispatch)?).to_string(), target));
        }
    }
    let undecided = held.invalid.iter().map(|event| &event.summary).filter(|event| event.state == "open");
    open.extend(undecided.map(|event| Open::Invalid { id: event.id, system: event.system.clone() }));
    let is_ended = |job: &Job| matches!(job.state, JobState::Done | JobState::Cancelled);
    open.extend(held.jobs.iter().filter(|job| !is_ended(job)).map(|job| Open::Job { id: job.id }));
    if held.untold > 0 && !asked.untold {
        open.insert(Open::Untold { receipts: held.untold });
    }
    Ok(open.into_iter().collect())
}

/// What a row with a dispatch and its target says.
type OpenAs = fn(String, String) -> Open;

/// What is open by its own row.
const OPEN: [(&str, OpenAs); 3] = [
    ("SELECT dispatch, target FROM held WHERE subject = $1", |id, target| Open::Held { id, target }),
    ("SELECT dispatch, target FROM staged WHERE subject = $1", |id, target| Open::Staged { id, target }),
    (
        "SELECT dispatch, target FROM dead JOIN way ON way.id = dead.way WHERE subject = $1 AND state = 'open'",
        |id, target| Open::Dead { id, target },
    ),
];

/// Removes the events of a subject with everything that became of them; their hashes stay.
async fn events(conn: &mut Conn, asked: &Erase, held: &Held, counts: &mut Counts) -> Result<()> {
    let rows: Vec<(i64, i64, i64)> = conn
        .query(
            "SELECT event.id, course, received_at FROM event_subject JOIN event ON event.id = event_subject.event
             WHERE event_subject.subject = $1",
        )
        .bind(&asked.subject)
        .all()
        .await?;
    let rows: HashMap<i64, (i64, i64)> =
        rows.into_iter().map(|(id, course, at)| (id, (course, at))).collect();
    let (mut old, mut hashes) = (Vec::new(), Vec::new());
    for event in &held.events {
        let Some((course, at)) = rows.get(&event.row).copied() else { continue };
        let dispatches: Vec<Uuid> = event.dispatches.iter().map(|made| made.id.0).collect();
        hashes.extend([event.key.0].iter().chain(&dispatches).map(|id| (*id, at)));
        old.push(Old { row: event.row, key: event.key.0, course, dispatches });
    }
    let letters: Vec<Uuid> = held.letters.iter().map(|id| id.0).collect();
    hashes.extend(letters.iter().map(|id| (*id, asked.at)));
    let all: Vec<Uuid> = old.iter().flat_map(|event| &event.dispatches).chain(&letters).copied().collect();
    let dispatches: Vec<DispatchId> = all.iter().copied().map(DispatchId).collect();
    counts.insert("sent messages".to_owned(), sent::forget(conn, &dispatches).await?);
    let mut pruned = Pruned::default();
    prune::remove_dispatches(conn, &all, &mut pruned).await?;
    prune::remove_rows(conn, &old.iter().collect::<Vec<_>>(), &mut pruned).await?;
    let table = ("INSERT INTO erased (id, at)", 2, "ON CONFLICT DO NOTHING");
    insert(conn, table, &hashes, |query, (id, at)| query.bind(blob(*id)).bind(*at)).await?;
    let keys = held.events.iter().map(|event| event.key.0);
    let untold = conn.query_ids(&format!("DELETE {UNTOLD}"), keys).bind(&asked.subject).execute().await?;
    for (kind, count) in [
        ("events", pruned.events),
        ("receipts", pruned.receipts),
        ("dead letters", pruned.dead),
        ("untold receipts", untold),
    ] {
        counts.insert(kind.to_owned(), count);
    }
    Ok(())
}

async fn forget_invalid(conn: &mut Conn, event: &InvalidShown) -> Result<()> {
    let summary = &event.summary;
    prune::forget_invalid(conn, summary.id, &summary.system, &summary.state).await
}

/// Takes the names of a subject and its events out of jobs.
async fn unname(conn: &mut Conn, asked: &Erase, held: &Held) -> Result<()> {
    let events = held.events.iter().map(|event| event.id.clone()).collect();
    let unnamed = |value| unnamed(value, &asked.subject, &events).map(|unnamed| json(&unnamed)).transpose();
    for job in &held.jobs {
        let (params, outcome) =
            (unnamed(&job.params)?, job.outcome.as_ref().map(unnamed).transpose()?.flatten());
        conn.query(
            "UPDATE job SET params = coalesce($2, params), outcome = coalesce($3, outcome) WHERE id = $1",
        )
        .bind(job.id)
        .bind(params)
        .bind(outcome)
        .execute()
        .await?;
    }
    Ok(())
}

/// Removes what only holds the identifier, and is not open; how much.
async fn mentions(conn: &mut Conn, found: &[Mention]) -> Result<u64> {
    let mut removed = 0;
    for mention in found.iter().filter(|mention| !mention.is_open) {
        removed += 1;
        match &mention.place {
            MentionedIn::DeadLetter { id } => kept::forget(conn, &[*id]).await?,
            MentionedIn::InvalidEvent { id } => {
                if let Some(event) = invalid::show(conn, *id).await? {
                    forget_invalid(conn, &event).await?;
                }
            }
            MentionedIn::Record { id, .. } => {
                for sql in
                    ["DELETE FROM snapshot_kept WHERE key = $1", "DELETE FROM snapshot_key WHERE id = $1"]
                {
                    conn.query(sql).bind(*id).execute().await?;
                }
            }
            MentionedIn::CrossReference { kind, key } => {
                let system = Some(mention.system.clone());
                let this = XrefFilter { kind: Some(kind.clone()), key: Some(key.clone()), system, id: None };
                xref::remove(conn, &this).await?;
            }
            // They are open always.
            MentionedIn::Hold { .. } | MentionedIn::Staged { .. } => {}
        }
    }
    Ok(removed)
}

async fn note(conn: &mut Conn, erasure: &Erasure) -> Result<()> {
    conn.query("INSERT INTO erasure (salt, hash, at, actor, reason, counts) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&erasure.salt)
        .bind(&erasure.hash)
        .bind(erasure.at)
        .bind(&erasure.actor)
        .bind(&erasure.reason)
        .bind(json(&erasure.counts)?)
        .execute()
        .await
        .map(drop)
}

impl FromRow for Erasure {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            salt: row.get("salt")?,
            hash: row.get("hash")?,
            at: row.get("at")?,
            actor: row.get("actor")?,
            reason: row.get("reason")?,
            counts: from_json(&row.get::<String>("counts")?)?,
        })
    }
}

/// What was erased, in order of time.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<Erasure>> {
    conn.query("SELECT salt, hash, at, actor, reason, counts FROM erasure ORDER BY at, salt").all().await
}

/// Every subject of an event, a dead letter, an invalid event or a cross-reference.
pub(crate) async fn subjects(conn: &mut Conn) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = conn
        .query(
            "SELECT subject FROM event UNION SELECT subject FROM dead UNION SELECT key FROM xref
             UNION SELECT subject FROM invalid WHERE subject IS NOT NULL",
        )
        .all()
        .await?;
    Ok(rows.into_iter().map(|(subject,)| subject).collect())
}
