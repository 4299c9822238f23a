//! What the hub says: one function a log event, its metric in the same body, and the register of both.
//!
//! The only crate that logs at info or above. A line is a fact with a name (`broker.lost`); its level says who acts:
//! error = a person must, warn = it will be tried again, info = a change of state. No line holds a value of an event,
//! a record or a message, nor a secret: the functions take names, ids, codes and counts.

mod events;
mod output;
mod register;

pub use events::*;
pub use output::{Form, chain, start};
pub use register::{LogEvent, as_markdown};
