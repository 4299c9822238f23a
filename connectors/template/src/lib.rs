//! The pattern for a new connector: lines of a text file, as a source of records and as a target of messages.
//!
//! Copy the folder, name it after what it connects, and add two lines: the crate in `hub/Cargo.toml`, and the kind in
//! `hub/src/registry.rs`. The hub does not know this one. [`LineSource`] reads each new line as a record, from where its cursor
//! stands; [`LineSink`] writes each message as a line, once. Neither knows what a record or a message means.

mod settings;
mod sink;
mod source;

pub use sink::LineSink;
pub use source::LineSource;

/// The name of both kinds in `system.toml`.
const NAME: &str = "template";
