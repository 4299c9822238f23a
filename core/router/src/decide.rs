//! The decision about one event, pure: what it is, which routes it takes, and what each target gets.

use std::sync::Arc;

use bytes::Bytes;
use postroom_broker::Delivery;
use postroom_council::{Council, Route, SourceSystem};
use postroom_event::{DispatchId, Event, Received, Refusal, Rule, decode};
use postroom_transform::{Data, Input, RunError};

pub use crate::head::Head;
use crate::head::{Envelope, Rest};
use crate::lookups::Unanswered;
use crate::mapper::Mapper;
use crate::outgoing::UNFILTERED_HEADER;
use crate::references::{Asked, References, Told, told};
use crate::table::{Candidate, Filtered};
use crate::{Table, traced};

/// Room for a message of the usual size, in bytes.
const MESSAGE_BYTES: usize = 1024;

/// What was decided about one event.
#[derive(Debug)]
pub struct Decision {
    /// Who and what, as far as it is known.
    pub head: Option<Head>,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl Decision {
    /// The same about an event whose last hop wrote these headers.
    fn last_hop(mut self, headers: &[(String, String)]) -> Self {
        if let (Some(head), Some(trace)) = (&mut self.head, traced::by_header(headers)) {
            head.trace = Some(trace);
        }
        self
    }
}

/// What becomes of an event.
#[derive(Debug)]
pub enum Verdict {
    /// At least one route matches.
    Routed(Vec<Dispatch>),
    /// The event is valid and no route wants it.
    NoRoute,
    /// It broke a rule.
    Invalid(Refusal),
}

impl Verdict {
    /// The word that metrics and traces have for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Routed(_) => "routed",
            Self::NoRoute => "no-route",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// One event through one route.
#[derive(Debug)]
pub struct Dispatch {
    /// The idempotency key.
    pub id: DispatchId,
    /// The route.
    pub route: Arc<str>,
    /// The target.
    pub target: Arc<str>,
    /// How it goes on.
    pub way: Way,
    /// The cross-references that the event tells by taking this route.
    pub told: Vec<Told>,
}

/// An event as some routes read it, or why it cannot be made what they read.
struct Reading<'t> {
    data: Result<Data, Unmappable>,
    candidates: Vec<Candidate<'t>>,
}

/// What a route makes of an event that it wants.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) route: Arc<str>,
    pub(crate) message: Result<Arc<Data>, Unmappable>,
}

/// How a dispatch goes on.
#[derive(Debug)]
pub enum Way {
    /// The message, for the queue that the target reads itself.
    Queue(Bytes),
    /// To the lane, where it is mapped at delivery.
    Lane,
    /// To the lane, which runs the route's `when` again first: it could not be run.
    Unfiltered(Unmappable),
    /// No message can be made for the queue that the target reads itself.
    Unsendable(Unmappable),
    /// Nowhere: what came later of its subject is with the target already.
    Skipped(Unmappable),
}

impl Way {
    /// Why nothing can be made for the target now.
    pub fn why_not(&self) -> Option<&Unmappable> {
        match self {
            Self::Queue(_) | Self::Lane => None,
            Self::Unfiltered(why) | Self::Unsendable(why) | Self::Skipped(why) => Some(why),
        }
    }
}

/// Why no message can be made of an event; no value of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {words}")]
pub struct Unmappable {
    /// `filter`, `mapping`, `message` or that of a lookup.
    pub code: &'static str,
    /// What an officer should read.
    pub words: String,
}

impl From<Refusal> for Unmappable {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.rule.code(), refusal.why())
    }
}

impl From<Unanswered> for Unmappable {
    fn from(unanswered: Unanswered) -> Self {
        Self::new(unanswered.code, unanswered.words)
    }
}

impl Unmappable {
    pub(crate) fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }

    pub(crate) fn run(code: &'static str, error: &RunError) -> Self {
        Self::new(code, error.to_string())
    }
}

