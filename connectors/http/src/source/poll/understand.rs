//! What an answer holds: its records, how far they go, and where the next page is. Pure, and without a value in any error.

use std::io::Cursor;

use bytes::Bytes;
use chrono::Utc;
use postroom_connector::{ConnectorError, Failure};
use postroom_event::{Fault, Reading};
use postroom_format::{Format, ReadError, Xml};
use postroom_request::Url;
use serde_json::Value;

use super::rounds::{CursorFrom, Found, Pages};
use super::settings::{MAX_CURSOR_BYTES, PollSettings};
use crate::source::content::text_of;
use crate::source::with_key;

/// What a document breaks in which no element is a record: it is an empty page.
const NO_RECORDS: &str = "no-records";
/// The element by which SOAP says that something went wrong.
const SOAP_FAULT: &str = "Fault";
/// Longest address of a next page, in bytes.
const MAX_ADDRESS_BYTES: usize = 8 * 1024;

/// An answer, read.
#[derive(Debug)]
pub(super) struct Understood {
    /// The records, each with its key.
    pub(super) readings: Vec<Reading>,
    pub(super) found: Found,
}

/// What `body` holds, that came from `asked`; `link` is its header of that name.
pub(super) fn understand(
    settings: &PollSettings,
    asked: &Url,
    link: Option<&str>,
    body: &Bytes,
) -> Result<Understood, ConnectorError> {
    let readings = settings.records(body).map_err(|error| match error {
        ReadError::Refused(fault) => wrong(&fault.to_string()),
        ReadError::Io(error) => ConnectorError::new(Failure::Transient, "the answer cannot be read", error),
    })?;
    let at = |place: &str| text_at(&settings.format, place, body);
    let next = match &settings.rules.pages {
        Some(Pages::Next { at: place }) => at(place),
        Some(Pages::Link {}) => link.and_then(next_of).map(str::to_owned),
        Some(Pages::Number { .. } | Pages::Count { .. }) | None => None,
    };
    let next = next.map(|text| next_address(asked, &text)).transpose()?;
    let cursor = match settings.rules.cursor.as_ref().map(|rule| (&rule.from, rule.kind)) {
        None => None,
        Some((CursorFrom::Answer(place), _)) => at(place),
        Some((CursorFrom::Furthest(pointer), kind)) => {
            let values = readings.iter().filter_map(|reading| match reading {
                Reading::Record(record) => record.value.pointer(pointer).and_then(text_of),
                Reading::Refused(_) => None,
            });
            let now = Utc::now();
            let known = values.filter(|text| kind.is(text) && !kind.is_ahead(text, now));
            known.reduce(|best, next| if kind.is_further(&next, &best) { next } else { best })
        }
    };
    if cursor.as_ref().is_some_and(|cursor| cursor.len() > MAX_CURSOR_BYTES) {
        return Err(wrong(&format!("its cursor is longer than {MAX_CURSOR_BYTES} bytes")));
    }
    let found = Found { records: readings.len() as u64, next, cursor };
    let readings = readings.into_iter().map(|reading| with_key(&settings.content, reading)).collect();
    Ok(Understood { readings, found })
}

impl PollSettings {
    /// The records of an answer, without their keys; none where no element of XML is one.
    pub(in crate::source) fn records(&self, body: &Bytes) -> Result<Vec<Reading>, ReadError> {
        match self.content.read(body) {
            Err(ReadError::Refused(fault))
                if fault.rule == NO_RECORDS && matches!(self.format, Format::Xml(_)) =>
            {
                if is_soap_fault(&self.format, body) {
                    let words = "it holds a SOAP fault instead of records".to_owned();
                    return Err(ReadError::Refused(Fault { words, ..fault }));
                }
                Ok(Vec::new())
            }
            read => read,
        }
    }
}

fn is_soap_fault(format: &Format, body: &Bytes) -> bool {
    text_at(format, SOAP_FAULT, body).is_some()
}

/// The text at a pointer of JSON, or in the first element of that name in XML; an element without a text is empty.
fn text_at(format: &Format, place: &str, body: &Bytes) -> Option<String> {
    match format {
        Format::Json(_) => {
            let document: Value = serde_json::from_slice(body).ok()?;
            document.pointer(place).and_then(text_of)
        }
        Format::Xml(xml) => {
            let element = Xml { record: place.to_owned(), trailer: None, ..xml.clone() };
            let first = Format::Xml(element).read(Box::new(Cursor::new(body.clone()))).next()?.ok()?;
            let Reading::Record(record) = first else { return None };
            let text = text_of(&record.value).or_else(|| record.value.get("#text").and_then(text_of));
            text.or_else(|| (place == SOAP_FAULT).then(String::new))
        }
        _ => None,
    }
}

/// The target of `rel="next"` in a header `Link` (RFC 8288).
fn next_of(link: &str) -> Option<&str> {
    let mut rest = link;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, parameters) = behind.split_once('>')?;
        let begins_a_link = |at: &usize| parameters[at + 1..].trim_start().starts_with('<');
        let mut commas = parameters.match_indices(',').map(|(at, _)| at);
        let end = commas.find(begins_a_link).unwrap_or(parameters.len());
        let is_next = |parameter: &str| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|one| one.eq_ignore_ascii_case("next"))
        };
        if parameters[..end].split(';').any(is_next) {
            return Some(target);
        }
        rest = &parameters[end..];
    }
    None
}

/// The address of the next page: it stays with the system that was asked, for the credentials go there.
fn next_address(asked: &Url, text: &str) -> Result<Url, ConnectorError> {
    let next = asked.join(text).ok().filter(|_| text.len() <= MAX_ADDRESS_BYTES);
    let Some(next) = next else { return Err(wrong("the address of its next page is none")) };
    if next.origin() != asked.origin() || !next.username().is_empty() || next.password().is_some() {
        return Err(wrong("the address of its next page is not of the system that was asked"));
    }
    if next == *asked {
        return Err(wrong("its next page is itself"));
    }
    Ok(next)
}

fn wrong(detail: &str) -> ConnectorError {
    ConnectorError::new(Failure::Permanent, "the answer cannot be understood", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_other_links() {
        for (link, next) in [
            (r#"<https://a/2>; rel="next""#, Some("https://a/2")),
            (
                r#"<https://a/1>; rel="prev", <https://a/3,4>; title="x"; rel="last next""#,
                Some("https://a/3,4"),
            ),
            ("</c?p=2>;rel=next,</c?p=9>;rel=last", Some("/c?p=2")),
            ("<p1>; rel=prev, <p3>; rel=next,<p9>; rel=last", Some("p3")),
            ("<p1>; rel=prev,  \t<p3>; rel=next", Some("p3")),
            (r#"<https://a/1>; rel="nextish""#, None),
            ("nothing", None),
            ("", None),
        ] {
            assert_eq!(next_of(link), next, "{link}");
        }
    }

    #[test]
    fn the_next_page_stays_with_the_system() {
        let asked: Url = "https://till.example/c?since=1".parse().expect("an address");
        for (text, next) in [
            ("/c?page=2", Some("https://till.example/c?page=2")),
            ("?page=2", Some("https://till.example/c?page=2")),
            ("https://till.example:443/d", Some("https://till.example/d")),
            ("https://other.example/c", None),
            ("http://till.example/c", None),
            ("//other.example/c", None),
            ("https://u:p@till.example/c", None),
            ("https://till.example/c?since=1", None),
        ] {
            assert_eq!(next_address(&asked, text).ok().map(String::from).as_deref(), next, "{text}");
        }
    }
}
