//! Validation of events and messages, and the vocabulary of event types: the only crate that names `jsonschema`.
//!
//! Violations are told by JSON pointer and rule; no value of an event or message is ever in their words. The crate
//! knows nothing of routes or systems, and fetches nothing: a `$ref` leads inside its own file.

mod classes;
mod data;
mod differences;
mod examples;
mod fields;
mod files;
mod references;
mod rules;
mod said;
mod validator;
mod vocabulary;
mod words;

pub use classes::Classes;
pub use differences::{Differs, FieldDifference};
pub use fields::{Field, Presence, fields, followed};
pub use files::read_file;
pub use said::Said;
pub use validator::{SchemaProblem, Validator, Violation};
pub use vocabulary::{EventType, FileProblem, Vocabulary, is_type_name};
pub use words::is_name;

/// Most violations that are told of one value.
pub const MAX_VIOLATIONS: usize = 20;
/// Most references of a schema that lead on one from another.
pub const MAX_REFERENCES: usize = 64;
/// Largest file with a schema or an example, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Classes of data that a field may have (`x-class`): none, personal, special category, council tax, social security.
pub const CLASSES: [&str; 5] = ["none", "P", "S", "C", "B"];
