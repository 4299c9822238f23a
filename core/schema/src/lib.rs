//! Validation of events and messages; the only crate that names jsonschema.
