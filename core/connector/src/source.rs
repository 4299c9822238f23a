//! The side that reads records from a system.

use std::path::Path;

use async_trait::async_trait;
use postroom_event::{Fault, Reading};

use crate::{CertificateAt, ConnectorError, Settings, SettingsError};

/// A kind of source, by the name that `system.toml` uses.
pub trait SourceKind: Send + Sync {
    /// The name in `connector = "..."`.
    fn name(&self) -> &'static str;

    /// Checks the settings without touching the outside world.
    ///
    /// # Errors
    /// The first setting that is wrong.
    fn check(&self, settings: &Settings) -> Result<(), SettingsError>;

    /// The keys that its settings may have, for editors; none where the kind does not tell.
    fn keys(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Settings to begin with, one key a line, which pass [`Self::check`]; `SYSTEM` stands for the system's name. Empty
    /// where the kind has none.
    fn beginning(&self) -> &'static str {
        ""
    }

    /// The names of the fields that every record has as text, where the settings fix them (columns of rows): what
    /// `check` compiles the source mapping against. `None`: records are any JSON.
    fn fields(&self, settings: &Settings) -> Option<Vec<String>>;

    /// Whether each of its batches is all that the system has, so that what is absent from one is gone: only such a source can be
    /// compared as a snapshot.
    fn gives_wholes(&self, _settings: &Settings) -> bool {
        false
    }

    /// The rules by which it refuses an input or a record, beside those of formats: their codes, and what they mean.
    fn rules(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The certificates that the settings name; none where they are wrong. Opens nothing.
    fn certificates(&self, _settings: &Settings) -> Vec<CertificateAt> {
        Vec::new()
    }

    /// What of the files that the settings name cannot be used as it is now, while the source goes on with what it read
    /// before.
    fn troubles(&self, _settings: &Settings) -> Vec<SettingsError> {
        Vec::new()
    }

    /// How many inputs the source can see that it has not taken yet; 0 where the kind cannot tell.
    ///
    /// # Errors
    /// When the system cannot be looked at.
    fn waiting(&self, _settings: &Settings) -> Result<u64, ConnectorError> {
        Ok(0)
    }

    /// Hears, for each source of the council and before any is made, that there will be one with these settings; it may hear so
    /// again.
    fn announce(&self, _settings: &Settings) {}

    /// Makes a source from settings that passed [`Self::check`].
    ///
    /// # Errors
    /// The first setting that is wrong.
    fn build(&self, settings: &Settings) -> Result<Box<dyn Source>, SettingsError>;

    /// Opens one input by its path, outside the source's own watch, for `postroom publish`.
    ///
    /// # Errors
    /// Where the kind has no such inputs, or the input cannot be read.
    fn open(&self, settings: &Settings, path: &Path) -> Result<Arrival, ConnectorError>;
}

/// A source of batches. One task owns it. A batch that is dropped before it was put away comes again.
#[async_trait]
pub trait Source: Send {
    /// Takes up where the last batch that was put away ended, by what its [`Batch::cursor`] said. Called once, before
    /// [`Self::next`]; not for a source that never had a cursor.
    ///
    /// # Errors
    /// When the cursor is none of this source's: [`Failure::Permanent`](crate::Failure). Nothing is read then; the hub makes the
    /// source anew and tries again with backoff.
    fn resume(&mut self, _cursor: &str) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Waits for the next batch; returns [`Arrival::Idle`] at the latest after a few seconds, so that the caller can stop.
    ///
    /// # Errors
    /// When the system cannot be read; the caller tries again with backoff, and takes anything else, [`Arrival::Idle`] too, for
    /// a sign that it can be read again.
    async fn next(&mut self) -> Result<Arrival, ConnectorError>;
}

/// What waiting for a batch brought.
pub enum Arrival {
    /// Nothing yet.
    Idle,
    /// A batch that was checked whole and can be read.
    Batch(Box<dyn Batch>),
    /// An input that cannot be read; it is already put aside with its reason beside it.
    Refused(RefusedBatch),
}

/// An input that was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBatch {
    /// Its name, e.g. the file's.
    pub label: String,
    /// SHA-256 of its content, in hex; empty where it was not read.
    pub id: String,
    /// Where and why.
    pub fault: Fault,
}

/// A batch of records: a file, a page of an answer, a set of rows.
#[async_trait]
pub trait Batch: Send {
    /// Its name for people, e.g. the file's; no path.
    fn label(&self) -> &str;

    /// What makes it the same batch wherever and whenever it comes: SHA-256 of the content, in hex; of the cursor, too, where
    /// the same content may come again and mean something new.
    fn id(&self) -> &str;

    /// How many records (refused ones included) the check counted.
    fn len(&self) -> u64;

    /// Whether it holds no record at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the source goes on behind this batch, in words of its own without a value of a person. It is written down when every
    /// record is accounted for, and before [`Self::finish`]. `None`: the source finds out by itself, as a folder does.
    fn cursor(&self) -> Option<String> {
        None
    }

    /// The next records, at most `limit`; none at the end.
    ///
    /// # Errors
    /// When the input cannot be read any more, or has changed since it was checked.
    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError>;

    /// Called once, when every record was confirmed by the broker (or the batch was recognised): puts the input away.
    ///
    /// # Errors
    /// When the input cannot be put away; it is then found again and recognised by its id.
    async fn finish(self: Box<Self>, ending: Ending) -> Result<(), ConnectorError>;

    /// Called once instead of [`Self::finish`], when the hub refused the batch as a whole although it can be read: puts the
    /// input aside with its reason beside it. A source that has no such place puts it away.
    ///
    /// # Errors
    /// As [`Self::finish`].
    async fn refuse(self: Box<Self>, _refused: &RefusedBatch) -> Result<(), ConnectorError> {
        self.finish(Ending::Repeated).await
    }
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every record was published, refused with its reason, or ignored by a named rule.
    Done,
    /// The same content was taken before.
    Repeated,
}
