//! Rows that stay where they are: read in the order of a watermark column and a key, page by page, and from a little further back
//! each time, as what was written late has an earlier watermark. What was read before is remembered, and not given again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use postroom_connector::{ConnectorError, Failure};
use serde_json::json;

use super::Found;
use super::batch::{Away, RowsBatch};
use super::mark::Mark;
use super::plan::Plan;
use crate::cell::{Cell, digest, hex};
use crate::database::{Database, Rows, dotted};
use crate::line::Line;
use crate::settings::{Origin, Watermark, What};

/// Most rows that are remembered, at about 100 bytes each. Beyond that all are forgotten, and what is given again has the same key.
const MOST_REMEMBERED: usize = 1_000_000;

pub(crate) struct WatermarkReader {
    line: Arc<Line>,
    watermark: Watermark,
    what: What,
    /// What is read, as it is written in a statement.
    from: String,
    plan: tokio::sync::Mutex<Option<Plan>>,
    progress: Mutex<Progress>,
}

/// How far the reading is.
#[derive(Default)]
struct Progress {
    /// The highest watermark that was put away.
    cursor: Option<Mark>,
    /// Where the next page begins, in the middle of a look.
    place: Option<Place>,
    /// When the look began whose pages are read: what a page holds that was written later than that may not be all there is.
    begun: Option<DateTime<Utc>>,
    /// Rows that were put away and may be read again, by their digest.
    remembered: HashMap<[u8; 32], Mark>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// With the first row of all.
    Start,
    /// With the first row of this watermark.
    From(Mark),
    /// Behind the row of this watermark and key.
    Behind(Mark, Vec<Cell>),
}

/// One page on its way: what is noted when it is put away.
pub(crate) struct Turn {
    /// Where the next page begins; none where this was the last.
    next: Option<Place>,
    read: Vec<([u8; 32], Mark)>,
    cursor: Option<Mark>,
}

/// A row with what is known of it.
struct Seen<'r> {
    row: &'r [Cell],
    mark: Mark,
    key: Vec<Cell>,
    digest: [u8; 32],
}

impl WatermarkReader {
    pub(crate) fn new(line: Arc<Line>, watermark: Watermark, what: What) -> Arc<Self> {
        let from = match &watermark.from {
            Origin::Table(table) => dotted(line.database.as_ref(), table),
            Origin::Query(query) => format!("({query})"),
        };
        let (plan, progress) = (tokio::sync::Mutex::new(None), Mutex::default());
        Arc::new(Self { line, watermark, what, from, plan, progress })
    }

    /// Goes on from a cursor.
    pub(crate) fn resume(&self, cursor: &str) -> Result<(), ConnectorError> {
        let mark = Mark::resumed(cursor, &self.watermark.column).ok_or_else(|| {
            let words = "the cursor that was written down is of another watermark than `watermark.column`";
            ConnectorError::new(Failure::Permanent, words, "")
        })?;
        self.back(&mark)?;
        self.progress().cursor = Some(mark);
        Ok(())
    }

    /// The cursor behind a page: the highest watermark of all that was put away.
    pub(crate) fn cursor(&self, turn: &Turn) -> Option<String> {
        turn.cursor.as_ref().map(|mark| mark.cursor(&self.watermark.column))
    }

    /// Notes that a page was put away.
    pub(crate) fn go_on(&self, turn: Turn) {
        let mut progress = self.progress();
        progress.place = turn.next;
        progress.cursor = turn.cursor;
        if progress.remembered.len() + turn.read.len() > MOST_REMEMBERED {
            progress.remembered.clear();
        }
        progress.remembered.extend(turn.read);
    }

    /// Reads on until there are rows that were not given before, or none any more.
    pub(crate) async fn look(self: Arc<Self>, hand: Arc<()>) -> Found {
        loop {
            let place = self.place()?;
            let (plan, rows) = self.page(&place).await?;
            let batch = self.batch(&plan, &rows, &place, &hand)?;
            if batch.is_some() || self.progress().place.is_none() {
                return Ok(batch);
            }
        }
    }

