//! What is published for a dispatch: to a queue the message, to a lane the event as it was received.

use bytes::Bytes;
use postroom_broker::{Delivery, Message, Names, Outgoing};

use crate::decide::{Dispatch, Head, Way};
use crate::traced::{self, TAKEN_HEADER};

/// Header: the route of a dispatch.
pub const ROUTE_HEADER: &str = "postroom-route";
/// Header: the CloudEvents type of the event behind a message.
pub const TYPE_HEADER: &str = "postroom-event-type";
/// Header: the CloudEvents source of the event behind a message.
pub const SOURCE_HEADER: &str = "postroom-event-source";
/// Header: what the event is about.
pub const SUBJECT_HEADER: &str = "postroom-subject";
/// Header: the replay that makes a dispatch once more; it is part of the dispatch's id.
pub const REPLAY_HEADER: &str = "postroom-replay";
/// Header: the route's `when` is run before the dispatch is mapped: nobody knows that it is true.
pub(crate) const UNFILTERED_HEADER: &str = "postroom-unfiltered";
/// How the names of the hub's own headers begin.
pub(crate) const OWN_HEADERS: &str = "postroom-";
/// What the hub calls itself in `app_id`.
pub const APP_ID: &str = "postroom";

/// What to publish for `dispatch`, if there is anything.
pub(crate) fn outgoing(
    names: &Names,
    delivery: &Delivery,
    head: &Head,
    dispatch: &Dispatch,
) -> Option<Outgoing> {
    let (queue, mut message) = match &dispatch.way {
        Way::Unsendable(_) | Way::Skipped(_) => return None,
        Way::Queue(body) => (names.to(&dispatch.target), message(body.clone(), head, dispatch)),
        Way::Lane | Way::Unfiltered(_) => {
            (names.lane(&dispatch.target), as_received(delivery, head, dispatch))
        }
    };
    message.message_id = Some(dispatch.id.to_string());
    message.correlation_id = Some(head.id.clone());
    message.app_id = Some(APP_ID.to_owned());
    Some(Outgoing { exchange: names.deliveries(), routing_key: queue, message })
}

fn message(body: Bytes, head: &Head, dispatch: &Dispatch) -> Message {
    Message {
        body,
        content_type: Some("application/json".to_owned()),
        message_type: Some(head.event_type.clone()),
        headers: told_of(head, dispatch).into_iter().chain(traced::headers(head.trace.as_ref())).collect(),
        ..Message::default()
    }
}

/// Headers that tell where a message comes from: event type, source, route and subject.
pub(crate) fn told([event_type, source, route, subject]: [&str; 4]) -> [(String, String); 4] {
    let header = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    [
        header(TYPE_HEADER, event_type),
        header(SOURCE_HEADER, source),
        header(ROUTE_HEADER, route),
        header(SUBJECT_HEADER, subject),
    ]
}

fn told_of(head: &Head, dispatch: &Dispatch) -> [(String, String); 4] {
    told([&head.event_type, &head.source, &dispatch.route, &head.subject])
}

/// Writes into the headers of an event when it was taken in, and where it stands in a trace now; what its sender put into
/// headers that are the hub's goes.
pub(crate) fn stamp(headers: &mut Vec<(String, String)>, head: &Head, taken_at: i64) {
    headers.retain(|(name, _)| !name.starts_with(OWN_HEADERS) && !traced::is_of_trace(name));
    headers.push((TAKEN_HEADER.to_owned(), taken_at.to_string()));
    headers.extend(traced::headers(head.trace.as_ref()));
}

/// The headers with which the event of a dispatch goes on, or is kept.
pub(crate) fn kept_headers(
    delivery: &Delivery,
    dispatch: &Dispatch,
) -> impl Iterator<Item = (String, String)> {
    delivery.headers.iter().cloned().chain(dispatch.way.why_not().map(|_| unfiltered()))
}

/// That the route's `when` is run before a dispatch is mapped.
pub(crate) fn unfiltered() -> (String, String) {
    (UNFILTERED_HEADER.to_owned(), "1".to_owned())
}

/// An event of the journal without what its sender put into headers that are the hub's.
pub(crate) fn cleaned(delivery: &Delivery) -> Delivery {
    let mut delivery = delivery.clone();
    delivery.headers.retain(|(name, _)| !name.starts_with(OWN_HEADERS));
    delivery
}

/// The event as it was received and stamped.
fn as_received(delivery: &Delivery, head: &Head, dispatch: &Dispatch) -> Message {
    let headers = kept_headers(delivery, dispatch).chain(told_of(head, dispatch)).collect();
    Message {
        body: delivery.body.clone(),
        content_type: delivery.content_type.clone(),
        headers,
        ..Message::default()
    }
}

#[cfg(test)]
mod tests {
    use postroom_event::EventKey;
    use postroom_telemetry::{TRACE_PARENT, TRACE_STATE, TraceContext};

    use super::*;

    const HOP: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_goes_on_says_once_where_it_stands_and_nothing_that_its_sender_wrote_for_the_hub() {
        let header = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let mut headers = vec![
            header("cloudEvents:traceparent", "its origin"),
            header(TRACE_PARENT, "its last hop"),
            header(TRACE_STATE, "its last hop"),
            header(TAKEN_HEADER, "1"),
            header("theirs", "stays"),
        ];
        let trace = TraceContext { parent: HOP.to_owned(), state: Some("vendor=1".to_owned()) };
        let head = Head {
            key: EventKey::new("/systems/shop", "1"),
            id: "1".to_owned(),
            source: "/systems/shop".to_owned(),
            event_type: "parcel.moved.v1".to_owned(),
            subject: "parcel:a".to_owned(),
            correlation: None,
            trace: Some(trace),
        };
        stamp(&mut headers, &head, 42);
        let expected = [
            header("cloudEvents:traceparent", "its origin"),
            header("theirs", "stays"),
            header(TAKEN_HEADER, "42"),
            header(TRACE_PARENT, HOP),
            header(TRACE_STATE, "vendor=1"),
        ];
        assert_eq!(headers, expected);
        assert_eq!((traced::taken_at(&headers), traced::by_header(&headers)), (Some(42), head.trace.clone()));
        stamp(&mut headers, &Head { trace: None, ..head }, 43);
        assert_eq!(headers, [expected[0].clone(), expected[1].clone(), header(TAKEN_HEADER, "43")]);
    }
}
