//! Mail as a target of messages: one mail for a message or for a batch, and every way in which SMTP can end told apart.
//!
//! [`MailSink`] writes a mail from templates and hands it to a mail server. Of a message a mail holds the fields that the
//! settings list, and nothing else: by default only how many messages there are, of which types, and their dispatch ids.
//! It does not know what a message means, and no error of its repeats an address or an answer of the server.

mod compose;
mod failure;
mod fields;
mod server;
mod session;
mod settings;
mod sink;
mod template;

pub use sink::MailSink;

/// The name of the kind in `system.toml`.
const NAME: &str = "mail";
