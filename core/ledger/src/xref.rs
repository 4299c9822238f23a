//! Cross-references: the id of one thing in each system that knows it.

use serde::Serialize;

/// Longest key, and longest id, of a cross-reference, in bytes; what is longer is not kept.
pub const MAX_XREF_BYTES: usize = 500;

/// Of what a system's id is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct XrefKey {
    /// What kind of thing, e.g. `council-tax-account`.
    pub kind: String,
    /// Which thing, in the words of the council's events.
    pub key: String,
    /// Whose id is meant.
    pub system: String,
}

/// A cross-reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Xref {
    /// Of what.
    #[serde(flatten)]
    pub of: XrefKey,
    /// The system's id of it.
    pub id: String,
    /// Since when it is known, in microseconds since the epoch.
    pub at: i64,
    /// What noted it: a route, or a job of an officer.
    pub noted_by: String,
}

impl Xref {
    /// Whether it can be kept: neither key nor id is empty or too long.
    pub fn fits(&self) -> bool {
        let fits = |text: &str| (1..=MAX_XREF_BYTES).contains(&text.len());
        fits(&self.of.kind) && fits(&self.of.key) && fits(&self.of.system) && fits(&self.id)
    }
}

/// Which cross-references are meant; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XrefFilter {
    /// The kind of thing.
    pub kind: Option<String>,
    /// The thing.
    pub key: Option<String>,
    /// Whose id.
    pub system: Option<String>,
    /// The id.
    pub id: Option<String>,
}
