//! The work list: open dead letters, invalid events and inputs whose reason is business's. Of an input the list has one item,
//! however many of its records were refused.

use super::{Conn, FromRow, Result, Row, clean, counted};
use crate::work::{Business, WorkFilter, WorkId, WorkItem, bars};

/// That the reason of a dead letter is business's: its places are the codes and the types that are never items.
pub(crate) fn dead_is_business(codes: &str, types: &str) -> String {
    format!("({codes} LIKE '%|' || code || '|%' AND {types} NOT LIKE '%|' || event_type || '|%')")
}

/// That the reason of an invalid event is business's: its places are the codes and the system whose events are never items.
pub(crate) fn invalid_is_business(codes: &str, system: &str) -> String {
    format!("({codes} LIKE '%|' || code || '|%' AND system <> {system})")
}

/// Where and why an invalid event breaks its rule.
pub(crate) const PLACED: &str = "CASE WHEN place = '' THEN words ELSE place || ': ' || words END";

/// Open items, those that are there longest first, at most `most`.
pub(crate) async fn list(
    conn: &mut Conn,
    business: &Business,
    filter: &WorkFilter,
    most: u32,
) -> Result<Vec<WorkItem>> {
    let mut all = dead(conn, business, filter, most).await?;
    if filter.route.is_none() {
        all.extend(invalid(conn, business, filter, most).await?);
        let inputs = inputs(conn, business, filter, most).await?;
        all.extend(inputs.into_iter().map(Input::listed));
    }
    all.sort_by_key(|item| item.since);
    all.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(all)
}

async fn dead(conn: &mut Conn, business: &Business, filter: &WorkFilter, most: u32) -> Result<Vec<WorkItem>> {
    let sql = format!(
        "SELECT dispatch, failed_at AS since, target AS system, route, event_type, subject, code, words, taken_by, taken_at
         FROM dead JOIN way ON way.id = dead.way
         WHERE state = 'open' AND {} AND ($3 IS NULL OR target = $3) AND ($4 IS NULL OR route = $4)
           AND ($5 IS NULL OR failed_at >= $5)
         ORDER BY failed_at, dispatch LIMIT $6",
        dead_is_business("$1", "$2")
    );
    let query = conn.query_said(&sql).bind(bars(&business.dead)).bind(bars(&business.told_as));
    let query = query.bind(&filter.system).bind(&filter.route).bind(filter.from);
    let rows: Vec<Dead> = query.bind(i64::from(most)).all().await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

async fn invalid(
    conn: &mut Conn,
    business: &Business,
    filter: &WorkFilter,
    most: u32,
) -> Result<Vec<WorkItem>> {
    let sql = format!(
        "SELECT id AS number, received_at AS since, system, NULL AS route, event_type, subject, code, {PLACED} AS words,
                taken_by, taken_at
         FROM invalid
         WHERE state = 'open' AND {} AND ($3 IS NULL OR system = $3) AND ($4 IS NULL OR received_at >= $4)
         ORDER BY received_at, id LIMIT $5",
        invalid_is_business("$1", "$2")
    );
    let query = conn.query_said(&sql).bind(bars(&business.invalid)).bind(&business.teller);
    let query = query.bind(&filter.system).bind(filter.from);
    let rows: Vec<Event> = query.bind(i64::from(most)).all().await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

struct Dead(WorkItem);
struct Event(WorkItem);

impl FromRow for Dead {
    fn from_row(row: &Row) -> Result<Self> {
        let dispatch = WorkId::Dispatch(postroom_event::DispatchId(row.id("dispatch")?));
        item(row, dispatch).map(Self)
    }
}

impl FromRow for Event {
    fn from_row(row: &Row) -> Result<Self> {
        item(row, WorkId::Event(row.get("number")?)).map(Self)
    }
}

fn item(row: &Row, id: WorkId) -> Result<WorkItem> {
    Ok(WorkItem {
        id,
        since: row.get("since")?,
        system: row.get("system")?,
        route: row.get("route")?,
        event_type: row.get("event_type")?,
        subject: row.get("subject")?,
        code: row.get("code")?,
        words: row.get("words")?,
        taken_by: row.get("taken_by")?,
        taken_at: row.get("taken_at")?,
    })
}

/// An input with records that were refused for business's reasons.
pub(crate) struct Input {
    pub(crate) id: i64,
    pub(crate) system: String,
    label: String,
    pub(crate) since: i64,
    records: u64,
    line: i64,
    number: i64,
    place: String,
    pub(crate) code: String,
    words: String,
    taken_by: Option<String>,
    taken_at: Option<i64>,
}

impl Input {
    /// What is wrong with it, by its first record.
    pub(crate) fn words(&self) -> String {
        let why = if self.place.is_empty() {
            self.words.clone()
        } else {
            format!("{}: {}", self.place, self.words)
        };
        match (self.number, self.records) {
            (0, _) => format!("it was refused whole: {why}"),
            (_, 1) => format!("a record was refused, in line {}: {why}", self.line),
            (_, records) => format!("{records} records were refused, the first in line {}: {why}", self.line),
        }
    }

    fn listed(self) -> WorkItem {
        WorkItem {
            id: WorkId::Input(self.id),
            since: self.since,
            words: format!("{}: {}", self.label, self.words()),
            system: self.system,
            route: None,
            event_type: None,
            subject: None,
            code: self.code,
            taken_by: self.taken_by,
            taken_at: self.taken_at,
        }
    }
}

impl FromRow for Input {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            system: row.get("system")?,
            label: row.get("label")?,
            since: row.get("first_seen")?,
            records: row.count("records")?,
            line: row.get("line")?,
            number: row.get("number")?,
            place: row.get("place")?,
            code: row.get("rule")?,
            words: row.get("words")?,
            taken_by: row.get("taken_by")?,
            taken_at: row.get("taken_at")?,
        })
    }
}

