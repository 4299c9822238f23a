//! Jobs on a lane: what officers decided on its dead letters, carried out by whoever works on it.

use std::sync::Arc;

use postroom_event::DispatchId;
use postroom_ledger::{DeadShown, Decision, Entry, HeldDispatch, Job, Ledger, LedgerError, Message, Reason};
use serde_json::{Value, json};

use crate::entries::now;
use crate::outgoing::SOURCE_HEADER;

/// The kind of job that sends dead letters again.
pub const REDRIVE: &str = "redrive";
/// The kind of job that gives dead letters up for good.
pub const DISCARD: &str = "discard";
/// Why a dispatch is held that was the dead head of its subject: it goes before the others of it.
pub(crate) const REDRIVEN_FIRST: &str = "redriven";
/// Why a dispatch is held whose subject went on without it: it goes behind the others of it (a declared skip).
pub(crate) const REDRIVEN_LATE: &str = "redriven-late";

/// What a job did to one dead letter.
pub(crate) enum Decided {
    /// It is given up.
    Discarded(DispatchId),
    /// It is held and tried at once.
    Redriven(Box<HeldDispatch>),
}

/// Carries out the oldest job of `target`, if there is one.
pub(crate) async fn next(ledger: &Ledger, target: &str) -> Result<Vec<Decided>, LedgerError> {
    let kinds = [REDRIVE.to_owned(), DISCARD.to_owned()];
    let Some(job) = ledger.next_job(&kinds, &[target.to_owned()], now()).await? else {
        return Ok(Vec::new());
    };
    let mut decided = Vec::new();
    for dispatch in dispatches(&job.params) {
        decided.extend(one(ledger, &job, dispatch).await?);
    }
    ledger.finish(job.id, json!({"decided": decided.len()}), now()).await?;
    Ok(decided)
}

fn dispatches(params: &Value) -> impl Iterator<Item = DispatchId> {
    let ids = params["dispatches"].as_array().into_iter().flatten();
    ids.filter_map(|id| id.as_str()?.parse().ok())
}

async fn one(ledger: &Ledger, job: &Job, dispatch: DispatchId) -> Result<Option<Decided>, LedgerError> {
    let at = now();
    let (actor, reason) = (job.actor.clone(), job.reason.clone());
    let decision = Decision { actor, reason, job: Some(job.id), at };
    if job.kind == DISCARD {
        let discarded = ledger.discard(&[dispatch], decision).await?;
        return Ok(discarded.first().copied().map(Decided::Discarded));
    }
    let Some(shown) = ledger.dead_show(dispatch).await?.filter(|shown| shown.state == "open") else {
        return Ok(None);
    };
    let Some(held) = held(shown, at) else { return Ok(None) };
    let redriven = Entry::Redriven { dispatches: vec![dispatch], decision };
    ledger.record(vec![redriven, Entry::Held(held.clone())]).await?;
    Ok(Some(Decided::Redriven(Box::new(held))))
}

/// The hold that a dead letter becomes; none where it does not tell its source.
fn held(shown: DeadShown, at: i64) -> Option<HeldDispatch> {
    let DeadShown { letter, blocks, sent, .. } = shown;
    let source = letter.event.headers.iter().find(|(name, _)| name == SOURCE_HEADER)?;
    let written = letter.message.as_ref().and_then(|message| serde_json::to_vec(message).ok());
    let message = sent.or_else(|| {
        written.map(|bytes| Message { bytes, content_type: Some("application/json".to_owned()) })
    });
    let code = if blocks { REDRIVEN_FIRST } else { REDRIVEN_LATE };
    Some(HeldDispatch {
        source: Arc::from(source.1.as_str()),
        dispatch: letter.dispatch,
        event: letter.event,
        message,
        reason: Reason {
            code: code.to_owned(),
            words: "an officer sends it again".to_owned(),
            detail: String::new(),
        },
        attempts: letter.attempts,
        waits: 0,
        next_at: None,
        at,
    })
}
