//! The sink: a handover is one transaction, in which its id is stored. Where the id is there already nothing is done, and the receipt
//! is given again.

use async_trait::async_trait;
use postroom_connector::{
    CertificateAt, ConnectorError, Failure, Handover, Outgoing, PeerOf, Receipt, Settings, SettingsError,
    Sink, SinkKind,
};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::NAME;
use crate::cell::Cell;
use crate::database::{Rows, dotted};
use crate::line::{Line, Session};
use crate::receipts::{self, Receipts};
use crate::settings::{self, SinkSettings, Work};
use crate::statement::Statement;

/// Longest id of a handover, in bytes: what a table of receipts that was made here holds.
const LONGEST_ID: usize = 64;
/// Longest reference that is kept, in characters.
const MAX_REFERENCE_CHARS: usize = 200;

/// Settings to begin with.
const BEGINNING: &str = r#"url = "sqlite:SYSTEM/SYSTEM.db"
statement = "INSERT INTO messages (reference) VALUES (:reference)"
receipts = { table = "postroom_delivered", create = true }
"#;

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

    fn keys(&self) -> Vec<&'static str> {
        settings::sink_keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        SinkSettings::read(settings).map(|read| read.access.certificates()).unwrap_or_default()
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let peer = PeerOf::new(settings, "target.url");
        let line = Line::new(&read.access, settings, peer, read.concurrency)?;
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
            ready: OnceCell::new(),
        }))
    }
}

struct Target {
    line: Line,
    statement: Statement,
    receipts: Receipts,
    reference: Option<String>,
    concurrency: usize,
    /// Set once the table of receipts was seen to be what it must be.
    ready: OnceCell<()>,
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
            Err(trouble) => return Err(receipts::trouble(&trouble, "storing the receipt")),
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
            noted.map_err(|trouble| receipts::trouble(&trouble, "storing the reference"))?;
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
    /// A session with a database whose table of receipts is what it must be.
    async fn session(&self, handover: &Handover) -> Result<Session<'_>, ConnectorError> {
        if handover.id.len() > LONGEST_ID {
            let words = "the id of the handover is too long for a receipt";
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        }
        let mut session = self.line.session().await?;
        self.ready.get_or_try_init(|| self.receipts.prepare(&mut session)).await?;
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
            found.map_err(|trouble| receipts::trouble(&trouble, "looking for the receipt"))?;
        let reference =
            |row: &Vec<Cell>| row.first().and_then(Cell::text).filter(|_| self.reference.is_some());
        Ok(rows.first().map(|row| Receipt { reference: reference(row) }))
    }
}
