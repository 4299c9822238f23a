//! Rows that stay where they are: read in the order of a watermark column and a key, page by page, and from a little further back
//! each time, as what was written late has an earlier watermark. What was read before is remembered, and not given again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use postroom_connector::{ConnectorError, Failure};
use serde_json::json;

use super::FoundRows;
use super::batch::{Away, RowsBatch};
use super::bounds::{Bounds, Place};
use super::mark::Mark;
use super::plan::Plan;
use super::progress::{Progress, Turn};
use crate::cell::{Cell, digest, hex};
use crate::database::{Rows, dotted};
use crate::line::Line;
use crate::settings::{Origin, Watermark, What};

pub(crate) struct WatermarkReader {
    line: Arc<Line>,
    watermark: Watermark,
    what: What,
    /// What is read, as it is written in a statement.
    from: String,
    plan: tokio::sync::Mutex<Option<Plan>>,
    progress: Mutex<Progress>,
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
        self.progress().resume(mark);
        Ok(())
    }

    /// The cursor behind a page: the highest watermark of all that was put away.
    pub(crate) fn cursor(&self, turn: &Turn) -> Option<String> {
        turn.cursor.as_ref().map(|mark| mark.cursor(&self.watermark.column))
    }

    /// Notes that a page was put away.
    pub(crate) fn go_on(&self, turn: Turn) {
        self.progress().go_on(turn);
    }

    /// Reads on until there are rows that were not given before, or none any more.
    pub(crate) async fn look(self: Arc<Self>, hand: Arc<()>) -> FoundRows {
        loop {
            let place = self.progress().begin(Utc::now(), |mark| self.back(mark))?;
            let (plan, rows) = self.page(&place).await?;
            let batch = self.batch(&plan, &rows, &place, &hand)?;
            if batch.is_some() || !self.progress().is_under_way() {
                return Ok(batch);
            }
        }
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
        let bounds = Bounds::new(self.line.database.as_ref(), &plan, &self.watermark);
        let (query, values) = bounds.query(place, &self.from, self.what.rows)?;
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
        let new: Vec<_> = seen.into_iter().filter(|seen| progress.is_new(&seen.digest)).collect();
        if new.is_empty() {
            progress.pass(next);
            return Ok(None);
        }
        let cursor = progress.cursor_behind(new.iter().map(|seen| &seen.mark), form);
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
