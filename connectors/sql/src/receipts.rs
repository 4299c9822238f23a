//! The table of receipts: what was done is noted there under the id of its handover, in the same transaction, so that it is
//! done once.

use postroom_connector::{ConnectorError, Failure};

use crate::cell::Cell;
use crate::database::{Database, dotted};
use crate::failure::Trouble;
use crate::line::Session;
use crate::settings::{Making, SinkSettings};
use crate::statement::{Backslash, Statement};

/// The statements on the table of receipts.
pub(crate) struct Receipts {
    /// Fails where the id is there.
    pub(crate) store: Statement,
    pub(crate) find: Statement,
    /// Writes the reference beside the id, where there is one.
    pub(crate) note: Option<Statement>,
    /// Sees whether the table is there, and makes it.
    make: Option<(String, String)>,
    /// Its name, behind that of its schema.
    table: Vec<String>,
}

impl Receipts {
    pub(crate) fn new(database: &dyn Database, settings: &SinkSettings) -> Result<Self, &'static str> {
        let table = dotted(database, &settings.receipts);
        let [id, at, reference] = ["id", "at", "reference"].map(|name| database.quoted(name));
        let is_kept = settings.reference.is_some();
        let read = |text: String| Statement::read(&text, Backslash::Plain);
        let kept = if is_kept { &reference } else { &id };
        let note = format!("UPDATE {table} SET {reference} = :reference WHERE {id} = :id");
        let [id_type, at_type, reference_type] = database.receipt_types();
        let more = if is_kept { format!(", {reference} {reference_type}") } else { String::new() };
        let make = format!(
            "CREATE TABLE IF NOT EXISTS {table} ({id} {id_type} NOT NULL PRIMARY KEY, {at} {at_type} NOT NULL{more}){}",
            database.table_options()
        );
        let see = format!("SELECT {id} FROM {table} WHERE 1 = 0");
        Ok(Self {
            store: read(format!("INSERT INTO {table} ({id}, {at}) VALUES (:id, CURRENT_TIMESTAMP)"))?,
            find: read(format!("SELECT {kept} FROM {table} WHERE {id} = :id"))?,
            note: if is_kept { Some(read(note)?) } else { None },
            make: (settings.making == Making::WhereAbsent).then_some((see, make)),
            table: settings.receipts.clone(),
        })
    }

    /// Makes the table where the settings say so, and sees that what is stored there is undone with its transaction.
    pub(crate) async fn prepare(&self, session: &mut Session<'_>) -> Result<(), ConnectorError> {
        if let Some((see, make)) = &self.make {
            let made = make_table(session, see, make).await;
            made.map_err(|trouble| trouble.doing("making the table of receipts"))?;
        }
        let Some(query) = session.database().outside_transactions() else { return Ok(()) };
        let (name, schemas) = self.table.split_last().map_or(("", &[][..]), |(name, rest)| (name, rest));
        let schema = schemas.last().map_or(Cell::Null, |schema| Cell::Text(schema.clone()));
        let found = session.rows(query, vec![schema, Cell::Text(name.to_owned())]).await;
        let found = found.map_err(|trouble| trouble.doing("looking at the table of receipts"))?;
        if found.rows.is_empty() {
            return Ok(());
        }
        let words = "setting `receipts.table`: no transaction of the database holds that table, and what is stored there \
                     would stay where the message was undone; `ALTER TABLE ... ENGINE=InnoDB` mends it";
        // No message is to blame.
        Err(ConnectorError::new(Failure::Down, words, ""))
    }
}

async fn make_table(session: &mut Session<'_>, see: &str, make: &str) -> Result<(), Trouble> {
    match session.rows(see, Vec::new()).await {
        Err(trouble) if trouble.is_absent() => match session.say(make).await {
            // Somebody else may have made it meanwhile.
            Err(trouble) => session.rows(see, Vec::new()).await.map(drop).map_err(|_| trouble),
            made => made,
        },
        seen => seen.map(drop),
    }
}

/// What an error on the table of receipts says, and what there is to do where that is absent.
pub(crate) fn trouble(trouble: &Trouble, doing: &str) -> ConnectorError {
    let error = trouble.doing(doing);
    if !trouble.is_absent() {
        return error;
    }
    let words = format!("{doing}: the table of `receipts.table` is absent; `create = true` makes it");
    // No message is to blame.
    ConnectorError { words, failure: Failure::Down, ..error }
}
