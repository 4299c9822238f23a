//! How much a run may still make. What it reads of its data and variables is counted, since a value that is read is a copy, and what
//! its functions make out of proportion to that; everything else is no larger than what was read for it.
//!
//! A run stays on one thread from begin to end, so that what is left is kept beside the thread.

use std::cell::Cell;

use vrl::compiler::{SecretTarget, Target, TargetValueRef};
use vrl::path::OwnedTargetPath;
use vrl::value::Value;

use crate::MAX_MADE_BYTES;

/// What a value takes beside its text, in bytes.
const VALUE_BYTES: usize = 40;

thread_local! {
    /// The bytes that are left; nothing once more was asked for.
    static LEFT: Cell<Option<usize>> = const { Cell::new(Some(MAX_MADE_BYTES)) };
}

/// Begins a run.
pub(crate) fn begin() {
    LEFT.set(Some(MAX_MADE_BYTES));
}

/// Whether the run has asked for more than there was, and ends.
pub(crate) fn is_spent() -> bool {
    LEFT.get().is_none()
}

/// Takes so many bytes.
///
/// # Errors
/// When there are not so many; the run ends before its next step, whatever becomes of this error.
pub(crate) fn spend(bytes: usize) -> Result<(), &'static str> {
    let left = LEFT.get().and_then(|left| left.checked_sub(bytes));
    LEFT.set(left);
    left.map(drop).ok_or("more than a run may make")
}

/// What a copy of the value takes, in bytes.
pub(crate) fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| VALUE_BYTES + name.len() + weight(value)).sum()
        }
        Value::Null
        | Value::Boolean(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Timestamp(_)
        | Value::Regex(_) => 0,
    };
    VALUE_BYTES + inside
}

/// Data and metadata that can be read only, and at a price.
#[derive(Debug)]
pub(crate) struct Priced<'a>(pub(crate) TargetValueRef<'a>);

impl Target for Priced<'_> {
    fn target_get(&self, path: &OwnedTargetPath) -> Result<Option<&Value>, String> {
        let found = self.0.target_get(path)?;
        spend(found.map_or(0, weight)).map_err(str::to_owned)?;
        Ok(found)
    }

    fn target_insert(&mut self, path: &OwnedTargetPath, value: Value) -> Result<(), String> {
        self.0.target_insert(path, value)
    }

    fn target_get_mut(&mut self, path: &OwnedTargetPath) -> Result<Option<&mut Value>, String> {
        self.0.target_get_mut(path)
    }

    fn target_remove(&mut self, path: &OwnedTargetPath, compact: bool) -> Result<Option<Value>, String> {
        self.0.target_remove(path, compact)
    }
}

impl SecretTarget for Priced<'_> {
    fn get_secret(&self, key: &str) -> Option<&str> {
        self.0.get_secret(key)
    }

    fn insert_secret(&mut self, key: &str, value: &str) {
        self.0.insert_secret(key, value);
    }

    fn remove_secret(&mut self, key: &str) {
        self.0.remove_secret(key);
    }
}