/// Decides about events. One task owns it.
pub struct Decider {
    council: Arc<Council>,
    table: Arc<Table>,
    mapper: Mapper,
    hub_user: String,
}

impl Decider {
    /// A decider on `table`; `hub_user` is the broker user of the hub's own connectors.
    pub fn new(council: Arc<Council>, table: Arc<Table>, hub_user: String) -> Self {
        Self { council, table, mapper: Mapper::default(), hub_user }
    }

    /// What is known from now on of what lies in the ledger, and nothing else.
    pub fn learn(&mut self, known: References) {
        self.mapper.learn(known);
    }

    /// Nothing is known any longer of what lies in the ledger, and nothing is asked.
    pub(crate) fn forget(&mut self) {
        self.mapper.forget();
    }

    /// What was looked up in the ledger since this was asked last, and was not known.
    pub fn take_asked(&mut self) -> Vec<Asked> {
        self.mapper.take_asked()
    }

    /// Decides about one delivery from `ingress.<system>`.
    pub fn decide(&mut self, system: &str, delivery: &Delivery) -> Decision {
        if let Err(refusal) = self.check_properties(system, delivery) {
            return Decision { head: None, verdict: Verdict::Invalid(refusal) };
        }
        self.decide_kept(system, delivery)
    }

    /// Decides about a body that was kept, whose sender and properties were found right when it came.
    pub(crate) fn decide_kept(&mut self, system: &str, delivery: &Delivery) -> Decision {
        let received = Received {
            content_type: delivery.content_type.as_deref(),
            headers: &delivery.headers,
            body: &delivery.body,
        };
        match decode(&received, self.council.max_body) {
            Ok(event) => self.decide_event(system, event).last_hop(&delivery.headers),
            Err(refusal) => Decision { head: None, verdict: Verdict::Invalid(refusal) },
        }
    }

    /// Decides about a decoded event of `system`.
    pub fn decide_event(&mut self, system: &str, event: Event<Data>) -> Decision {
        let checked = self.check_event(system, &event);
        let (head, rest, data) = Head::split(event);
        let verdict = checked.map_or_else(Verdict::Invalid, |()| self.route(&head, &rest, data));
        Decision { head: Some(head), verdict }
    }

    /// The message of `route` for a decoded event: what delivery does for a lane.
    ///
    /// # Errors
    /// Why no message can be made.
    pub fn message(&mut self, route: &Route, event: Event<Data>) -> Result<Data, Unmappable> {
        self.message_of_kept((event, &[]), route)
    }

    /// The same for an event that was put into a lane, or kept, with these headers.
    pub(crate) fn message_of_kept(
        &mut self,
        (event, headers): (Event<Data>, &[(String, String)]),
        route: &Route,
    ) -> Result<Data, Unmappable> {
        let event = self.mapper.as_read(&self.council, route, event)?;
        let (head, rest, data) = Head::split(event);
        let envelope = Envelope(&head, &rest);
        let mut input = Input::new(data, &envelope);
        let is_unfiltered = headers.iter().any(|(name, _)| name == UNFILTERED_HEADER);
        if is_unfiltered && !self.holds(route, Filtered::NotYet, &mut input)? {
            return Err(Unmappable::new("filter", "the route's `when` is false for it now: discard it"));
        }
        self.mapper.map(route, &mut input, &head.subject)
    }

    /// The event of `system` in a delivery, where it breaks no rule.
    pub(crate) fn valid(&self, system: &str, delivery: &Delivery) -> Option<Event<Data>> {
        self.check_properties(system, delivery).ok()?;
        self.read(system, delivery).ok()
    }

    /// The event of `system` in a delivery, however it was sent.
    pub(crate) fn read(&self, system: &str, delivery: &Delivery) -> Result<Event<Data>, Refusal> {
        let headers = &delivery.headers;
        let content_type = delivery.content_type.as_deref();
        let received = Received { content_type, headers, body: &delivery.body };
        let event = decode(&received, self.council.max_body)?;
        self.check_event(system, &event)?;
        Ok(event)
    }

