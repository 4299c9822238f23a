//! The model of an event: the CloudEvents 1.0 envelope, ids, subjects, and the one decoder.
//!
//! Everything that enters the hub becomes an [`Event`] here or is refused with a [`Refusal`]; nothing behind this
//! crate sees bytes that were not checked. It knows neither schemas nor brokers, and does no I/O.

mod concern;
mod decode;
mod encode;
mod envelope;
mod id;
mod record;
mod refusal;
mod strict;
mod tree;

pub use concern::Concern;
pub use decode::{Received, claimed_subject, decode};
pub use envelope::{CHANNELS, Event, SET_BY_HUB, check_extension, check_subject};
pub use id::{DispatchId, EventKey, record_id};
pub use record::{Fault, Reading, Record};
pub use refusal::{Refusal, Rule};
pub use strict::read_value;
pub use tree::Tree;

/// Content type of an event in structured mode (CloudEvents JSON format 1.0).
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The version of CloudEvents that is understood.
pub const SPEC_VERSION: &str = "1.0";
/// Largest body of an event, in bytes, unless the council sets another.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Deepest nesting of objects and lists in a body, in levels.
pub const MAX_DEPTH: usize = 64;
/// Longest id, source, type or subject, in bytes: what AMQP can carry as a property.
pub const MAX_ATTRIBUTE_BYTES: usize = 255;
/// Longest extension attribute, in bytes.
pub const MAX_EXTENSION_BYTES: usize = 1024;
/// Most extension attributes on one event.
pub const MAX_EXTENSIONS: usize = 32;
