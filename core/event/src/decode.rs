//! The one decoder: AMQP content type, headers and body in, an [`Event`] or a [`Refusal`] out.
//!
//! Structured mode by content type `application/cloudevents+json`; binary mode by headers `cloudEvents:NAME` or
//! `cloudEvents_NAME` (AMQP protocol binding for CloudEvents 1.0), where the body is the data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use crate::envelope::{check_attribute, parse_time};
use crate::strict::{Envelope, read_envelope, read_tree, read_value, utf8};
use crate::{Event, MAX_EXTENSIONS, Refusal, Rule, SPEC_VERSION, STRUCTURED, Tree, check_extension};

/// Prefixes of a CloudEvents attribute among AMQP headers.
const HEADER_PREFIXES: [&str; 2] = ["cloudEvents:", "cloudEvents_"];

/// A message as it came from the broker, before anything is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The AMQP content type.
    pub content_type: Option<&'a str>,
    /// The AMQP headers as text, in their order.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a Bytes,
}

/// Decodes one message, its data into any [`Tree`]; `max_body` in bytes.
///
/// # Errors
/// The first rule that is broken, with its place.
pub fn decode<T: Tree>(received: &Received<'_>, max_body: usize) -> Result<Event<T>, Refusal> {
    if received.body.len() > max_body {
        let words = format!("the body has {} bytes, the limit is {max_body}", received.body.len());
        return Err(Refusal::new(Rule::TooLarge, "", words));
    }
    match media_type(received.content_type.unwrap_or_default()) {
        STRUCTURED => structured(received.body),
        other if is_binary(received.headers) => binary(other, received),
        _ => {
            let words = format!("expected `{STRUCTURED}`, or headers `cloudEvents:...` with JSON data");
            Err(Refusal::new(Rule::ContentType, "content-type", words))
        }
    }
}

/// The subject that a message claims by itself, whether it is an event or breaks a rule; none where that cannot be read.
pub fn claimed_subject(
    content_type: Option<&str>,
    headers: &[(String, String)],
    body: &[u8],
) -> Option<String> {
    match media_type(content_type.unwrap_or_default()) {
        STRUCTURED => read_value(body).ok()?.get("subject")?.as_str().map(str::to_owned),
        _ if is_binary(headers) => {
            let subject = headers.iter().find(|(name, _)| attribute_name(name) == Some("subject"));
            subject.map(|(_, text)| text.clone())
        }
        _ => None,
    }
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

fn attribute_name(header: &str) -> Option<&str> {
    HEADER_PREFIXES.iter().find_map(|prefix| header.strip_prefix(prefix))
}

fn is_binary(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, _)| attribute_name(name) == Some("specversion"))
}

/// Attributes by name.
type Attributes<'a> = BTreeMap<Cow<'a, str>, String>;

fn structured<T: Tree>(body: &Bytes) -> Result<Event<T>, Refusal> {
    let json = utf8(body)?;
    let Envelope { mut attributes, data } = read_envelope(&json)?;
    if attributes.remove("data_base64").is_some() {
        return Err(Refusal::new(Rule::NoData, "/data_base64", "data must be JSON, not base64"));
    }
    let attributes = attributes.into_iter().filter_map(attribute).collect::<Result<_, _>>()?;
    event(attributes, data)
}

/// An attribute as text; CloudEvents allows text, whole numbers and booleans.
fn attribute((name, value): (Cow<'_, str>, Value)) -> Option<Result<(Cow<'_, str>, String), Refusal>> {
    match value {
        Value::String(text) => Some(Ok((name, text))),
        Value::Bool(_) | Value::Number(_) => Some(Ok((name, value.to_string()))),
        Value::Null => None,
        Value::Array(_) | Value::Object(_) => {
            let words = "an attribute is text, a whole number or a boolean";
            Some(Err(Refusal::new(Rule::BadAttribute, name, words)))
        }
    }
}

fn binary<T: Tree>(media_type: &str, received: &Received<'_>) -> Result<Event<T>, Refusal> {
    if !is_json(media_type) {
        let words = "the data of an event in binary mode must be JSON";
        return Err(Refusal::new(Rule::ContentType, "content-type", words));
    }
    let mut attributes = Attributes::new();
    for (header, text) in received.headers {
        let Some(name) = attribute_name(header) else { continue };
        if attributes.insert(name.into(), text.clone()).is_some() {
            return Err(Refusal::new(Rule::DuplicateKey, name, "the same attribute stands twice"));
        }
    }
    event(attributes, Some(read_tree(&utf8(received.body)?)?))
}

fn event<T>(mut attributes: Attributes<'_>, data: Option<T>) -> Result<Event<T>, Refusal> {
    let mut required = |name: &str| {
        let text = attributes
            .remove(name)
            .ok_or_else(|| Refusal::new(Rule::MissingAttribute, name, format!("`{name}` is absent")))?;
        check_attribute(name, &text)?;
        Ok(text)
    };
    if required("specversion")? != SPEC_VERSION {
        return Err(Refusal::new(
            Rule::SpecVersion,
            "specversion",
            format!("only {SPEC_VERSION} is understood"),
        ));
    }
    let (id, source) = (required("id")?, required("source")?);
    let (event_type, subject) = (required("type")?, required("subject")?);
    let time = match attributes.remove("time") {
        None => None,
        Some(text) => Some(parse_time(&text).ok_or_else(|| {
            Refusal::new(Rule::BadAttribute, "time", "`time` is an RFC 3339 instant with its offset")
        })?),
    };
    check_content(&mut attributes)?;
    if attributes.len() > MAX_EXTENSIONS {
        let words = format!("more than {MAX_EXTENSIONS} extension attributes");
        return Err(Refusal::new(Rule::BadAttribute, "", words));
    }
    for (name, text) in &attributes {
        check_extension(name, text)?;
    }
    let extensions = attributes.into_iter().map(|(name, text)| (name.into_owned(), text)).collect();
    let data = data.ok_or_else(|| Refusal::new(Rule::NoData, "/data", "the event carries no data"))?;
    Ok(Event { id, source, event_type, subject, time, extensions, data })
}

/// The attributes about the data: JSON is the only form; `dataschema` says nothing that the type does not.
fn check_content(attributes: &mut Attributes<'_>) -> Result<(), Refusal> {
    attributes.remove("dataschema");
    match attributes.remove("datacontenttype") {
        Some(media) if !is_json(media_type(&media)) => {
            Err(Refusal::new(Rule::ContentType, "datacontenttype", "data must be JSON"))
        }
        _ => Ok(()),
    }
}
