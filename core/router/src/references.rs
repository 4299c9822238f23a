//! What lookups ask of the ledger, on its way between that and the decision, which is pure: what it asked is looked up, and it
//! decides again. What is to be noted is told in the same write as what it is a consequence of.

use std::collections::HashMap;
use std::sync::Arc;

use postroom_council::{Asks, Code, Council, Fill, FillId, Lookup, Route};
use postroom_event::{DispatchId, Event, Received, decode};
use postroom_ledger::{Entry, Ledger, LedgerError, Sent, Xref, XrefKey};
use postroom_transform::{Data, Part, Runner};
use serde_json::Value;

use crate::decide::Decider;
use crate::entries::now;
use crate::versions;
use crate::work::Work;

/// A question for the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asked {
    /// The id that a system has for a thing.
    Xref(XrefKey),
    /// What was sent.
    Sent {
        /// By which dispatch.
        dispatch: DispatchId,
        /// To which system.
        system: String,
        /// As which of its messages.
        message: String,
    },
}

impl Asked {
    /// What `lookup` asks with `code`, if that can be anything that the ledger knows.
    pub(crate) fn of(lookup: &Lookup, code: &str) -> Option<Self> {
        match &lookup.asks {
            Asks::List(_) => None,
            Asks::Xref { kind, system } => {
                let (kind, key, system) = (kind.clone(), code.to_owned(), system.clone());
                Some(Self::Xref(XrefKey { kind, key, system }))
            }
            Asks::Sent(sent) => {
                let (system, message) = (sent.system.clone(), sent.message.clone());
                Some(Self::Sent { dispatch: code.parse().ok()?, system, message })
            }
        }
    }

    /// The kind of thing, or the message, and the system.
    pub fn what(&self) -> (&str, &str) {
        match self {
            Self::Xref(XrefKey { kind, system, .. }) => (kind, system),
            Self::Sent { system, message, .. } => (message, system),
        }
    }
}

/// An answer of the ledger.
#[derive(Debug, Clone)]
pub enum Known {
    /// An id.
    Id(String),
    /// What was sent.
    Sent(Data),
}

/// What the ledger knows of what was asked; of what it does not know, that.
#[derive(Debug, Clone, Default)]
pub struct References(Arc<HashMap<Asked, Option<Known>>>);

impl References {
    /// What the ledger knows of `asked`.
    pub(crate) async fn known(ledger: &Ledger, asked: &[Asked]) -> Result<Self, LedgerError> {
        let (mut keys, mut dispatches) = (Vec::new(), Vec::new());
        for of in asked {
            match of {
                Asked::Xref(of) => keys.push(of.clone()),
                Asked::Sent { dispatch, .. } => dispatches.push(*dispatch),
            }
        }
        let mut known: HashMap<_, _> = asked.iter().map(|of| (of.clone(), None)).collect();
        if !keys.is_empty() {
            let xrefs = ledger.xrefs(&keys).await?.into_iter();
            known.extend(xrefs.map(|xref| (Asked::Xref(xref.of), Some(Known::Id(xref.id)))));
        }
        if !dispatches.is_empty() {
            let sent = ledger.sent(&dispatches, now()).await?.into_iter();
            known.extend(sent.filter_map(answered));
        }
        Ok(Self(Arc::new(known)))
    }

    /// The answer, or that there is none; nothing where that was not asked.
    pub(crate) fn says(&self, of: &Asked) -> Option<Option<&Known>> {
        self.0.get(of).map(Option::as_ref)
    }
}

fn answered(sent: Sent) -> Option<(Asked, Option<Known>)> {
    let content: Value = serde_json::from_slice(&sent.content).ok()?;
    let of = Asked::Sent { dispatch: sent.dispatch, system: sent.target, message: sent.message };
    Some((of, Some(Known::Sent(content.into()))))
}

impl FromIterator<(Asked, Option<Known>)> for References {
    fn from_iter<I: IntoIterator<Item = (Asked, Option<Known>)>>(known: I) -> Self {
        Self(Arc::new(known.into_iter().collect()))
    }
}

