//! Cross-references on their way between the ledger and the decision, which is pure: what it asked is looked up, and it
//! decides again; what is to be noted is told in the same write as what it is a consequence of.

use std::collections::HashMap;
use std::sync::Arc;

use postroom_council::{Code, Council, Fill, FillId, Route};
use postroom_event::{Event, Received, decode};
use postroom_ledger::{Ledger, LedgerError, Xref, XrefKey};
use postroom_transform::{Data, Part, Runner};

use crate::decide::Decider;
use crate::versions;
use crate::work::Work;

/// What the ledger knows of what was asked; of what it does not know, that.
#[derive(Debug, Clone, Default)]
pub struct References(Arc<HashMap<XrefKey, Option<String>>>);

impl References {
    /// What the ledger knows of `asked`.
    pub(crate) async fn known(ledger: &Ledger, asked: &[XrefKey]) -> Result<Self, LedgerError> {
        let known = ledger.xrefs(asked).await?.into_iter().map(|xref| (xref.of, Some(xref.id)));
        Ok(asked.iter().map(|of| (of.clone(), None)).chain(known).collect())
    }

    /// The id, or that none is known; nothing where that was not asked.
    pub(crate) fn id(&self, of: &XrefKey) -> Option<Option<&str>> {
        self.0.get(of).map(Option::as_deref)
    }
}

impl FromIterator<(XrefKey, Option<String>)> for References {
    fn from_iter<I: IntoIterator<Item = (XrefKey, Option<String>)>>(known: I) -> Self {
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

/// The cross-references that the receipt of `work` tells.
pub(crate) fn of_receipt(council: &Council, work: &Work, at: i64) -> Vec<Xref> {
    let (Some(reference), dispatch) = (work.reference(), &work.dispatch) else { return Vec::new() };
    let Some(route) = council.routes.iter().find(|route| route.name == dispatch.route) else {
        return Vec::new();
    };
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
