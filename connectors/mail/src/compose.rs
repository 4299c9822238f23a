//! A handover as a mail: headers, bodies, and the attachment. No I/O, and no clock but the one that it is given.

use chrono::{DateTime, Utc};
use chrono_tz::Europe::London;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Message, message};
use minijinja::Value;
use postroom_connector::{ConnectorError, Failure, Handover, Outgoing};
use postroom_format::{Encoding, Layout};

use crate::fields::Fields;
use crate::template::{Facts, Item, Part, Templates};

/// Longest id of a handover, in characters: it becomes part of a header.
const MAX_ID_CHARS: usize = 128;
/// Longest subject, in characters.
const MAX_SUBJECT_CHARS: usize = 250;
/// Longest name of an attachment, in characters.
const MAX_NAME_CHARS: usize = 100;

/// What makes mails of handovers.
#[derive(Debug, Clone)]
pub(crate) struct Composer {
    pub(crate) system: String,
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) reply_to: Option<Mailbox>,
    pub(crate) fields: Fields,
    pub(crate) templates: Templates,
    /// How the attachment is written, where the settings ask for one.
    pub(crate) attachment: Option<CsvFile>,
    /// Largest mail, in bytes as it is sent.
    pub(crate) max_bytes: usize,
}

/// The attachment as the settings want it.
#[derive(Debug, Clone)]
pub(crate) struct CsvFile {
    pub(crate) layout: Layout,
    pub(crate) encoding: Encoding,
}

/// A mail that can be sent.
#[derive(Debug)]
pub(crate) struct Mail {
    /// Its `Message-ID` without the brackets: the same however often the handover is mailed.
    pub(crate) id: String,
    pub(crate) envelope: Envelope,
    pub(crate) bytes: Vec<u8>,
}

impl Composer {
    /// The mail of `handover`.
    ///
    /// # Errors
    /// Where no mail can be made of it: it never can.
    pub(crate) fn compose(&self, handover: &Handover, now: DateTime<Utc>) -> Result<Mail, ConnectorError> {
        check_id(&handover.id)?;
        let facts = self.facts(handover, now).value();
        let subject = one_line(&self.templates.fill(Part::Subject, &facts)?);
        if subject.chars().count() > MAX_SUBJECT_CHARS {
            return refused(format!("the subject is longer than {MAX_SUBJECT_CHARS} characters"));
        }
        let id = format!("{}@{}", handover.id, self.from.email.domain());
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .date(now.into())
            .message_id(Some(format!("<{id}>")));
        builder = self.to.iter().cloned().fold(builder, message::MessageBuilder::to);
        builder = self.reply_to.iter().cloned().fold(builder, message::MessageBuilder::reply_to);
        let mut message = self.body(builder, handover, &facts)?;
        for (name, value) in own_headers(handover) {
            message.headers_mut().insert_raw(HeaderValue::new(name, value));
        }
        let bytes = message.formatted();
        if bytes.len() > self.max_bytes {
            return refused(format!("the mail is larger than {} bytes", self.max_bytes));
        }
        Ok(Mail { id, envelope: message.envelope().clone(), bytes })
    }