/// What `decide` comes to once the ledger was asked for all that it looks up there, in one question. It is called a second
/// time only if it asked for anything.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn resolved<T>(
    ledger: &Ledger,
    decider: &mut Decider,
    mut decide: impl FnMut(&mut Decider) -> T,
) -> Result<T, LedgerError> {
    let first = decide(decider);
    resolved_after(first, ledger, (decider, decide)).await
}

/// The same where it was called a first time already.
pub(crate) async fn resolved_after<T>(
    first: T,
    ledger: &Ledger,
    (decider, mut decide): (&mut Decider, impl FnMut(&mut Decider) -> T),
) -> Result<T, LedgerError> {
    let asked = decider.take_asked();
    if asked.is_empty() {
        return Ok(first);
    }
    decider.learn(References::known(ledger, &asked).await?);
    let second = decide(decider);
    // What is known may be another thing the next time, and what nobody knows was asked for twice.
    decider.forget();
    Ok(second)
}

/// A cross-reference that an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Of what.
    pub of: XrefKey,
    /// The id.
    pub id: String,
}

/// The cross-references that an event tells which takes `route`.
pub(crate) fn told(route: &Route, data: Part<'_>, subject: &str) -> Vec<Told> {
    let told = |fill: &Fill| {
        let FillId::Event { id, system } = &fill.id else { return None };
        let (Code::Text(key), Code::Text(id)) =
            (fill.key.code(data, Some(subject)), id.code(data, Some(subject)))
        else {
            return None;
        };
        Some(Told { of: XrefKey { kind: fill.kind.clone(), key, system: system.clone() }, id })
    };
    route.fills.iter().filter_map(told).collect()
}

/// The cross-reference that the ledger keeps, noted by `route` at `at`.
pub(crate) fn noted(told: &Told, route: &str, at: i64) -> Xref {
    Xref { of: told.of.clone(), id: told.id.clone(), at, noted_by: format!("route {route}") }
}

/// What is noted with the receipt of `work`.
pub(crate) fn of_receipt(council: &Council, work: &Work, at: i64) -> Vec<Entry> {
    let Some(route) = council.routes.iter().find(|route| route.name == work.dispatch.route) else {
        return Vec::new();
    };
    let xrefs = xrefs(council, route, work, at);
    let xrefs = (!xrefs.is_empty()).then_some(Entry::Xrefs(xrefs));
    xrefs.into_iter().chain(sent(route, work, at).map(Entry::Sent)).collect()
}

/// What `work` sent, where its route keeps that.
fn sent(route: &Route, work: &Work, at: i64) -> Option<Sent> {
    let age = i64::try_from(route.keep_sent?.as_micros()).unwrap_or(i64::MAX);
    let (dispatch, target) = (work.dispatch.id, work.dispatch.target.to_string());
    let content = work.message()?.bytes;
    Some(Sent { dispatch, target, message: route.message.clone(), content, until: at.saturating_add(age) })
}

/// The cross-references that the receipt of `work` tells.
fn xrefs(council: &Council, route: &Route, work: &Work, at: i64) -> Vec<Xref> {
    let (Some(reference), dispatch) = (work.reference(), &work.dispatch) else { return Vec::new() };
    let fills: Vec<&Fill> = route.fills.iter().filter(|fill| fill.id == FillId::Receipt).collect();
    if fills.is_empty() {
        return Vec::new();
    }
    let body = work.event.body.clone().into();
    let received = Received {
        content_type: work.event.content_type.as_deref(),
        headers: &work.event.headers,
        body: &body,
    };
    let Ok(event) = decode(&received, council.max_body) else { return Vec::new() };
    let event: Event<Data> = event;
    let read = versions::as_read(council, &mut Runner::default(), route, event);
    let Ok(event) = read else { return Vec::new() };
    let xref = |fill: &&Fill| {
        let Code::Text(key) = fill.key.code(event.data.part(), Some(&event.subject)) else { return None };
        let of = XrefKey { kind: fill.kind.clone(), key, system: dispatch.target.to_string() };
        Some(noted(&Told { of, id: reference.to_owned() }, &route.name, at))
    };
    fills.iter().filter_map(xref).collect()
}
