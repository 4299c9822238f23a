//! Files in a folder, as a source of records and as a target of messages.
//!
//! [`FileSource`] takes files that are complete, in the order of the settings; checks each whole before its first record
//! is given; and puts it into `done/` or, with the reason beside it, into `refused/`. [`FileSink`] writes each handover
//! as one file that appears whole, under its own name, once. Neither knows what a record or a message means.

mod away;
mod batch;
mod evidence;
mod failure;
mod folder;
mod inspect;
mod pattern;
mod settings;
mod sink;
mod source;
mod tally;

pub use sink::FileSink;
pub use source::FileSource;

/// The name of both kinds in `system.toml`.
const NAME: &str = "file";

/// Rules that this connector adds to those of [`postroom_format::RULES`], with what they mean.
pub const RULES: &[(&str, &str)] = &[(UNKNOWN_FILE, "no pattern of the settings fits the file's name")];

const UNKNOWN_FILE: &str = "unknown-file";
