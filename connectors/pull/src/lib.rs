//! A queue over HTTP: a target that can only pull fetches its messages from the hub, and answers each.
//!
//! [`PullSink`] puts a message on offer under its dispatch id and waits until the system has said what became of it. Looking
//! takes nothing away. It does not know what a message means, nor when the system comes, and repeats no value of a message but
//! to the system that proves itself.

mod document;
mod page;
mod refusal;
mod request;
mod serving;
mod settings;
mod shelf;
mod sink;
mod verdict;

pub use document::document;
pub use sink::PullSink;

/// The name of the kind in `system.toml`.
const NAME: &str = "pull";
