//! Databases (PostgreSQL, MariaDB and MySQL, SQLite) as sources of records and as targets of messages.
//!
//! [`SqlSource`] reads rows from an outbox table, which it deletes or marks once they were confirmed, rows that have changed by a
//! watermark column, or a whole table from time to time. [`SqlSink`] runs a statement or calls a procedure with values of the message, and stores the id of
//! the dispatch in the same transaction, so that what comes twice is done once. Neither knows what a row means, and no value of a row
//! or message is in an error.

mod cell;
mod database;
mod failure;
mod line;
mod receipts;
mod settings;
mod sink;
mod source;
mod statement;
mod time;

pub use sink::SqlSink;
pub use source::SqlSource;

/// The name of both kinds in `system.toml`.
const NAME: &str = "sql";

/// Rules by which a row is refused while the others are read, with what they mean.
const RULES: &[(&str, &str)] = &[
    (LOCAL_TIME, "a time of `zone` that its clocks show twice or never"),
    (NO_JSON, "a column of JSON holds none that can be taken as it stands"),
];

const LOCAL_TIME: &str = "local-time";
const NO_JSON: &str = "no-json";
