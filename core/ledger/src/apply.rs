//! Writing the entries of one transaction, kind by kind, in an order in which each finds what it builds on.

use crate::batch::batch_key;
use crate::db::Conn;
use crate::entry::Entry;
use crate::group::Group;
use crate::intern::Interned;
use crate::kept::Action;
use crate::outbox::{Outcome, Tell};
use crate::sent::Sent;
use crate::sql::outbox::Line;
use crate::sql::work_outbox::Fact;
use crate::sql::{
    Result, attempt, dead, decision, dispatch, event, held, import, invalid, journal_place, outbox, run,
    sent, snapshot_step, staged, work_outbox, xref,
};

/// What the writing needs.
pub(crate) struct Applied<'w> {
    pub(crate) conn: &'w mut Conn,
    pub(crate) interned: &'w mut Interned,
    pub(crate) tell: Tell,
}

/// Writes the group.
pub(crate) async fn all(to: Applied<'_>, group: &Group<'_>) -> Result<()> {
    let Applied { conn, interned, tell } = to;
    let tell = &tell;
    for entry in &group.first {
        apply_first(conn, interned, (*entry, tell)).await?;
    }
    let mut lines = Vec::new();
    if !group.events.is_empty() {
        event::append(conn, interned, &group.events).await?;
        if tell.receipts {
            lines.extend(group.events.iter().flat_map(|event| Line::decided(event)));
        }
    }
    for (system, count) in &group.duplicates {
        event::tally(conn, system, *count).await?;
    }
    if tell.receipts && !group.repeated.is_empty() {
        let keys: Vec<_> = group.repeated.iter().map(|(key, _)| *key).collect();
        // Of what was erased nothing is left that could be told.
        let erased = event::erased(conn, &keys).await?;
        let told = group.repeated.iter().filter(|(key, _)| !erased.contains(key));
        lines.extend(told.map(|(key, at)| Line::event(Outcome::Duplicate, *key, *at)));
    }
    event::note_latest(conn, &group.newest()).await?;
    if !group.delivered.is_empty() {
        let new = dispatch::deliver(conn, interned, &group.delivered).await?;
        // Of what ended before, or was erased, nothing more is kept.
        let is_new = |sent: &&&Sent| new.iter().any(|receipt| receipt.dispatch.id == sent.dispatch);
        let sent: Vec<_> = group.sent.iter().filter(is_new).copied().collect();
        sent::keep(conn, &sent).await?;
        lines.extend(new.iter().map(|receipt| {
            Line::of(Outcome::Delivered, &receipt.dispatch, receipt.at).reference(receipt.reference.as_ref())
        }));
    }
    if !group.staged.is_empty() {
        staged::stage(conn, interned, &group.staged).await?;
    }
    if !group.held.is_empty() {
        let new = held::hold(conn, interned, &group.held).await?;
        lines.extend(
            new.iter().map(|item| Line::of(Outcome::Held, &item.dispatch, item.at).code(&item.reason.code)),
        );
    }
    if !group.dead.is_empty() {
        let new = dead::bury(conn, interned, &group.dead).await?;
        lines.extend(new.iter().map(|letter| {
            Line::of(Outcome::Dead, &letter.dispatch, letter.failed_at).code(&letter.reason.code)
        }));
        work_outbox::dead(conn, new.iter().map(|letter| letter.dispatch.id), Fact::RAISED, tell).await?;
    }
    if tell.receipts {
        outbox::append(conn, &lines).await?;
    }
    xref::note(conn, group.xrefs.iter().copied()).await?;
    for entry in &group.rest {
        apply_one(conn, entry, tell).await?;
    }
    Ok(())
}

/// Entries that others of the same call build on.
async fn apply_first(conn: &mut Conn, interned: &mut Interned, (entry, tell): (&Entry, &Tell)) -> Result<()> {
    match entry {
        Entry::Redriven { dispatches, decision } => {
            decision::on_dead(conn, dispatches, (Action::Redriven, decision), tell).await.map(drop)
        }
        Entry::Discarded { dispatches, decision } => {
            decision::on_dead(conn, dispatches, (Action::Discarded, decision), tell).await.map(drop)
        }
        Entry::Again { dispatches, replay, at } => {
            dispatch::again(conn, interned, dispatches, (replay, *at)).await
        }
        _ => Ok(()),
    }
}

/// Entries that are few, one by one.
async fn apply_one(conn: &mut Conn, entry: &Entry, tell: &Tell) -> Result<()> {
    match entry {
        Entry::Invalid(event) => invalid::add(conn, event, tell).await,
        Entry::Understood { number, decision } => {
            decision::on_invalid(conn, &[*number], (Action::Redriven, decision), tell).await.map(drop)
        }
        Entry::StillInvalid { number, broken, decision } => {
            decision::still_invalid(conn, *number, (broken, decision), tell).await
        }
        Entry::BatchDelivered { id, reference, at } => {
            staged::deliver(conn, id, reference.as_deref(), (*at, tell)).await
        }
        Entry::BatchTried { id, attempt } => {
            attempt::add(conn, batch_key(id), std::slice::from_ref(attempt)).await
        }
        Entry::BatchRefused { id, reason, holding, at } => {
            staged::refuse(conn, id, (reason, holding), (*at, tell)).await
        }
        Entry::Blocks { dispatch, source } => {
            let behind = staged::last(conn).await?;
            dead::block(conn, *dispatch, source, behind).await
        }
        Entry::Retried { dispatch, attempts, waits, next_at, attempt } => {
            held::retried(conn, *dispatch, (*attempts, *waits), *next_at).await?;
            attempt::add(conn, *dispatch, std::slice::from_ref(attempt)).await
        }
        Entry::Entered(dispatches, at) => dispatch::enter(conn, dispatches, *at).await,
        Entry::Attempts { dispatch, attempts } => attempt::add(conn, *dispatch, attempts).await,
        Entry::ReceiptsSent(positions) => outbox::sent(conn, positions).await,
        Entry::WorkTold(positions) => work_outbox::told(conn, positions).await,
        Entry::Advanced(step) => import::advance(conn, step).await,
        Entry::ImportDone(key, at) => import::finish(conn, key, (*at, tell)).await,
        Entry::CursorMoved { system, cursor, at } => import::move_cursor(conn, system, cursor, *at).await,
        Entry::ImportRepeated(key, at) => import::repeat(conn, key, *at).await,
        Entry::ImportRefused(refused) => import::refuse(conn, refused, tell).await,
        Entry::Snapshot(of, step) => snapshot_step::take(conn, of, (step, tell)).await,
        Entry::JournalRead { system, place } => journal_place::note(conn, system, place).await,
        Entry::Trying(keys) => run::try_keys(conn, keys).await,
        Entry::Survived(keys) => run::survive(conn, keys).await,
        Entry::Untried(keys) => run::untry(conn, keys).await,
        // Written in bulk before.
        Entry::Event(_)
        | Entry::Duplicates { .. }
        | Entry::Repeated { .. }
        | Entry::Staged(_)
        | Entry::Held(_)
        | Entry::Delivered(_)
        | Entry::Sent(_)
        | Entry::Dead(_)
        | Entry::Redriven { .. }
        | Entry::Discarded { .. }
        | Entry::Again { .. }
        | Entry::Xrefs(_) => Ok(()),
    }
}
