//! What is published for a dispatch: to a queue the message, to a lane the event as it was received.

use bytes::Bytes;
use postroom_broker::{Delivery, Message, Names, Outgoing};

use crate::decide::{Dispatch, Head, Way};

/// Header: the route of a dispatch.
pub const ROUTE_HEADER: &str = "postroom-route";
/// Header: the CloudEvents type of the event behind a message.
pub const TYPE_HEADER: &str = "postroom-event-type";
/// Header: the CloudEvents source of the event behind a message.
pub const SOURCE_HEADER: &str = "postroom-event-source";
/// Header: what the event is about.
pub const SUBJECT_HEADER: &str = "postroom-subject";
/// How the names of the hub's own headers begin.
const OWN_HEADERS: &str = "postroom-";
/// What the hub calls itself in `app_id`.
pub const APP_ID: &str = "postroom";

/// What to publish for `dispatch`; `None` where it is dead.
pub(crate) fn outgoing(
    names: &Names,
    delivery: &Delivery,
    head: &Head,
    dispatch: &Dispatch,
) -> Option<Outgoing> {
    let (queue, mut message) = match &dispatch.way {
        Way::Dead(_) => return None,
        Way::Queue(body) => (names.to(&dispatch.target), message(body.clone(), head, dispatch)),
        Way::Lane => (names.lane(&dispatch.target), as_received(delivery, head, dispatch)),
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
        headers: told(head, dispatch).into(),
        ..Message::default()
    }
}

/// Headers that tell where a message comes from.
fn told(head: &Head, dispatch: &Dispatch) -> [(String, String); 4] {
    let header = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    [
        header(TYPE_HEADER, &head.event_type),
        header(SOURCE_HEADER, &head.source),
        header(ROUTE_HEADER, &dispatch.route),
        header(SUBJECT_HEADER, &head.subject),
    ]
}

/// The event as it was received, without what its sender may have put into headers that are the hub's.
fn as_received(delivery: &Delivery, head: &Head, dispatch: &Dispatch) -> Message {
    let theirs = delivery.headers.iter().filter(|(name, _)| !name.starts_with(OWN_HEADERS));
    let headers = theirs.cloned().chain(told(head, dispatch)).collect();
    Message {
        body: delivery.body.clone(),
        content_type: delivery.content_type.clone(),
        headers,
        ..Message::default()
    }
}
