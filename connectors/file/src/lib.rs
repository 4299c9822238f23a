//! Files in a folder of this machine or of an SFTP server, as a source of records and as a target of messages.
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
mod sftp;
mod sink;
mod source;
mod tally;

pub use sink::FileSink;
pub use source::FileSource;

/// The name of both kinds in `system.toml`.
const NAME: &str = "file";

/// Rules that this connector adds to those of [`postroom_format::RULES`], with what they mean.
const RULES: &[(&str, &str)] = &[
    (UNKNOWN_FILE, "no pattern of the settings fits the file's name"),
    (BAD_NAME, "the server gives the file a name that no file may have: it stays where it is"),
    (TOO_LARGE, "the file on the server is larger than `largest_mib` says; it was not read"),
];

const UNKNOWN_FILE: &str = "unknown-file";
const BAD_NAME: &str = "bad-name";
const TOO_LARGE: &str = "file-too-large";