    /// Where the next page begins. A look begins as far back as the overlap says, and forgets what lies before that.
    fn place(&self) -> Result<Place, ConnectorError> {
        let mut progress = self.progress();
        if let Some(place) = &progress.place {
            return Ok(place.clone());
        }
        let place = match &progress.cursor {
            None => Place::Start,
            Some(cursor) => {
                let back = self.back(cursor)?;
                progress.remembered.retain(|_, mark| *mark >= back);
                Place::From(back)
            }
        };
        progress.place = Some(place.clone());
        progress.begun = Some(Utc::now());
        Ok(place)
    }

    fn back(&self, mark: &Mark) -> Result<Mark, ConnectorError> {
        mark.back(self.watermark.overlap, self.what.zone).ok_or_else(|| {
            let words =
                "setting `watermark.overlap`: a duration goes with timestamps, a number with integers";
            ConnectorError::new(Failure::Permanent, words, "")
        })
    }

    async fn page(&self, place: &Place) -> Result<(Plan, Rows), ConnectorError> {
        let mut session = self.line.session().await?;
        let mut known = self.plan.lock().await;
        // Left out until all went well: what the columns are is learnt anew after an error.
        let plan = match known.take() {
            Some(plan) => plan,
            None => Plan::learn(&mut session, &self.from, &self.needed(), &self.what).await?,
        };
        let (query, values) = self.query(&plan, place)?;
        let rows = session.rows(&query, values).await;
        let rows = rows.map_err(|trouble| trouble.doing("reading the rows behind the watermark"))?;
        session.release();
        *known = Some(plan.clone());
        Ok((plan, rows))
    }

    /// What of a page was not given before. Where that is nothing, notes that the page is done.
    fn batch(
        self: &Arc<Self>,
        plan: &Plan,
        rows: &Rows,
        place: &Place,
        hand: &Arc<()>,
    ) -> Result<Option<RowsBatch>, ConnectorError> {
        let (_, _, form) = plan.needed("watermark.column", &self.watermark.column)?;
        let seen = rows.rows.iter().map(|row| self.seen(plan, row)).collect::<Result<Vec<_>, _>>()?;
        let more = rows.is_cut || rows.rows.len() == self.what.rows;
        let last = seen.last().map(|seen| Place::Behind(seen.mark.clone(), seen.key.clone()));
        let next = if more { last } else { None };
        let mut progress = self.progress();
        let new: Vec<_> =
            seen.into_iter().filter(|seen| !progress.remembered.contains_key(&seen.digest)).collect();
        if new.is_empty() {
            progress.place = next;
            return Ok(None);
        }
        // However long the pages of a look take, the overlap is counted back from its begin.
        let begun = progress.begun.unwrap_or_else(Utc::now);
        let highest = new.iter().map(|seen| &seen.mark).filter(|mark| !mark.is_ahead(begun, form)).max();
        let cursor = progress.cursor.as_ref().max(highest).cloned();
        drop(progress);
        let read = new.iter().map(|seen| (seen.digest, seen.mark.clone())).collect();
        let readings: VecDeque<_> =
            (1..).zip(&new).map(|(number, seen)| plan.reading(number, seen.record_key(), seen.row)).collect();
        let digests: Vec<_> = new.iter().map(|seen| seen.digest).collect();
        let away = Away::Watermark(Arc::clone(self), Turn { next, read, cursor });
        let from = format!("{place:?}");
        Ok(Some(
            RowsBatch::new(self.label(), (&from, &digests), readings, away, Arc::clone(hand)).with_more(more),
        ))
    }

