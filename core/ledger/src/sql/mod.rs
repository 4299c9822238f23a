//! Every statement of the ledger, by table. Nothing above it knows SQL.

pub(crate) mod attempt;
pub(crate) mod dead;
pub(crate) mod decision;
pub(crate) mod dispatch;
pub(crate) mod erase;
pub(crate) mod event;
pub(crate) mod held;
pub(crate) mod import;
pub(crate) mod invalid;
pub(crate) mod job;
pub(crate) mod journal_place;
pub(crate) mod kept;
pub(crate) mod lane_state;
pub(crate) mod lease;
pub(crate) mod mark;
pub(crate) mod mention;
pub(crate) mod outbox;
pub(crate) mod pause;
pub(crate) mod peer;
pub(crate) mod prune;
pub(crate) mod run;
pub(crate) mod sent;
pub(crate) mod snapshot;
pub(crate) mod snapshot_step;
pub(crate) mod staged;
pub(crate) mod subject;
pub(crate) mod sums;
pub(crate) mod taken;
pub(crate) mod trace;
pub(crate) mod unreceived;
pub(crate) mod work;
pub(crate) mod work_outbox;
pub(crate) mod xref;

use sqlx::Error;
use uuid::Uuid;

pub(crate) use crate::db::{Conn, FromRow, Query, Result, Row, insert};

/// The 16 bytes of a key, as stored.
pub(crate) fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// A key from its stored bytes.
pub(crate) fn id(bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| Error::Decode(Box::new(error)))
}

/// A count or number as stored.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count or number from its stored form.
pub(crate) fn counted(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A count of attempts from its stored form.
pub(crate) fn small(number: i64) -> u32 {
    u32::try_from(counted(number)).unwrap_or(u32::MAX)
}

/// The place of a row in the list that was asked for.
pub(crate) fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A text from outside as stored: PostgreSQL takes no NUL.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A text from outside, where there is one.
pub(crate) fn clean_some(text: Option<&String>) -> Option<String> {
    text.map(|text| clean(text))
}

/// JSON as stored.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Encode(Box::new(error)))
}

/// JSON as stored in bytes.
pub(crate) fn json_bytes(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Encode(Box::new(error)))
}

/// A value from its stored JSON.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Decode(Box::new(error)))
}

/// A value from its stored bytes of JSON.
pub(crate) fn from_json_bytes<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::Decode(Box::new(error)))
}

/// A word from its stored form.
pub(crate) fn known<T>(word: Option<T>) -> Result<T> {
    word.ok_or_else(|| Error::Decode("a stored word is not one of its column's".into()))
}
