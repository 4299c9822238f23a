//! Running programs: one [`Runner`] a task, one [`Input`] an event or record, which all its routes read.

use std::ops::ControlFlow;

use chrono_tz::Europe::London;
use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::{ExpressionError, TargetValueRef, TimeZone};
use vrl::value::{KeyString, ObjectMap, Secrets, Value};

use crate::budget::{self, Priced};
use crate::compile::Compiled;
use crate::context::LOOKUP;
use crate::problem::Source;
use crate::{Data, Filter, MAX_STEPS, Mapping, MetaValue, Part};

/// Where the metadata of an event or record comes from; asked only when a program reads it.
pub trait Metadata {
    /// Hands each name under `%` and its value to `put`.
    fn tell(&self, put: &mut dyn FnMut(&'static str, MetaValue<'_>));
}

impl<const N: usize> Metadata for [(&'static str, MetaValue<'_>); N] {
    fn tell(&self, put: &mut dyn FnMut(&'static str, MetaValue<'_>)) {
        for (name, value) in self {
            put(name, *value);
        }
    }
}

/// The data and metadata of one event or record; programs read it and cannot change it.
pub struct Input<'a> {
    data: Value,
    metadata: &'a dyn Metadata,
    meta: Option<Value>,
    secrets: Secrets,
}

impl<'a> Input<'a> {
    /// Takes the data in once, for any number of programs.
    #[must_use]
    pub fn new(data: Data, metadata: &'a dyn Metadata) -> Self {
        Self { data: data.0, metadata, meta: None, secrets: Secrets::default() }
    }

    /// The data.
    pub fn data(&self) -> Part<'_> {
        Part(&self.data)
    }

    /// Sets what the next programs find under `%lookup`, by name; nothing is null.
    pub fn answer<'t>(&mut self, answers: impl IntoIterator<Item = (&'t str, Option<MetaValue<'t>>)>) {
        let value = |answer: Option<MetaValue<'_>>| answer.map_or(Value::Null, value);
        let answers = answers.into_iter().map(|(name, answer)| (KeyString::from(name), value(answer)));
        let answers: ObjectMap = answers.collect();
        if answers.is_empty() && self.meta.is_none() {
            return;
        }
        self.told();
        if let Some(Value::Object(names)) = &mut self.meta {
            names.remove(LOOKUP);
            if !answers.is_empty() {
                names.insert(KeyString::from(LOOKUP), Value::Object(answers));
            }
        }
    }

    /// Sees to it that the metadata can be read.
    fn told(&mut self) {
        self.meta.get_or_insert_with(|| {
            let mut names = ObjectMap::new();
            self.metadata.tell(&mut |name, told| {
                names.insert(KeyString::from(name), value(told));
            });
            Value::Object(names)
        });
    }
}

fn value(told: MetaValue<'_>) -> Value {
    match told {
        MetaValue::Text(text) => Value::from(text),
        MetaValue::Number(number) => Value::Integer(number),
        MetaValue::Data(data) => data.0.clone(),
    }
}

/// A run that gave nothing: where, and in which words; never a value of the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{words}", place(.line, .column))]
pub struct RunError {
    /// The line in the source, from 1; 0 where it is not known.
    pub line: usize,
    /// The column, from 1, in characters; 0 where it is not known.
    pub column: usize,
    /// What happened.
    pub words: &'static str,
}

fn place(line: &usize, column: &usize) -> String {
    if *line == 0 { String::new() } else { format!("{line}:{column}: ") }
}

impl RunError {
    fn nowhere(words: &'static str) -> Self {
        Self { line: 0, column: 0, words }
    }
}

/// What a task needs to run programs; it keeps its memory from one run to the next.
#[derive(Debug, Default)]
pub struct Runner {
    runtime: Runtime,
    types: Types,
}

/// Whether a result is looked at, if it is of the type that was inferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Types {
    #[default]
    Trusted,
    Held,
}

/// The words of a run whose result is not of the type that was inferred.
pub const OUTSIDE: &str = "the result is outside the type that was inferred";

impl Runner {
    /// One that ends a run whose result is outside the type that was inferred, by [`OUTSIDE`]: for data that keep their schema
    /// that is never so, which tests try.
    #[must_use]
    pub fn held_to_types() -> Self {
        Self { types: Types::Held, ..Self::default() }
    }

    /// What the mapping makes of the input.
    ///
    /// # Errors
    /// When it takes more than [`MAX_STEPS`], makes more than [`crate::MAX_MADE_BYTES`], counts beyond 64 bits, or makes what JSON cannot carry.
    pub fn map(&mut self, mapping: &Mapping, input: &mut Input<'_>) -> Result<Data, RunError> {
        let result = self.run(mapping.compiled(), input)?;
        Data::of_result(result).map_err(RunError::nowhere)
    }

    #[cfg(test)]
    pub(crate) fn map_raw(&mut self, mapping: &Mapping, input: &mut Input<'_>) -> Result<Value, RunError> {
        self.run(mapping.compiled(), input)
    }

    /// Whether the filter holds for the input.
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn holds(&mut self, filter: &Filter, input: &mut Input<'_>) -> Result<bool, RunError> {
        let result = self.run(filter.compiled(), input)?;
        result.as_boolean().ok_or_else(|| RunError::nowhere("the filter is neither true nor false"))
    }

    fn run(&mut self, compiled: &Compiled, input: &mut Input<'_>) -> Result<Value, RunError> {
        self.runtime.clear();
        if compiled.reads_metadata {
            input.told();
        }
        let Input { data, meta, secrets, .. } = input;
        let mut nothing = Value::Null;
        let metadata = meta.as_mut().unwrap_or(&mut nothing);
        let mut target = Priced(TargetValueRef { value: data, metadata, secrets });
        budget::begin();
        let mut steps = 0_u64;
        let mut control = || {
            steps += 1;
            if steps > MAX_STEPS || budget::is_spent() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let zone = TimeZone::Named(London);
        let ended = self.runtime.resolve_with_control(&mut target, &compiled.program, &zone, &mut control);
        if budget::is_spent() {
            return Err(RunError::nowhere("the mapping makes more than one run may"));
        }
        let result = ended.map_err(|ended| told(&compiled.source, &ended))?;
        if self.types == Types::Held && !compiled.promises(&result) {
            return Err(RunError::nowhere(OUTSIDE));
        }
        Ok(result)
    }
}

/// VRL's own words may quote the data, so that only the place is kept.
fn told(source: &str, ended: &Terminate) -> RunError {
    let (Terminate::Error(error) | Terminate::Abort(error)) = ended else {
        return RunError::nowhere("the mapping takes too many steps");
    };
    let words = "an operation cannot be done with this data";
    let ExpressionError::Error { labels, .. } = error else { return RunError::nowhere(words) };
    let (line, column) = labels.first().map_or((0, 0), |label| Source(source).place(label.span.start()));
    RunError { line, column, words }
}
