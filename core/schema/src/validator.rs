//! One schema, compiled.

use std::sync::Arc;

use jsonschema::Draft;
use postroom_transform::Data;
use serde_json::Value;

use crate::data::OfData;
use crate::{Classes, FieldDifference, MAX_VIOLATIONS, Said, classes, differences, said, words};

/// A compiled JSON Schema (draft 2020-12), with formats asserted.
#[derive(Debug, Clone)]
pub struct Validator {
    compiled: jsonschema::Validator<OfData>,
    schema: Arc<Value>,
}

/// What is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer:?}: {words}")]
pub struct SchemaProblem {
    /// JSON pointer into the schema.
    pub pointer: String,
    /// What is wrong.
    pub words: String,
}

/// One rule that a value broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule} at {pointer:?}: {words}")]
pub struct Violation {
    /// JSON pointer into the value; `*` for a name of the sender's that could be a value.
    pub pointer: String,
    /// The keyword of the schema, e.g. `required`.
    pub rule: String,
    /// What an officer should read; no value.
    pub words: String,
}

impl Validator {
    /// Compiles a schema: its own form is checked first, and formats that are not known are errors.
    ///
    /// # Errors
    /// The first place at which the schema is wrong.
    pub fn compile(schema: &Value) -> Result<Self, SchemaProblem> {
        let problem = |error: &jsonschema::ValidationError<'_>| SchemaProblem {
            pointer: error.instance_path().to_string(),
            words: error.to_string(),
        };
        jsonschema::draft202012::meta::validate(schema).map_err(|error| problem(&error))?;
        jsonschema::options_for::<OfData>()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(schema)
            .map(|compiled| Self { compiled, schema: Arc::new(schema.clone()) })
            .map_err(|error| problem(&error))
    }

    /// The schema as it was given.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Whether the other is made of the same schema.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.schema == other.schema
    }

    /// The fields that a newer schema of the same thing gives another form, in the order of their paths.
    pub fn differences(&self, newer: &Self) -> Vec<FieldDifference> {
        differences::between(&self.schema, &newer.schema)
    }

    /// The classes of the field at a dotted path, with everything below it; `None` where nothing can stand.
    pub fn classes_at(&self, path: &str) -> Option<Classes> {
        classes::at(&self.schema, path)
    }

    /// Hands each value of `data` that is neither a list nor an object to `visit`, with its JSON pointer and what the schema
    /// says of it.
    pub fn each_value(&self, data: &mut Value, visit: &mut dyn FnMut(&str, &Said, &mut Value)) {
        said::each(&self.schema, data, visit);
    }

    /// Validates data as it is.
    ///
    /// # Errors
    /// Every rule that it broke, at most [`MAX_VIOLATIONS`].
    pub fn validate(&self, data: &Data) -> Result<(), Vec<Violation>> {
        if self.compiled.is_valid(data.part()) {
            return Ok(());
        }
        let violation = |error: jsonschema::ValidationError<'_>| Violation {
            pointer: words::pointer(&error.instance_path().to_string()),
            rule: error.kind().keyword().to_owned(),
            words: words::of(error.kind()),
        };
        Err(self.compiled.iter_errors(data.part()).take(MAX_VIOLATIONS).map(violation).collect())
    }
}