/// Open inputs with the first of the records that are business's.
const INPUTS: &str = "SELECT import.id, system, label, first_seen, records, line, number, place, rule, words, taken_by, taken_at
    FROM (SELECT import, count(*) AS records, min(number) AS first FROM refused_record
          WHERE $1 LIKE '%|' || rule || '|%' {these} GROUP BY import) AS wrong
    JOIN import ON import.id = wrong.import
    JOIN refused_record AS refused ON refused.import = wrong.import AND refused.number = wrong.first
    WHERE settled_at IS NULL AND import.state <> 'open'";

async fn inputs(conn: &mut Conn, business: &Business, filter: &WorkFilter, most: u32) -> Result<Vec<Input>> {
    let all = INPUTS.replace("{these}", "");
    let sql = format!(
        "{all} AND ($2 IS NULL OR system = $2) AND ($3 IS NULL OR first_seen >= $3)
         ORDER BY first_seen, import.id LIMIT $4"
    );
    let query = conn.query_said(&sql).bind(bars(&business.records)).bind(&filter.system).bind(filter.from);
    query.bind(i64::from(most)).all().await
}

/// How many open inputs there are.
pub(crate) async fn open_inputs(conn: &mut Conn, business: &Business) -> Result<u64> {
    let sql = "SELECT count(DISTINCT import.id) FROM refused_record JOIN import ON import.id = refused_record.import
               WHERE settled_at IS NULL AND state <> 'open' AND $1 LIKE '%|' || rule || '|%'";
    let (count,): (i64,) = conn.query(sql).bind(bars(&business.records)).one().await?;
    Ok(counted(count))
}

/// The input `id`, where it is an open item.
pub(crate) async fn input(conn: &mut Conn, business: &Business, id: i64) -> Result<Option<Input>> {
    let sql = INPUTS.replace("{these}", "AND import = $2");
    conn.query_said(&sql).bind(bars(&business.records)).bind(id).optional().await
}

/// Notes who has an item, or that nobody has; whether it is there and open.
pub(crate) async fn take(conn: &mut Conn, item: WorkId, by: Option<&str>, at: i64) -> Result<bool> {
    let open = match item {
        WorkId::Dispatch(_) => "dead SET taken_by = $2, taken_at = $3 WHERE dispatch = $1 AND state = 'open'",
        WorkId::Event(_) => "invalid SET taken_by = $2, taken_at = $3 WHERE id = $1 AND state = 'open'",
        WorkId::Input(_) => {
            "import SET taken_by = $2, taken_at = $3 WHERE id = $1 AND state <> 'open' AND settled_at IS NULL"
        }
    };
    let query = conn.query_said(&format!("UPDATE {open}"));
    let query = match item {
        WorkId::Dispatch(dispatch) => query.bind(super::blob(dispatch.0)),
        WorkId::Event(number) | WorkId::Input(number) => query.bind(number),
    };
    Ok(query.bind(by.map(clean)).bind(by.map(|_| at)).execute().await? > 0)
}
