//! Which fields of the data reach which fields of what a mapping makes, and whether as data or because they decide.
//!
//! It is read from the syntax tree, and tells too much rather than too little: a field of the result that no flow leads to
//! is the same whatever a field of the data holds. Whether there is a result at all (a run that fails, the `when` of a
//! route) is not followed. It knows no classes of data and no values.

mod call;
mod spread;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

use std::fmt;

use crate::compile::{on_a_stack_of_its_own, parse};
use crate::problem::{Problem, Source};
use crate::{Context, Shape};

/// The step from a list to any of its items.
pub const ITEMS: &str = "[]";

/// A field of the data, of what stands under `%`, or of the result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath {
    /// Whether it starts at `%`.
    pub is_metadata: bool,
    /// The names on the way, [`ITEMS`] for any item of a list; none is the whole.
    pub steps: Vec<String>,
}

/// How a field reaches another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The other holds what was made of it.
    Data,
    /// It decides which of several things the other holds, e.g. by an `if`, a `??` or a `filter`.
    Control,
}

/// What of a field reaches another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// All that it holds.
    Value,
    /// Whether it is there, of which type it is, and how many items it has.
    Presence,
}

/// One field that reaches one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The field of the data, with everything below it.
    pub from: FieldPath,
    /// What of it.
    pub of: Of,
    /// The field of the result, with everything below it.
    pub to: FieldPath,
    /// How.
    pub how: How,
    /// The line where it is read, from 1.
    pub line: usize,
    /// The column there, from 1, in characters.
    pub column: usize,
    /// How many characters on that line are meant.
    pub length: usize,
}

impl Flow {
    /// Every flow of a mapping, by the field of the data.
    ///
    /// # Errors
    /// What makes it no program; whether it is right for its data is not asked.
    pub fn of_mapping(source: &str, shape: &Shape, context: Context) -> Result<Vec<Self>, Vec<Problem>> {
        on_a_stack_of_its_own(|| {
            let made = walk::result(parse(source)?);
            Ok(spread::flows(&made, Source(source), &shape.kind, &context.meta(shape)))
        })
    }

    /// The fields of the data on which a filter depends, each as deciding on the whole.
    ///
    /// # Errors
    /// What makes it no program.
    pub fn of_filter(source: &str, shape: &Shape, context: Context) -> Result<Vec<Self>, Vec<Problem>> {
        on_a_stack_of_its_own(|| {
            let made = walk::result(parse(source)?);
            let deciding = tree::Tree::of(tree::deciding(made.whole()));
            Ok(spread::flows(&deciding, Source(source), &shape.kind, &context.meta(shape)))
        })
    }
}

impl FieldPath {
    /// The whole of the data or of the result.
    #[must_use]
    pub fn whole() -> Self {
        Self { is_metadata: false, steps: Vec::new() }
    }

    /// The path of a field or of the items below this.
    #[must_use]
    pub fn below(&self, step: &str) -> Self {
        let steps = self.steps.iter().cloned().chain([step.to_owned()]).collect();
        Self { is_metadata: self.is_metadata, steps }
    }
}

/// As a mapping writes it: `.people[].name`, `%subject`; `.` for the whole.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_metadata {
            f.write_str("%")?;
        } else if self.steps.first().is_none_or(|step| step == ITEMS) {
            f.write_str(".")?;
        }
        for (at, step) in self.steps.iter().enumerate() {
            let dot = if step == ITEMS || at == 0 && self.is_metadata { "" } else { "." };
            write!(f, "{dot}{step}")?;
        }
        Ok(())
    }
}
