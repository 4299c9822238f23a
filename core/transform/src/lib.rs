//! Mappings and filters; the only crate that names vrl.
