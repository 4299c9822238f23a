//! The hub's own database; the only crate that names sqlx.