    /// What each route makes of a valid event that is `chosen` and wants it, whichever target it has: the message, or why
    /// there is none.
    pub(crate) fn messages(&mut self, event: Event<Data>, chosen: impl Fn(&Route) -> bool) -> Vec<Made> {
        let (head, rest, data) = Head::split(event);
        let (table, envelope) = (Arc::clone(&self.table), Envelope(&head, &rest));
        let mut mapped: Vec<(&Route, Result<Arc<Data>, Unmappable>)> = Vec::new();
        let mut made = Vec::new();
        for Reading { data, candidates } in self.readings(&table, &head, data) {
            let mut input = data.map(|data| Input::new(data, &envelope));
            for Candidate { route, filter } in candidates.into_iter().filter(|one| chosen(one.route)) {
                let message = match self.wanted(route, filter, &mut input) {
                    Ok(None) => continue,
                    Err(unmappable) => Err(unmappable),
                    Ok(Some(input)) => match mapped.iter().find(|(other, _)| other.makes_the_same(route)) {
                        Some((_, message)) => message.clone(),
                        None => {
                            let message = self.mapper.map(route, input, &head.subject).map(Arc::new);
                            mapped.push((route, message.clone()));
                            message
                        }
                    },
                };
                made.push(Made { route: Arc::clone(&route.name), message });
            }
        }
        made
    }

    /// Whether `route` wants an event.
    pub(crate) fn wants(&mut self, route: &Route, event: Event<Data>) -> Result<bool, Unmappable> {
        let (head, rest, data) = Head::split(self.mapper.as_read(&self.council, route, event)?);
        self.holds(route, Filtered::NotYet, &mut Input::new(data, &Envelope(&head, &rest)))
    }

    /// DESIGN 3.9: properties that lose, reorder or smuggle are refused, and the sender must be the system's own user.
    pub(crate) fn check_properties(&self, system: &str, delivery: &Delivery) -> Result<(), Refusal> {
        if let Some(property) = delivery.forbidden.first() {
            let words = format!("the AMQP property `{property}` is not allowed");
            return Err(Refusal::new(Rule::ForbiddenProperty, *property, words));
        }
        let system = self.council.systems.get(system);
        let queue = system.and_then(|system| system.source.as_ref()).is_some_and(SourceSystem::is_queue);
        let expected = if queue { system.and_then(|system| system.broker_user.as_deref()) } else { None };
        match delivery.user_id.as_deref() {
            None => Err(Refusal::new(Rule::Sender, "user-id", "the AMQP property `user_id` is required")),
            Some(user) if user == expected.unwrap_or(&self.hub_user) => Ok(()),
            Some(_) => {
                Err(Refusal::new(Rule::Sender, "user-id", "the sender is not the system's broker user"))
            }
        }
    }

    fn check_event(&self, system: &str, event: &Event<Data>) -> Result<(), Refusal> {
        let side = self.council.systems.get(system).and_then(|system| system.source.as_ref());
        if !side.is_some_and(|side| side.owns.contains(&event.source)) {
            let words = format!("the CloudEvents source is not one that `{system}` owns");
            return Err(Refusal::new(Rule::Source, "source", words));
        }
        check_data(&self.council, &event.event_type, &event.data)
    }

    fn route(&mut self, head: &Head, rest: &Rest, data: Data) -> Verdict {
        let (table, envelope) = (Arc::clone(&self.table), Envelope(head, rest));
        let (mut made, mut dispatches) = (Vec::new(), Vec::new());
        for Reading { data, candidates } in self.readings(&table, head, data) {
            let mut input = data.map(|data| Input::new(data, &envelope));
            for Candidate { route, filter } in candidates {
                let (way, told) = match self.wanted(route, filter, &mut input) {
                    Ok(Some(input)) => {
                        let told = told(route, input.data(), &head.subject);
                        (self.way(route, (input, &head.subject), &mut made), told)
                    }
                    Ok(None) => continue,
                    Err(unmappable) if self.council.is_queue_target(&route.to) => {
                        (Way::Unsendable(unmappable), Vec::new())
                    }
                    Err(unmappable) => (Way::Unfiltered(unmappable), Vec::new()),
                };
                let id = DispatchId::new(&head.source, &head.id, &route.name);
                let (route, target) = (Arc::clone(&route.name), Arc::clone(&route.to));
                dispatches.push(Dispatch { id, route, target, way, told });
            }
        }
        if dispatches.is_empty() { Verdict::NoRoute } else { Verdict::Routed(dispatches) }
    }

