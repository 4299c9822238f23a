//! What the hub says: one function a log event, its metric in the same body, and the registers of both; and the steps of
//! distributed traces.
//!
//! The only crate that logs at info or above. A line is a fact with a name (`broker.lost`); its level says who acts:
//! error = a person must, warn = it will be tried again, info = a change of state. No line holds a value of an event,
//! a record or a message, nor a secret: the functions take names, ids, codes and counts.

mod collector;
mod events;
mod metric;
mod output;
mod register;
mod scrape;
mod trace;

pub use collector::Traces;
pub use events::*;
pub use metric::*;
pub use output::{Form, chain, start};
pub use register::{LogEvent, as_markdown};
pub use scrape::{are_metrics_kept, keep_metrics, metrics_as_text, sort_metrics};
pub use trace::{Failed, Span, TRACE_PARENT, TRACE_STATE, TraceContext};
