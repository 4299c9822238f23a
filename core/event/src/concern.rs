//! Whose concern it is that something was refused or given up.

use std::fmt;

use serde::{Serialize, Serializer};

/// Who has to do something about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// An officer who knows the case: the data are wrong, or a system says no to what they mean.
    Business,
    /// An operator: something is broken, out of reach or set up wrongly.
    Technical,
}

impl Concern {
    /// Both, for command lines.
    pub const ALL: [Self; 2] = [Self::Business, Self::Technical];

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Technical => "technical",
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Concern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
