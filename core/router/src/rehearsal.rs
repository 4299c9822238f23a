//! What would become of what is kept if it were sent again now, with the configuration as it is: pure, offline, acting on
//! nothing. It does not know whether the target would take it, only whether its schema would.

use std::sync::Arc;

use postroom_broker::Delivery;
use postroom_council::{Council, Route, Target};
use postroom_event::{Event, Received, Rule, decode};
use postroom_ledger::{DeadLetter, InvalidShown, Ledger, LedgerError};
use postroom_transform::Data;

use crate::decide::{Decider, Unmappable, Verdict};
use crate::lease::{of_ingress, of_lane};
use crate::references::References;
use crate::table::Table;

/// What would become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// The target's schema, or for an event its own, would accept it.
    Accepted,
    /// It would fail again; it can be sent all the same.
    Refused(Unmappable),
    /// It cannot be sent again at all.
    Barred(Unmappable),
}

impl Outlook {
    /// Why it would not be accepted.
    pub(crate) fn why(self) -> Unmappable {
        match self {
            Self::Accepted => why("accepted", "it would be accepted"),
            Self::Refused(why) | Self::Barred(why) => why,
        }
    }
}

/// Rehearses. One task owns it.
pub struct Rehearsal {
    council: Arc<Council>,
    decider: Decider,
}

/// A dead letter made anew.
pub(crate) struct Remade {
    /// CloudEvents source of its event.
    pub(crate) source: String,
    pub(crate) message: Data,
}

impl Rehearsal {
    /// On the council as it was read.
    pub fn new(council: Arc<Council>) -> Self {
        let table = Arc::new(Table::new(Arc::clone(&council)));
        Self::on(council, table)
    }

    pub(crate) fn on(council: Arc<Council>, table: Arc<Table>) -> Self {
        Self { decider: Decider::new(Arc::clone(&council), table, String::new()), council }
    }

    /// Asks the ledger for what the route of a dead letter looks up there, for what is asked of the letter next.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn look_up(&mut self, ledger: &Ledger, letter: &DeadLetter) -> Result<(), LedgerError> {
        self.decider.forget();
        // It cannot be made yet: what it asks is all that is wanted.
        drop(self.remake(letter));
        let asked = self.decider.take_asked();
        if !asked.is_empty() {
            self.decider.learn(References::known(ledger, &asked).await?);
        }
        Ok(())
    }

    /// What would become of a dead letter.
    pub fn letter(&mut self, letter: &DeadLetter) -> Outlook {
        match self.lease(letter).and_then(|_| self.remake(letter)) {
            Ok(_) => Outlook::Accepted,
            Err(outlook) => outlook,
        }
    }

    /// The name of the lease whose holder can decide on a dead letter.
    ///
    /// # Errors
    /// Why nobody can: [`Outlook::Barred`].
    pub fn lease(&self, letter: &DeadLetter) -> Result<String, Outlook> {
        let target = &letter.dispatch.target;
        let Some(side) = self.target(target) else {
            let words = format!("the configuration has no target `{target}` any more");
            return Err(barred("no-such-target", words));
        };
        if !side.is_queue() {
            return Ok(of_lane(target));
        }
        let event = self.event(letter)?;
        let owner = self.council.owner_of(&event.source);
        let owner =
            owner.ok_or_else(|| barred("no-owner", "no system owns the CloudEvents source any more"))?;
        Ok(of_ingress(&owner.name))
    }

    /// What would become of an invalid event.
    pub fn invalid(&mut self, shown: &InvalidShown) -> Outlook {
        let delivery = match self.kept(shown) {
            Ok(delivery) => delivery,
            Err(why) => return Outlook::Barred(why),
        };
        match self.decider.decide_kept(&shown.summary.system, &delivery).verdict {
            Verdict::Invalid(refusal) => {
                Outlook::Refused(Unmappable { code: refusal.rule.code(), words: refusal.why() })
            }
            Verdict::Routed(_) | Verdict::NoRoute => Outlook::Accepted,
        }
    }

    /// An invalid event as it came, without the properties that were checked then.
    pub(crate) fn kept(&self, shown: &InvalidShown) -> Result<Delivery, Unmappable> {
        let summary = &shown.summary;
        let is = |rule: Rule| summary.code == rule.code();
        if is(Rule::Sender) || is(Rule::ForbiddenProperty) {
            let words = "who sent it, and how, cannot be mended here: its source publishes it again";
            return Err(why("by-its-sender", words));
        }
        if is(Rule::Poison) {
            return Err(poison());
        }
        if !self.council.sources().any(|(system, _)| system.name == summary.system) {
            let words = format!("the configuration has no source `{}`", summary.system);
            return Err(why("no-such-source", words));
        }
        let Some(body) = &shown.body.bytes else {
            return Err(why("not-kept", "it was larger than the limit, so only its hash is kept"));
        };
        Ok(Delivery {
            content_type: shown.content_type.clone(),
            headers: shown.headers.clone(),
            body: body.clone().into(),
            ..Delivery::default()
        })
    }

    /// The message of a dead letter, mapped now.
    pub(crate) fn remake(&mut self, letter: &DeadLetter) -> Result<Remade, Outlook> {
        let event = self.event(letter)?;
        let council = Arc::clone(&self.council);
        let route = route(&council, letter)?;
        let source = event.source.clone();
        let message =
            self.decider.message_of_kept((event, &letter.event.headers), route).map_err(Outlook::Refused)?;
        Ok(Remade { source, message })
    }

    /// The event of a dead letter, read again.
    pub(crate) fn event(&self, letter: &DeadLetter) -> Result<Event<Data>, Outlook> {
        if letter.reason.code == Rule::Poison.code() {
            return Err(Outlook::Barred(poison()));
        }
        let kept = &letter.event;
        if kept.body.is_empty() {
            return Err(barred("not-kept", "its event is not kept any more"));
        }
        let body = kept.body.clone().into();
        let received =
            Received { content_type: kept.content_type.as_deref(), headers: &kept.headers, body: &body };
        decode(&received, self.council.max_body)
            .map_err(|refusal| barred("unreadable", format!("its event cannot be read: {}", refusal.why())))
    }

    pub(crate) fn target(&self, system: &str) -> Option<&Target> {
        self.council.systems.get(system).and_then(|system| system.target.as_ref())
    }
}

fn route<'c>(council: &'c Council, letter: &DeadLetter) -> Result<&'c Route, Outlook> {
    let dispatch = &letter.dispatch;
    let mut routes = council.routes.iter();
    routes.find(|route| route.name == dispatch.route && route.to == dispatch.target).ok_or_else(|| {
        Outlook::Refused(why("no-such-route", "the route is not in the configuration any more"))
    })
}

fn poison() -> Unmappable {
    why(Rule::Poison.code(), "the hub stopped three times while it had it in hand; it can be discarded only")
}

fn barred(code: &'static str, words: impl Into<String>) -> Outlook {
    Outlook::Barred(why(code, words))
}

fn why(code: &'static str, words: impl Into<String>) -> Unmappable {
    Unmappable { code, words: words.into() }
}
