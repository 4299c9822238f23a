//! Rows of an outbox: read in the order of their ids, and deleted or marked when they were confirmed. What was read and not taken away
//! is read again, under the same keys.

use std::collections::VecDeque;
use std::sync::Arc;

use postroom_connector::{ConnectorError, Failure};
use tokio::sync::Mutex;

use super::FoundRows;
use super::batch::{Away, RowsBatch};
use super::plan::Plan;
use crate::cell::{Cell, digest};
use crate::database::{Column, dotted};
use crate::line::{Line, Session};
use crate::settings::{Done, Outbox, What};

/// Most ids in one statement.
const IDS_AT_ONCE: usize = 500;

pub(crate) struct OutboxReader {
    line: Arc<Line>,
    outbox: Outbox,
    what: What,
    /// The table as it is written in a statement.
    table: String,
    plan: Mutex<Option<Plan>>,
}

impl OutboxReader {
    pub(crate) fn new(line: Arc<Line>, outbox: Outbox, what: What) -> Arc<Self> {
        let table = dotted(line.database.as_ref(), &outbox.table);
        Arc::new(Self { line, outbox, what, table, plan: Mutex::new(None) })
    }

    /// Reads the next rows.
    pub(crate) async fn look(self: Arc<Self>, hand: Arc<()>) -> FoundRows {
        let mut session = self.line.session().await?;
        let mut plan = self.plan.lock().await;
        // Left out until all went well: what the columns are is learnt anew after an error.
        let known = match plan.take() {
            Some(known) => known,
            None => self.learn(&mut session).await?,
        };
        let query = self.query(&known);
        let rows = session.rows(&query, Vec::new()).await;
        let rows = rows.map_err(|trouble| trouble.doing("reading the outbox"))?;
        session.release();
        let (at, _) = self.id(&known)?;
        let (mut ids, mut digests) = (Vec::new(), Vec::new());
        let mut readings = VecDeque::new();
        for row in &rows.rows {
            let id = row[at].clone();
            let key = id.text().ok_or_else(|| {
                ConnectorError::new(Failure::Permanent, "setting `outbox.id`: a row has none", "")
            })?;
            readings.push_back(known.reading(readings.len() as u64 + 1, key, row));
            digests.push(digest(row));
            ids.push(id);
        }
        *plan = Some(known);
        if readings.is_empty() {
            return Ok(None);
        }
        let more = rows.is_cut || readings.len() == self.what.rows;
        let (label, away) = (self.outbox.table.join("."), Away::Outbox(Arc::clone(&self), ids));
        Ok(Some(RowsBatch::new(label, ("", &digests), readings, away, hand).with_more(more)))
    }

    async fn learn(&self, session: &mut Session<'_>) -> Result<Plan, ConnectorError> {
        let mut needed = vec![("outbox.id", self.outbox.id.as_str())];
        if let Done::Marked(mark) = &self.outbox.done {
            needed.push(("outbox.done.mark", mark));
        }
        if let (Done::Deleted, Some(query)) = (&self.outbox.done, session.database().reuse_of_ids()) {
            let table = self.outbox.table.last().cloned().unwrap_or_default();
            let asked = vec![Cell::Text(table), Cell::Text(self.outbox.id.clone())];
            let rows = session.rows(query, asked).await;
            if !rows.map_err(|trouble| trouble.doing("learning the columns"))?.rows.is_empty() {
                let words = "setting `outbox.id`: the database gives the ids of deleted rows again, and a new event \
                             would be taken for an old one; the column must be AUTOINCREMENT";
                return Err(ConnectorError::new(Failure::Permanent, words, ""));
            }
        }
        Plan::learn(session, &self.table, &needed, &self.what).await
    }

    fn query(&self, plan: &Plan) -> String {
        let database = self.line.database.as_ref();
        let (selected, table, id) = (plan.selected(database), &self.table, database.quoted(&self.outbox.id));
        let open = match &self.outbox.done {
            Done::Deleted => String::new(),
            Done::Marked(mark) => format!(" WHERE q.{} IS NULL", database.quoted(mark)),
        };
        let limit = database.at_most(self.what.rows);
        format!("SELECT {selected} FROM {table} q{open} ORDER BY q.{id}{limit}")
    }

    /// Deletes or marks the rows of these ids, all or none.
    pub(crate) async fn take_away(&self, ids: Vec<Cell>) -> Result<(), ConnectorError> {
        let mut session = self.line.session().await?;
        let plan = self.plan.lock().await.clone();
        let plan = match plan {
            Some(plan) => plan,
            None => self.learn(&mut session).await?,
        };
        let doing = "taking rows out of the outbox";
        session.say(self.line.database.begin()).await.map_err(|trouble| trouble.doing(doing))?;
        for ids in ids.chunks(IDS_AT_ONCE) {
            let statement = self.statement(&plan, ids.len())?;
            session.rows(&statement, ids.to_vec()).await.map_err(|trouble| trouble.doing(doing))?;
        }
        session.say("COMMIT").await.map_err(|trouble| trouble.doing(doing))?;
        session.release();
        Ok(())
    }

    /// Where the id stands among the columns, and what it is.
    fn id<'p>(&self, plan: &'p Plan) -> Result<(usize, &'p Column), ConnectorError> {
        plan.needed("outbox.id", &self.outbox.id).map(|(at, column, _)| (at, column))
    }

    /// What takes away so many rows.
    fn statement(&self, plan: &Plan, ids: usize) -> Result<String, ConnectorError> {
        let database = self.line.database.as_ref();
        let (_, column) = self.id(plan)?;
        let places: Vec<String> = (1..=ids).map(|number| database.place(number, column)).collect();
        let (table, id, places) = (&self.table, database.quoted(&self.outbox.id), places.join(", "));
        Ok(match &self.outbox.done {
            Done::Deleted => format!("DELETE FROM {table} WHERE {id} IN ({places})"),
            Done::Marked(mark) => {
                let mark = database.quoted(mark);
                format!(
                    "UPDATE {table} SET {mark} = CURRENT_TIMESTAMP WHERE {mark} IS NULL AND {id} IN ({places})"
                )
            }
        })
    }
}
