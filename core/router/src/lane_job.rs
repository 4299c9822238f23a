//! A dispatch that arrived on a lane: read again from its bytes, and mapped now, so that a corrected mapping applies.

use std::collections::HashSet;
use std::sync::Arc;

use postroom_broker::Delivery;
use postroom_connector::Outgoing;
use postroom_council::{Council, Lookup, Route};
use postroom_event::{DispatchId, EventKey, Received, decode};
use postroom_ledger::{Dispatch, HeldDispatch, Ledger, LedgerError, Whole};
use serde_json::Value;

use crate::decide::{Decider, Head, Unmappable};
use crate::lookups::UNKNOWN_REFERENCE;
use crate::outgoing::{REPLAY_HEADER, ROUTE_HEADER, SOURCE_HEADER, SUBJECT_HEADER, TYPE_HEADER};
use crate::references::References;
use crate::work::Work;
use crate::{Table, traced};

/// A dispatch in the hands of its lane.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: DispatchId,
    pub(crate) route: Arc<str>,
    pub(crate) target: Arc<str>,
    pub(crate) head: Head,
    pub(crate) delivery: Delivery,
}

/// The dispatch that the headers of a delivery from the lane of `target` tell; the body is not looked at.
pub(crate) fn told(target: &str, delivery: &Delivery) -> Option<Dispatch> {
    let header =
        |name: &str| delivery.headers.iter().find(|(header, _)| header == name).map(|(_, text)| text);
    let (source, route) = (header(SOURCE_HEADER)?, header(ROUTE_HEADER)?);
    let event_id = delivery.correlation_id.as_deref()?;
    Some(Dispatch {
        id: id(delivery, (source, event_id, route)),
        event: EventKey::new(source, event_id),
        route: route.as_str().into(),
        target: target.into(),
        event_type: header(TYPE_HEADER)?.as_str().into(),
        subject: header(SUBJECT_HEADER)?.clone(),
    })
}

/// A delivery from the lane of `target` that must not be read again.
pub(crate) fn unread(target: &str, delivery: Delivery, why: Unmappable) -> Arrived {
    let source = delivery.header(SOURCE_HEADER).map(str::to_owned);
    let (Some(dispatch), Some(source)) = (told(target, &delivery), source) else {
        return Arrived::Foreign(delivery, why);
    };
    let Dispatch { id, event: key, route, target, event_type, subject } = dispatch;
    let head = Head {
        key,
        id: delivery.correlation_id.clone().unwrap_or_default(),
        source,
        event_type: event_type.to_string(),
        subject,
        correlation: None,
        trace: None,
    };
    Arrived::Unmappable(Job { id, route, target, head, delivery }, why)
}

/// The id of the dispatch that `delivery` is: a replay under an id of its own says so.
fn id(delivery: &Delivery, (source, event, route): (&str, &str, &str)) -> DispatchId {
    match delivery.header(REPLAY_HEADER) {
        Some(replay) => DispatchId::again(source, event, route, replay),
        None => DispatchId::new(source, event, route),
    }
}

/// What a delivery from a lane turned out to be.
pub(crate) enum Arrived {
    /// A dispatch with its message.
    Mapped(Job, Outgoing),
    /// A dispatch of which no message can be made.
    Unmappable(Job, Unmappable),
    /// Nothing that this hub put there.
    Foreign(Delivery, Unmappable),
}

impl Arrived {
    pub(crate) fn id(&self) -> Option<DispatchId> {
        match self {
            Self::Mapped(job, _) | Self::Unmappable(job, _) => Some(job.id),
            Self::Foreign(..) => None,
        }
    }

    pub(crate) fn tag(&self) -> u64 {
        match self {
            Self::Mapped(Job { delivery, .. }, _)
            | Self::Unmappable(Job { delivery, .. }, _)
            | Self::Foreign(delivery, _) => delivery.tag,
        }
    }
}

/// Reads dispatches of one lane. One task owns it.
pub(crate) struct Reader {
    council: Arc<Council>,
    decider: Decider,
    target: Arc<str>,
    /// The routes of this lane that look something up in the ledger.
    asking: HashSet<String>,
}

impl Reader {
    pub(crate) fn new(council: &Arc<Council>, table: &Arc<Table>, target: &str) -> Self {
        let decider = Decider::new(Arc::clone(council), Arc::clone(table), String::new());
        let asks = |route: &&Route| {
            let of_ledger = |lookup: &Lookup| lookup.asks.is_of_ledger();
            *route.to == *target && route.lookups.iter().any(of_ledger)
        };
        let asking = council.routes.iter().filter(asks).map(|route| route.name.to_string()).collect();
        Self { council: Arc::clone(council), decider, target: target.into(), asking }
    }

    /// Reads deliveries, with what their routes look up in the ledger.
    pub(crate) async fn read_all(
        &mut self,
        ledger: &Ledger,
        deliveries: Vec<Delivery>,
    ) -> Result<Vec<Arrived>, LedgerError> {
        let arrived: Vec<_> = deliveries.into_iter().map(|delivery| self.read(delivery)).collect();
        if !self.ask(ledger).await? {
            return Ok(arrived);
        }
        let again = |arrived| match arrived {
            Arrived::Unmappable(job, why) if why.code == UNKNOWN_REFERENCE => self.read(job.delivery),
            arrived => arrived,
        };
        let arrived = arrived.into_iter().map(again).collect();
        self.decider.forget();
        Ok(arrived)
    }

