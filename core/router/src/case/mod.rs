//! A golden case from a real event: its personal values are replaced by fictitious ones of the same form, and what the route
//! makes of that is written down. What is personal the schema of its type says.

mod fiction;
mod made;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::Value;

pub use fiction::Seed;
pub use made::{CaseAsked, Unclassed, new_case};

/// A case that is not written yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCase {
    /// The event, as text.
    pub event: String,
    /// The message, or null where the route does not want the event.
    pub message: Value,
    /// What the case says that the ledger knows, where the route asks it.
    pub lookups: Option<Value>,
    /// Where values were replaced: dotted paths of the data, and attributes of the envelope.
    pub replaced: BTreeSet<String>,
}

/// Why no case is made of an event; no value of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// It is not an event that the route could get.
    #[error("the event is no example for the route: {0}")]
    NoExample(String),
    /// Fields whose class the schema does not say.
    #[error("the schema does not say the class of {}; --unclassed as-personal replaces their values, too", .0.join(", "))]
    Unclassed(Vec<String>),
    /// No fictitious value was found that is none of the event's own.
    #[error("no fictitious value was found for {0}")]
    NoFiction(String),
    /// A fictitious value breaks the schema.
    #[error("the fictitious value of {place} breaks the schema of the event: {words}")]
    BreaksSchema {
        /// JSON pointer into the data.
        place: String,
        /// The rule.
        words: String,
    },
    /// The route wants the event, and not the fictitious one.
    #[error(
        "the route's `when` holds of the event and not of the fictitious one: it reads a field that was replaced"
    )]
    NotWanted,
    /// The route makes no message of the fictitious event.
    #[error("the route makes no message of the fictitious event: {0}")]
    NoMessage(String),
}

impl NewCase {
    /// Writes the case into `folder`, which must not be there: whole, or not at all.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where it is there; else as the file system says.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let (Some(cases), Some(name)) = (folder.parent(), folder.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if folder.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let half = cases.join(format!(".{}.part", name.to_string_lossy()));
        std::fs::create_dir_all(&half)?;
        let written = self.write_files(&half).and_then(|()| std::fs::rename(&half, folder));
        if written.is_err() {
            // Why it could not be written is told; that the rest stays is told by the next try.
            let _rest = std::fs::remove_dir_all(&half);
        }
        written
    }

    fn write_files(&self, folder: &Path) -> io::Result<()> {
        let text = |value: &Value| format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default());
        std::fs::write(folder.join("event.json"), format!("{}\n", self.event))?;
        std::fs::write(folder.join("message.json"), text(&self.message))?;
        match &self.lookups {
            Some(lookups) => std::fs::write(folder.join("lookups.json"), text(lookups)),
            None => Ok(()),
        }
    }
}
