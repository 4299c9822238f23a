//! What a message carries of its distributed trace and of its time: read from what arrived, written to what goes on.
//!
//! The CloudEvents attribute `traceparent` tells where an event began and stays as it is; the AMQP header of that name
//! tells its last hop, and wins.

use std::collections::BTreeMap;

use postroom_connector::{ConnectorError, Failure, Outgoing, Receipt};
use postroom_telemetry::{Failed, Span, TRACE_PARENT, TRACE_STATE, TraceContext};

use crate::decide::Decision;

/// Header of a dispatch on a lane: when the hub took its event in, in microseconds since the epoch.
pub(crate) const TAKEN_HEADER: &str = "postroom-taken-at";

/// Where a sender says that its event stands, by an attribute of the event.
pub(crate) fn by_attribute(extensions: &BTreeMap<String, String>) -> Option<TraceContext> {
    let parent = extensions.get(TRACE_PARENT)?;
    TraceContext::read(parent, extensions.get(TRACE_STATE).map(String::as_str))
}

/// Where the last hop says that an event stands, by a header of its message.
pub(crate) fn by_header(headers: &[(String, String)]) -> Option<TraceContext> {
    TraceContext::read(header(headers, TRACE_PARENT)?, header(headers, TRACE_STATE))
}

/// The headers that say where an event stands, for its next hop.
pub(crate) fn headers(trace: Option<&TraceContext>) -> impl Iterator<Item = (String, String)> {
    let written = |name: &str, text: &String| (name.to_owned(), text.clone());
    let parent = trace.map(|trace| written(TRACE_PARENT, &trace.parent));
    parent.into_iter().chain(trace.and_then(|trace| Some(written(TRACE_STATE, trace.state.as_ref()?))))
}

/// Whether a header says where an event stands: each hop writes its own.
pub(crate) fn is_of_trace(name: &str) -> bool {
    name == TRACE_PARENT || name == TRACE_STATE
}

/// When the event of a dispatch was taken in, in microseconds since the epoch.
pub(crate) fn taken_at(headers: &[(String, String)]) -> Option<i64> {
    header(headers, TAKEN_HEADER)?.parse().ok()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(header, _)| header == name).map(|(_, text)| text.as_str())
}

/// Begins the span in which an event of `system` is taken in; what goes on, goes on from it.
pub(crate) fn take_in(system: &str, decision: &mut Decision) -> Span {
    let from = decision.head.as_ref().and_then(|head| head.trace.as_ref());
    let mut span = Span::take_in(system, from.map(|trace| trace.parent.as_str()));
    if let (Some(head), Some(parent)) = (&mut decision.head, span.parent()) {
        span.tell_event(head.key.0);
        let state = head.trace.take().and_then(|trace| trace.state);
        head.trace = Some(TraceContext { parent, state });
    }
    span
}

/// Begins the span in which a dispatch is handed to `target`, which is told where it stands in the trace.
pub(crate) fn deliver(target: &str, outgoing: &mut Outgoing) -> Span {
    let span = Span::deliver(target, outgoing.dispatch, outgoing.traceparent.as_deref());
    if let Some(parent) = span.parent() {
        outgoing.traceparent = Some(parent);
    }
    span
}

/// Ends the span of an attempt that went so.
pub(crate) fn end(mut span: Span, result: &Result<Receipt, ConnectorError>) {
    span.tell_outcome(outcome(result), if result.is_ok() { Failed::No } else { Failed::Yes });
}

/// How an attempt went, in the word that metrics and traces have for it.
pub(crate) fn outcome(result: &Result<Receipt, ConnectorError>) -> &'static str {
    match result.as_ref().map_err(|error| error.failure) {
        Ok(_) => "delivered",
        Err(Failure::Transient) => "transient",
        Err(Failure::Permanent) => "permanent",
        Err(Failure::Unknown) => "unknown",
        Err(Failure::Down) => "down",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOP: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_place_in_a_trace_that_is_malformed_is_none() {
        let by = |text: &str| {
            let pair = (TRACE_PARENT.to_owned(), text.to_owned());
            (by_header(std::slice::from_ref(&pair)), by_attribute(&BTreeMap::from([pair])))
        };
        let context = TraceContext { parent: HOP.to_owned(), state: None };
        assert_eq!(by(HOP), (Some(context.clone()), Some(context)));
        assert_eq!(by("Zebediah Canary"), (None, None));
        assert_eq!((by_header(&[]), by_attribute(&BTreeMap::new())), (None, None));
    }
}
