//! GOV.UK Notify as a target of messages: e-mails, texts and letters by template (API version 2).
//!
//! [`NotifySink`] chooses the channel that a message asks for, or the next by which it can go, sends it under the
//! dispatch id as its reference, and finds by that reference what an attempt left behind whose answer was lost. It does not
//! know what a template says, nor what becomes of a notification after Notify has taken it; that comes by its callbacks.

mod allowance;
mod channel;
mod judge;
mod notification;
mod settings;
mod sink;
mod token;

pub use sink::NotifySink;

/// The name of the kind in `system.toml`.
const NAME: &str = "notify";
