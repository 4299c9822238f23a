//! One dispatch of a replay, decided again and made ready: a publish to its lane, or what is held for the queue of its target.

use std::sync::Arc;

use postroom_broker::{Delivery, Entry as Found, Outgoing};
use postroom_event::DispatchId;
use postroom_ledger::{Dispatch, HeldDispatch, Message, Reason, Whole};

use super::Sent;
use crate::decide::{self, Decider, Head, Verdict, Way};
use crate::entries::{now, whole};
use crate::journal;
use crate::outgoing::{REPLAY_HEADER, cleaned, outgoing};
use crate::session::Session;

/// Why a dispatch is held that a replay sends: it goes behind what is held of its subject.
const REPLAYED: &str = "replayed";

/// One dispatch to be sent, and what the ledger is told of it.
pub(super) struct Prepared {
    pub(super) publish: Outgoing,
    pub(super) dispatch: Dispatch,
    /// What is held for a target that reads its own queue.
    pub(super) held: Option<Box<HeldDispatch>>,
}

impl Prepared {
    /// The dispatch of a send, as the configuration makes it now.
    pub(super) fn made(
        (session, decider): (&Session, &mut Decider),
        (found, send): (&Found, &Sent),
        replay: &str,
    ) -> Option<Self> {
        let (council, broker) = (&session.council, session.broker.as_ref());
        let system = journal::system_of(council, broker, &found.delivery)?;
        let delivery = cleaned(&found.delivery);
        let decision = decider.decide(system, &delivery);
        let (head, Verdict::Routed(dispatches)) = (decision.head?, decision.verdict) else { return None };
        let mut dispatch = dispatches.into_iter().find(|dispatch| *dispatch.route == *send.route)?;
        if send.again {
            dispatch.id = DispatchId::again(&head.source, &head.id, &dispatch.route, replay);
        }
        let mut publish = outgoing(broker.names(), &delivery, &head, &dispatch)?;
        let replay = send.again.then(|| (REPLAY_HEADER.to_owned(), replay.to_owned()));
        publish.message.headers.extend(replay.clone());
        let recorded = recorded(&head, &dispatch);
        let held = match &dispatch.way {
            Way::Queue(body) => Some(Box::new(HeldDispatch {
                dispatch: recorded.clone(),
                source: head.source.as_str().into(),
                event: kept(&delivery, replay),
                message: Some(Message {
                    bytes: body.to_vec(),
                    content_type: publish.message.content_type.clone(),
                }),
                reason: reason(),
                attempts: 0,
                waits: 0,
                next_at: None,
                at: now(),
            })),
            Way::Lane | Way::Unfiltered(_) | Way::Unsendable(_) | Way::Skipped(_) => None,
        };
        Some(Self { publish, dispatch: recorded, held })
    }
}

fn kept(delivery: &Delivery, replay: Option<(String, String)>) -> Whole {
    let mut whole = whole(delivery);
    whole.headers.extend(replay);
    whole
}

fn reason() -> Reason {
    let words = "a replay sends it".to_owned();
    Reason { code: REPLAYED.to_owned(), words, detail: String::new() }
}

/// The dispatch as the ledger knows it.
fn recorded(head: &Head, dispatch: &decide::Dispatch) -> Dispatch {
    Dispatch {
        id: dispatch.id,
        event: head.key,
        route: Arc::clone(&dispatch.route),
        target: Arc::clone(&dispatch.target),
        event_type: head.event_type.as_str().into(),
        subject: head.subject.clone(),
    }
}
