//! The sink: a handover is one transaction, in which its id is stored. Where the id is there already nothing is done, and the receipt
//! is given again.

use async_trait::async_trait;
use postroom_connector::{
    CertificateAt, ConnectorError, Failure, Handover, Outgoing, Receipt, Settings, SettingsError, Sink,
    SinkKind,
};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::NAME;
use crate::cell::Cell;
use crate::database::{Database, Rows, dotted};
use crate::failure::Trouble;
use crate::line::{Line, Session};
use crate::settings::{Making, SinkSettings, Work};
use crate::statement::{Backslash, Statement};

/// Longest id of a handover, in bytes: what a table of receipts that was made here holds.
const LONGEST_ID: usize = 64;
/// Longest reference that is kept, in characters.
const MAX_REFERENCE_CHARS: usize = 200;

/// The kind of sink that runs statements on a database.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqlSink;

impl SinkKind for SqlSink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        SinkSettings::read(settings).map(drop)
    }

    fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        SinkSettings::read(settings).map(|read| read.access.certificates()).unwrap_or_default()
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let line = Line::new(&read.access, settings, read.concurrency)?;
        let database = line.database.as_ref();
        let receipts =
            Receipts::new(database, &read).map_err(|words| SettingsError::new("receipts.table", words))?;
        let statement = match read.work {
            Work::Statement(statement) => statement,
            Work::Procedure(name, paths) => Statement::call(&dotted(database, &name), paths),
        };
        Ok(Box::new(Target {
            line,
            statement,
            receipts,
            reference: read.reference,
            concurrency: read.concurrency,
            made: OnceCell::new(),
        }))
    }
}

struct Target {
    line: Line,
    statement: Statement,
    receipts: Receipts,
    reference: Option<String>,
    concurrency: usize,
    /// Set once the table of receipts was seen or made, where it is to be made.
    made: OnceCell<()>,
}

/// The statements on the table of receipts.
struct Receipts {
    /// Fails where the id is there.
    store: Statement,
    find: Statement,
    /// Writes the reference beside the id, where there is one.
    note: Option<Statement>,
    /// Sees whether the table is there, and makes it.
    make: Option<(String, String)>,
}

impl Receipts {
    fn new(database: &dyn Database, settings: &SinkSettings) -> Result<Self, &'static str> {
        let table = dotted(database, &settings.receipts);
        let [id, at, reference] = ["id", "at", "reference"].map(|name| database.quoted(name));
        let is_kept = settings.reference.is_some();
        let read = |text: String| Statement::read(&text, Backslash::Plain);
        let kept = if is_kept { &reference } else { &id };
        let note = format!("UPDATE {table} SET {reference} = :reference WHERE {id} = :id");
        let [id_type, at_type, reference_type] = database.receipt_types();
        let more = if is_kept { format!(", {reference} {reference_type}") } else { String::new() };
        let make = format!(
            "CREATE TABLE IF NOT EXISTS {table} ({id} {id_type} NOT NULL PRIMARY KEY, {at} {at_type} NOT NULL{more})"
        );
        let see = format!("SELECT {id} FROM {table} WHERE 1 = 0");
        Ok(Self {
            store: read(format!("INSERT INTO {table} ({id}, {at}) VALUES (:id, CURRENT_TIMESTAMP)"))?,
            find: read(format!("SELECT {kept} FROM {table} WHERE {id} = :id"))?,
            note: if is_kept { Some(read(note)?) } else { None },
            make: (settings.making == Making::WhereAbsent).then_some((see, make)),
        })
    }
}