    fn seen<'r>(&self, plan: &Plan, row: &'r [Cell]) -> Result<Seen<'r>, ConnectorError> {
        let wrong = |words: &str| ConnectorError::new(Failure::Permanent, words, "");
        let (at, ..) = plan.needed("watermark.column", &self.watermark.column)?;
        let mark = Mark::of(&row[at]).ok_or_else(|| {
            wrong("setting `watermark.column`: a value is neither an integer nor a timestamp")
        })?;
        self.back(&mark)?;
        let mut key = Vec::with_capacity(self.watermark.key.len());
        for column in &self.watermark.key {
            let (at, ..) = plan.needed("watermark.key", column)?;
            if row[at] == Cell::Null {
                return Err(wrong("setting `watermark.key`: a column of the key is null"));
            }
            key.push(row[at].clone());
        }
        Ok(Seen { row, mark, key, digest: digest(row) })
    }

    /// The query of a page, with its values.
    fn query(&self, plan: &Plan, place: &Place) -> Result<(String, Vec<Cell>), ConnectorError> {
        let database = self.line.database.as_ref();
        let quoted = |name: &String| format!("q.{}", database.quoted(name));
        let (column, keys) = (quoted(&self.watermark.column), self.watermark.key.iter().map(quoted));
        let order = std::iter::once(column.clone()).chain(keys).collect::<Vec<_>>().join(", ");
        let mut bounds = Bounds { database, plan, values: Vec::new() };
        let within = match place {
            Place::Start => format!("{column} IS NOT NULL"),
            Place::From(mark) => {
                let from = bounds.place("watermark.column", &self.watermark.column, &mark.cell())?;
                format!("{column} >= {from}")
            }
            Place::Behind(mark, key) => {
                let from = bounds.place("watermark.column", &self.watermark.column, &mark.cell())?;
                let names = std::iter::once(&self.watermark.column).chain(&self.watermark.key);
                let values = std::iter::once(mark.cell()).chain(key.iter().cloned());
                let behind = bounds.behind(&names.zip(values).collect::<Vec<_>>())?;
                format!("{column} >= {from} AND ({behind})")
            }
        };
        let (selected, from, limit) = (plan.selected(database), &self.from, database.at_most(self.what.rows));
        let query = format!("SELECT {selected} FROM {from} q WHERE {within} ORDER BY {order}{limit}");
        Ok((query, bounds.values))
    }

    fn needed(&self) -> Vec<(&'static str, &str)> {
        let key = self.watermark.key.iter().map(|column| ("watermark.key", column.as_str()));
        std::iter::once(("watermark.column", self.watermark.column.as_str())).chain(key).collect()
    }

    fn label(&self) -> String {
        match &self.watermark.from {
            Origin::Table(table) => table.join("."),
            Origin::Query(_) => "query".to_owned(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen<'_> {
    /// Key, watermark and content: a row that changed once more under the same watermark is another record.
    fn record_key(&self) -> String {
        let key: Vec<_> = self.key.iter().map(Cell::json).collect();
        json!([key, self.mark.to_string(), hex(&self.digest)]).to_string()
    }
}

/// Comparisons with values, which are kept in their order.
struct Bounds<'p> {
    database: &'p dyn Database,
    plan: &'p Plan,
    values: Vec<Cell>,
}

impl Bounds<'_> {
    /// How `value` is written where it is compared with the column `name`.
    fn place(&mut self, key: &str, name: &str, value: &Cell) -> Result<String, ConnectorError> {
        let (_, column, _) = self.plan.needed(key, name)?;
        self.values.push(value.clone());
        Ok(self.database.place(self.values.len(), column))
    }

    /// Rows behind these values of these columns: a > x OR (a = x AND (b > y OR ...)).
    fn behind(&mut self, columns: &[(&String, Cell)]) -> Result<String, ConnectorError> {
        let Some(((name, value), rest)) = columns.split_first() else { return Ok(String::new()) };
        let column = format!("q.{}", self.database.quoted(name));
        let above = format!("{column} > {}", self.place("watermark.key", name, value)?);
        if rest.is_empty() {
            return Ok(above);
        }
        let equal = format!("{column} = {}", self.place("watermark.key", name, value)?);
        Ok(format!("{above} OR ({equal} AND ({}))", self.behind(rest)?))
    }
}