    /// An event as routes read it: as it was published, and as each other version of its type that a route wants.
    fn readings<'t>(&mut self, table: &'t Table, head: &Head, data: Data) -> Vec<Reading<'t>> {
        let mut others = Vec::new();
        for version in table.versions(&head.event_type) {
            let data = self.mapper.convert(&self.council, version.conversion, data.part().to_data());
            let candidates = match &data {
                Ok(data) => table.candidates_as(version, data),
                Err(_) => table.all_of(version),
            };
            others.push(Reading { data, candidates });
        }
        let candidates = table.candidates(&head.event_type, &data);
        let mut readings = vec![Reading { data: Ok(data), candidates }];
        readings.extend(others);
        readings
    }

    /// What `route` makes its message of, if it wants the event.
    fn wanted<'i, 'e>(
        &mut self,
        route: &Route,
        filter: Filtered,
        input: &'i mut Result<Input<'e>, Unmappable>,
    ) -> Result<Option<&'i mut Input<'e>>, Unmappable> {
        let input = input.as_mut().map_err(|unmappable| unmappable.clone())?;
        Ok(self.holds(route, filter, input)?.then_some(input))
    }

    /// Whether the route's `when` is true.
    fn holds(&mut self, route: &Route, filter: Filtered, input: &mut Input<'_>) -> Result<bool, Unmappable> {
        let (Some(when), Filtered::NotYet) = (&route.when, filter) else { return Ok(true) };
        let when = when
            .get()
            .map_err(|_| Unmappable::new("filter", "the filter does not compile: postroom check"))?;
        self.mapper.holds(when, input)
    }

    /// How an event goes through a route that wants it; `made` are the messages of the routes before.
    fn way<'r>(
        &mut self,
        route: &'r Route,
        (input, subject): (&mut Input<'_>, &str),
        made: &mut Vec<(&'r Route, Bytes)>,
    ) -> Way {
        if !self.council.is_queue_target(&route.to) {
            return Way::Lane;
        }
        if let Some((_, message)) = made.iter().find(|(other, _)| other.makes_the_same(route)) {
            return Way::Queue(message.clone());
        }
        match self.mapper.map(route, input, subject) {
            Ok(message) => {
                let message = Bytes::from(message.to_bytes(MESSAGE_BYTES));
                made.push((route, message.clone()));
                Way::Queue(message)
            }
            Err(unmappable) => Way::Unsendable(unmappable),
        }
    }
}

/// Checks data against the schema of its type.
///
/// # Errors
/// [`Rule::UnknownType`], or [`Rule::Schema`] at the first violation; its words have that one first, and the others with their places.
pub(crate) fn check_data(council: &Council, event_type: &str, data: &Data) -> Result<(), Refusal> {
    let Some(known) = council.vocabulary.get(event_type) else {
        return Err(Refusal::new(Rule::UnknownType, "type", "no schema is known for the event type"));
    };
    known.validator.validate(data).map_err(|mut violations| {
        // Whoever tells the words tells the place before them.
        let place =
            violations.first_mut().map(|first| std::mem::take(&mut first.pointer)).unwrap_or_default();
        Refusal::new(Rule::Schema, place, in_words(&violations))
    })
}

pub(crate) fn in_words(violations: &[postroom_schema::Violation]) -> String {
    let each = violations.iter().map(|violation| match violation.pointer.as_str() {
        "" => violation.words.clone(),
        pointer => format!("{pointer}: {}", violation.words),
    });
    each.collect::<Vec<_>>().join("; ")
}
