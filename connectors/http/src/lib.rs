//! HTTP as a target of messages: one request a message, and every way in which it can end told apart.
//!
//! [`HttpSink`] sends a message, as JSON or by a template, under its idempotency key, reads a bounded answer, and says
//! whether the message arrived, may be sent again, never will be taken, may have arrived, or could not be sent at all. It
//! does not know what a message means, and never repeats a value of an answer but where the settings point at one, or
//! their rule repeats it.

mod headers;
mod sink;
mod source;

pub use sink::HttpSink;
pub use source::HttpSource;

/// The name of the kind in `system.toml`.
const NAME: &str = "http";
