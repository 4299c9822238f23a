//! The envelope of an event: who and what it is, without its data, and as programs see it.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use postroom_event::{Event, EventKey};
use postroom_telemetry::TraceContext;
use postroom_transform::{Data, MetaValue, Metadata};

use crate::traced;

/// The envelope of an event, without its data.
#[derive(Debug, Clone)]
pub struct Head {
    /// The key under which the ledger knows it.
    pub key: EventKey,
    /// CloudEvents id.
    pub id: String,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents type.
    pub event_type: String,
    /// What it is about.
    pub subject: String,
    /// Extension `correlationid`.
    pub correlation: Option<String>,
    /// Where it stands in a distributed trace.
    pub trace: Option<TraceContext>,
}

/// What is left of an event's envelope beside its head.
pub(crate) struct Rest {
    time: Option<chrono::DateTime<chrono::FixedOffset>>,
    extensions: BTreeMap<String, String>,
}

impl Head {
    /// The head of an event, what else stands in its envelope, and its data.
    pub(crate) fn split(event: Event<Data>) -> (Self, Rest, Data) {
        let key = event.key();
        let Event { id, source, event_type, subject, time, extensions, data } = event;
        let correlation = extensions.get("correlationid").cloned();
        let trace = traced::by_attribute(&extensions);
        (Self { key, id, source, event_type, subject, correlation, trace }, Rest { time, extensions }, data)
    }

    /// The head of an event.
    pub fn of<T>(event: &Event<T>) -> Self {
        Self {
            key: event.key(),
            id: event.id.clone(),
            source: event.source.clone(),
            event_type: event.event_type.clone(),
            subject: event.subject.clone(),
            correlation: event.extensions.get("correlationid").cloned(),
            trace: traced::by_attribute(&event.extensions),
        }
    }
}

/// The envelope, as filters and mappings of routes see it under `%`.
pub(crate) struct Envelope<'a>(pub(crate) &'a Head, pub(crate) &'a Rest);

impl Metadata for Envelope<'_> {
    fn tell(&self, put: &mut dyn FnMut(&'static str, MetaValue<'_>)) {
        let Self(head, rest) = self;
        put("id", MetaValue::Text(&head.id));
        put("source", MetaValue::Text(&head.source));
        put("type", MetaValue::Text(&head.event_type));
        put("subject", MetaValue::Text(&head.subject));
        if let Some(time) = rest.time {
            put("time", MetaValue::Text(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
        }
        for name in ["effectivetime", "channel", "correlationid", "entityversion"] {
            if let Some(text) = rest.extensions.get(name) {
                put(name, MetaValue::Text(text));
            }
        }
    }
}