    fn facts<'a>(&'a self, handover: &'a Handover, now: DateTime<Utc>) -> Facts<'a> {
        let item = |item: &'a Outgoing| {
            Item::new(item.dispatch.to_string(), &item.event_type, self.fields.of(&item.message))
        };
        Facts {
            id: &handover.id,
            system: &self.system,
            date: now.with_timezone(&London).format("%Y-%m-%d").to_string(),
            items: handover.items.iter().map(item).collect(),
        }
    }

    fn body(
        &self,
        builder: message::MessageBuilder,
        handover: &Handover,
        facts: &Value,
    ) -> Result<Message, ConnectorError> {
        let text = self.templates.fill(Part::Text, facts)?;
        let html =
            self.templates.has(Part::Html).then(|| self.templates.fill(Part::Html, facts)).transpose()?;
        let file = self.attachment.as_ref().map(|file| self.attach(file, handover, facts)).transpose()?;
        let built = match (html, file) {
            (None, None) => builder.singlepart(SinglePart::plain(text)),
            (Some(html), None) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            (None, Some(file)) => {
                builder.multipart(MultiPart::mixed().singlepart(SinglePart::plain(text)).singlepart(file))
            }
            (Some(html), Some(file)) => {
                let both = MultiPart::alternative_plain_html(text, html);
                builder.multipart(MultiPart::mixed().multipart(both).singlepart(file))
            }
        };
        built.map_err(|error| ConnectorError::new(Failure::Permanent, "no mail can be made of it", error))
    }

    fn attach(
        &self,
        file: &CsvFile,
        handover: &Handover,
        facts: &Value,
    ) -> Result<SinglePart, ConnectorError> {
        let name = file_name(&self.templates.fill(Part::FileName, facts)?)?;
        let rows: Vec<_> = handover.items.iter().map(|item| self.fields.of_cells(&item.message)).collect();
        let mut bytes = Vec::new();
        file.layout.write(&rows, &mut bytes).map_err(|error| {
            ConnectorError::new(Failure::Permanent, "a message cannot be written in this form", error)
                .business()
        })?;
        let kind = ContentType::parse(&format!("text/csv; charset={}", file.encoding.name()));
        let kind = kind.map_err(|error| {
            ConnectorError::new(Failure::Permanent, "the attachment has no content type", error)
        })?;
        Ok(Attachment::new(name).body(bytes, kind))
    }
}

/// Headers that say what the mail is of, and that a program wrote it (RFC 3834): no absence note answers it.
fn own_headers(handover: &Handover) -> [(HeaderName, String); 2] {
    let is_single = matches!(handover.items.as_slice(), [one] if one.dispatch.to_string() == handover.id);
    let name = match is_single {
        true => HeaderName::new_from_ascii_str("X-Postroom-Dispatch"),
        false => HeaderName::new_from_ascii_str("X-Postroom-Batch"),
    };
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    [(name, handover.id.clone()), (automatic, "auto-generated".to_owned())]
}

fn refused<T>(words: String) -> Result<T, ConnectorError> {
    Err(ConnectorError::new(Failure::Permanent, words, ""))
}

/// An id becomes part of headers: letters, digits, `-`, `_` and `.`.
fn check_id(id: &str) -> Result<(), ConnectorError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !id.is_empty() && id.len() <= MAX_ID_CHARS && id.bytes().all(plain) {
        return Ok(());
    }
    refused("the id of the handover is not fit for a header".to_owned())
}

/// The words of `text` in one line: a value with a line end in it begins no header of its own.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A name without folders and without what a mail program may take amiss.
fn file_name(filled: &str) -> Result<String, ConnectorError> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = filled.trim().trim_start_matches('.').chars().map(plain).collect();
    if name.is_empty() || name.len() > MAX_NAME_CHARS {
        return refused(format!("the name of the attachment has 1 to {MAX_NAME_CHARS} characters"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_whatever_is_in_it() {
        for (text, line) in [
            ("a\r\nBcc: x@example.org\r\n\r\nbody", "a Bcc: x@example.org body"),
            ("a\n\tb\u{85}c\u{2028}d\0e\u{b}f", "a b c d e f"),
            ("  a  b ", "a b"),
            ("\r\n", ""),
        ] {
            assert_eq!(one_line(text), line);
        }
    }

    #[test]
    fn the_name_of_an_attachment_names_no_folder() {
        for (filled, name) in [
            ("../../etc/passwd", "_.._etc_passwd"),
            ("a b\r\n.csv", "a_b__.csv"),
            ("work-2026-07-01.csv\n", "work-2026-07-01.csv"),
        ] {
            assert_eq!(file_name(filled).expect("a name"), name);
        }
        for wrong in ["", "...", &"x".repeat(MAX_NAME_CHARS + 1)] {
            assert!(file_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_that_is_not_fit_for_a_header_is_refused() {
        for wrong in ["", "a\r\nBcc: b", "a b", "<a>", "a@b"] {
            assert!(check_id(wrong).is_err(), "{wrong}");
        }
        assert!(check_id("1aa20084-2530-5322-9d12-9fd5a2510b59").is_ok());
    }
}