#[async_trait]
impl Sink for Target {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let mut session = self.session(handover).await?;
        let begin = session.database().begin();
        session.say(begin).await.map_err(|trouble| trouble.doing("beginning a transaction"))?;
        match session.state(&self.receipts.store, &json!({"id": handover.id})).await {
            Ok(_) => {}
            Err(trouble) if trouble.is_duplicate() => return self.given_again(session, handover).await,
            Err(trouble) => return Err(receipts_trouble(&trouble, "storing the receipt")),
        }
        // An error leaves the transaction as it is: the session is closed with it, and all is undone.
        let mut reference = None;
        for item in &handover.items {
            reference = self.run(&mut session, item).await?;
        }
        if handover.items.len() > 1 {
            reference = None;
        }
        if let (Some(note), Some(reference)) = (&self.receipts.note, &reference) {
            let values = json!({"id": handover.id, "reference": reference});
            let noted = session.state(note, &values).await;
            noted.map_err(|trouble| receipts_trouble(&trouble, "storing the reference"))?;
        }
        session.say("COMMIT").await.map_err(|trouble| trouble.committing())?;
        session.release();
        Ok(Receipt { reference })
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        let mut session = self.session(handover).await?;
        let found = self.find(&mut session, handover).await?;
        session.release();
        Ok(found)
    }

    fn concurrency(&self) -> Option<usize> {
        Some(self.concurrency)
    }
}

impl Target {
    /// A session, with the table of receipts made where the settings say so.
    async fn session(&self, handover: &Handover) -> Result<Session<'_>, ConnectorError> {
        if handover.id.len() > LONGEST_ID {
            let words = "the id of the handover is too long for a receipt";
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        }
        let mut session = self.line.session().await?;
        if let Some((see, make)) = &self.receipts.make {
            self.made
                .get_or_try_init(|| make_receipts(&mut session, see, make))
                .await
                .map_err(|trouble| trouble.doing("making the table of receipts"))?;
        }
        Ok(session)
    }

    /// Runs the statement for one message; the reference, where one is asked for.
    async fn run(
        &self,
        session: &mut Session<'_>,
        item: &Outgoing,
    ) -> Result<Option<String>, ConnectorError> {
        let rows = session.state(&self.statement, &item.message).await;
        let rows = rows.map_err(|trouble| trouble.doing("running the statement"))?;
        let (Some(column), Some(row)) = (&self.reference, rows.rows.first()) else { return Ok(None) };
        let Some(at) = rows.names.iter().position(|name| name == column) else {
            let words = "setting `reference`: the statement returns no column of that name";
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        };
        Ok(row[at].text().map(|text| text.chars().take(MAX_REFERENCE_CHARS).collect()))
    }

    /// Undoes the transaction that met the receipt of an earlier one, and gives that.
    async fn given_again(
        &self,
        mut session: Session<'_>,
        handover: &Handover,
    ) -> Result<Receipt, ConnectorError> {
        let undone = session.say("ROLLBACK").await;
        undone.map_err(|trouble| trouble.doing("looking for the receipt"))?;
        let found = self.find(&mut session, handover).await?;
        session.release();
        found.ok_or_else(|| {
            let words = "the receipt was there, and is gone: somebody removes receipts";
            ConnectorError::new(Failure::Transient, words, "")
        })
    }

    async fn find(
        &self,
        session: &mut Session<'_>,
        handover: &Handover,
    ) -> Result<Option<Receipt>, ConnectorError> {
        let found = session.state(&self.receipts.find, &json!({"id": handover.id})).await;
        let Rows { rows, .. } =
            found.map_err(|trouble| receipts_trouble(&trouble, "looking for the receipt"))?;
        let reference =
            |row: &Vec<Cell>| row.first().and_then(Cell::text).filter(|_| self.reference.is_some());
        Ok(rows.first().map(|row| Receipt { reference: reference(row) }))
    }
}

async fn make_receipts(session: &mut Session<'_>, see: &str, make: &str) -> Result<(), Trouble> {
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
fn receipts_trouble(trouble: &Trouble, doing: &str) -> ConnectorError {
    let error = trouble.doing(doing);
    if !trouble.is_absent() {
        return error;
    }
    let words = format!("{doing}: the table of `receipts.table` is absent; `create = true` makes it");
    // No message is to blame.
    ConnectorError { words, failure: Failure::Down, ..error }
}