    /// Whether the message of `work`, which was never sent, holds what the ledger knows.
    pub(crate) fn asks(&self, work: &Work) -> bool {
        let is_open = work.outgoing.as_ref().map_or_else(|why| why.code == UNKNOWN_REFERENCE, |_| true);
        work.attempts == 0 && is_open && self.asking.contains(&*work.dispatch.route)
    }

    /// Makes the messages of `works` by what the ledger knows now.
    pub(crate) async fn look_up(
        &mut self,
        ledger: &Ledger,
        mut works: Vec<&mut Work>,
    ) -> Result<(), LedgerError> {
        self.ask_later();
        for work in &works {
            // What it comes to is not wanted yet, only what it asks for.
            let _ = self.map_again(&work.event, &work.dispatch.route);
        }
        self.ask(ledger).await?;
        for work in &mut works {
            let made = self.map_again(&work.event, &work.dispatch.route);
            work.outgoing = made.map(|outgoing| Outgoing { dispatch: work.dispatch.id, ..outgoing });
        }
        self.decider.forget();
        Ok(())
    }

    /// Lets go of what was asked: whose turn comes asks again.
    pub(crate) fn ask_later(&mut self) {
        self.decider.take_asked();
    }

    /// Asks the ledger for what was looked up; whether anything was.
    async fn ask(&mut self, ledger: &Ledger) -> Result<bool, LedgerError> {
        let asked = self.decider.take_asked();
        if !asked.is_empty() {
            self.decider.learn(References::known(ledger, &asked).await?);
        }
        Ok(!asked.is_empty())
    }

    /// The message of an event that the ledger kept.
    pub(crate) fn map_again(&mut self, event: &Whole, route: &str) -> Result<Outgoing, Unmappable> {
        let mut headers = event.headers.clone();
        headers.push((ROUTE_HEADER.to_owned(), route.to_owned()));
        let (content_type, body) = (event.content_type.clone(), event.body.clone().into());
        match self.read(Delivery { content_type, headers, body, ..Delivery::default() }) {
            Arrived::Mapped(_, outgoing) => Ok(outgoing),
            Arrived::Unmappable(_, unmappable) | Arrived::Foreign(_, unmappable) => Err(unmappable),
        }
    }

    /// A dispatch from the holds: the message that was made is sent again as it was; one that was never made is made now, by what
    /// the ledger knows.
    pub(crate) async fn held(&mut self, ledger: &Ledger, held: HeldDispatch) -> Result<Work, LedgerError> {
        let HeldDispatch { dispatch, source, event, message, attempts, .. } = held;
        let stored =
            message.as_ref().and_then(|message| serde_json::from_slice::<Value>(&message.bytes).ok());
        let outgoing = match stored {
            Some(message) => Ok(Outgoing {
                dispatch: dispatch.id,
                event_type: dispatch.event_type.to_string(),
                subject: dispatch.subject.clone(),
                message: Arc::new(message),
                traceparent: traced::by_header(&event.headers).map(|trace| trace.parent),
            }),
            None => self.map_held(ledger, (&event, &dispatch)).await?,
        };
        Ok(Work::new(dispatch, source, event, outgoing).after(attempts).stored(message))
    }

    async fn map_held(
        &mut self,
        ledger: &Ledger,
        (event, dispatch): (&Whole, &Dispatch),
    ) -> Result<Result<Outgoing, Unmappable>, LedgerError> {
        self.ask_later();
        let mut made = self.map_again(event, &dispatch.route);
        if self.ask(ledger).await? {
            made = self.map_again(event, &dispatch.route);
            self.decider.forget();
        }
        Ok(made.map(|outgoing| Outgoing { dispatch: dispatch.id, ..outgoing }))
    }

    /// Whose lane it is.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn read(&mut self, delivery: Delivery) -> Arrived {
        let foreign = |words: &str| Unmappable { code: "foreign", words: words.to_owned() };
        let Some(name) = delivery.headers.iter().find(|(name, _)| name == ROUTE_HEADER).map(|(_, text)| text)
        else {
            return Arrived::Foreign(delivery, foreign("the message on the lane names no route"));
        };
        let name: Arc<str> = name.as_str().into();
        let received = Received {
            content_type: delivery.content_type.as_deref(),
            headers: &delivery.headers,
            body: &delivery.body,
        };
        let Ok(event) = decode(&received, self.council.max_body) else {
            return Arrived::Foreign(delivery, foreign("the message on the lane is not an event"));
        };
        let mut head = Head::of(&event);
        head.trace = traced::by_header(&delivery.headers).or(head.trace);
        let job = Job {
            id: id(&delivery, (&event.source, &event.id, &name)),
            head,
            target: Arc::clone(&self.target),
            route: Arc::clone(&name),
            delivery,
        };
        let route = self.council.routes.iter().find(|route| route.name == name && route.to == self.target);
        let headers = &job.delivery.headers;
        match route.map(|route| self.decider.message_of_kept((event, headers), route)) {
            Some(Ok(message)) => {
                let (event_type, subject) = (job.head.event_type.clone(), job.head.subject.clone());
                let message = Arc::new(message.into());
                let traceparent = job.head.trace.as_ref().map(|trace| trace.parent.clone());
                let outgoing = Outgoing { dispatch: job.id, event_type, subject, message, traceparent };
                Arrived::Mapped(job, outgoing)
            }
            Some(Err(unmappable)) => Arrived::Unmappable(job, unmappable),
            None => {
                let words = "the route is not in the configuration any more".to_owned();
                Arrived::Unmappable(job, Unmappable { code: "no-such-route", words })
            }
        }
    }
}
