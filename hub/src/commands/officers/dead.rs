//! `postroom dead redrive|discard`: a preview, then jobs on a frozen set, one after the other for each lane or ingress.

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use postroom_event::DispatchId;
use postroom_ledger::{DeadFilter, DeadShown, Decision, Ledger};
use postroom_router::{DISCARD, LetterSet, OVERTAKEN, Outlook, REDRIVE, Rehearsal};
use serde_json::json;

use super::preview::{Preview, Words};
use super::{consent, jobs, which};
use crate::cli::{DeadDiscardArgs, DeadRedriveArgs, Deciding, WhichDead};
use crate::failure::{FOUND_WRONG, Failure, count};
use crate::output;
use crate::place::Place;

/// Most dead letters that one command decides on; the oldest, where more are meant.
const MOST_LETTERS: usize = 10_000;
/// Most dead letters of one job.
const LETTERS_A_JOB: usize = 1_000;
/// Given up in a second: nobody has to take them.
const DISCARDS_A_SECOND: u32 = 500;

const WORDS: Words = Words { thing: "dead letter", accepted: "be accepted by the target's schema" };

/// What is decided on, by the lease whose holder carries it out, in order.
type Frozen = BTreeMap<String, Vec<DispatchId>>;

pub(super) async fn redrive(
    place: &Place,
    ledger: &Ledger,
    args: &DeadRedriveArgs,
) -> Result<ExitCode, Failure> {
    let ids = chosen(place, ledger, (&args.ids, &args.which, &args.deciding)).await?;
    let mut rehearsal = Rehearsal::new(Arc::clone(&place.council));
    let (mut preview, mut frozen) = (Preview::default(), Frozen::new());
    for id in ids {
        let Some(shown) = ledger.dead_show(id).await? else { continue };
        rehearsal.look_up(ledger, &shown.letter).await?;
        let outlook = rehearsal.letter(&shown.letter);
        let lease = rehearsal.lease(&shown.letter).ok();
        if !args.stale && !matches!(outlook, Outlook::Barred(_)) && is_overtaken(ledger, &shown).await? {
            preview.add_overtaken();
            continue;
        }
        preview.add(&outlook);
        let goes = match outlook {
            Outlook::Accepted => true,
            Outlook::Refused(_) => args.sending.all,
            Outlook::Barred(_) => false,
        };
        if let Some(lease) = lease.filter(|_| goes) {
            frozen.entry(lease).or_default().push(id);
        }
    }
    preview.lines(&WORDS).iter().for_each(output::line);
    let number: usize = frozen.values().map(Vec::len).sum();
    if number == 0 {
        output::line("nothing to send again");
        return Ok(ExitCode::from(FOUND_WRONG));
    }
    let question = format!("send {} again, {} a second?", count(number, WORDS.thing), args.sending.rate);
    if !consent::given(&args.deciding.consent, &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    let set = LetterSet { dispatches: Vec::new(), rate: args.sending.rate, stale: args.stale };
    submit(ledger, (REDRIVE, &args.deciding), frozen, &set).await?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a later dispatch of its subject went past it; one that holds its subject up was overtaken by nothing.
async fn is_overtaken(ledger: &Ledger, shown: &DeadShown) -> Result<bool, Failure> {
    if shown.blocks {
        return Ok(false);
    }
    let letter = &shown.letter;
    Ok(letter.reason.code == OVERTAKEN || ledger.overtaken_by(&letter.dispatch).await?.is_some())
}

pub(super) async fn discard(
    place: &Place,
    ledger: &Ledger,
    args: &DeadDiscardArgs,
) -> Result<ExitCode, Failure> {
    let ids = chosen(place, ledger, (&args.ids, &args.which, &args.deciding)).await?;
    let rehearsal = Rehearsal::new(Arc::clone(&place.council));
    let (mut frozen, mut unserved, mut blocks) = (Frozen::new(), Vec::new(), 0);
    let mut targets: BTreeMap<String, usize> = BTreeMap::new();
    for id in &ids {
        let Some(shown) = ledger.dead_show(*id).await? else { continue };
        *targets.entry(shown.letter.dispatch.target.to_string()).or_default() += 1;
        blocks += usize::from(shown.blocks);
        match rehearsal.lease(&shown.letter) {
            Ok(lease) => frozen.entry(lease).or_default().push(*id),
            Err(_) => unserved.push(*id),
        }
    }
    let each: Vec<_> = targets.iter().map(|(target, number)| format!("{target} {number}")).collect();
    output::line(format!(
        "{} would be given up for good: {}",
        count(ids.len(), WORDS.thing),
        each.join(", ")
    ));
    if blocks > 0 {
        output::line(format!("  {blocks} hold their subjects up: what waits behind them goes on"));
    }
    let question = format!("give up {}?", count(ids.len(), WORDS.thing));
    if !consent::given(&args.deciding.consent, &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    discard_unserved(ledger, &args.deciding, &unserved).await?;
    let set = LetterSet { dispatches: Vec::new(), rate: DISCARDS_A_SECOND, stale: false };
    submit(ledger, (DISCARD, &args.deciding), frozen, &set).await?;
    Ok(ExitCode::SUCCESS)
}

/// What no lane or ingress serves any more is given up at once: nobody else knows of it.
async fn discard_unserved(
    ledger: &Ledger,
    deciding: &Deciding,
    unserved: &[DispatchId],
) -> Result<(), Failure> {
    if unserved.is_empty() {
        return Ok(());
    }
    let reason = deciding.consent.reason.clone().unwrap_or_default();
    let by = Decision { actor: output::actor(), reason, job: None, at: Utc::now().timestamp_micros() };
    let discarded = ledger.discard(unserved, by).await?;
    output::line(format!("discarded {} that no lane serves any more", count(discarded.len(), WORDS.thing)));
    Ok(())
}

/// The open dead letters that the officer means, at most [`MOST_LETTERS`], those of one subject in their order.
async fn chosen(
    place: &Place,
    ledger: &Ledger,
    (ids, which, deciding): (&[String], &WhichDead, &Deciding),
) -> Result<Vec<DispatchId>, Failure> {
    let filter = which::dead(place, ledger, which, (deciding.code.as_ref(), Some("open"))).await?;
    let everything = DeadFilter { state: filter.state.clone(), ..DeadFilter::default() };
    if ids.is_empty() && filter == everything {
        return Err(which::nothing_named());
    }
    let mut meant = ledger.dead_in_order(&filter, u32::MAX).await?;
    if !ids.is_empty() {
        let named = named(ledger, ids).await?;
        meant.retain(|id| named.contains(id));
    }
    if meant.is_empty() {
        return Err(Failure::Wrong("no open dead letter is meant by this".to_owned()));
    }
    if meant.len() > MOST_LETTERS {
        let all = count(meant.len(), WORDS.thing);
        output::line(format!(
            "{all} are meant; this decides on the oldest {MOST_LETTERS}: do it again for the rest"
        ));
        meant.truncate(MOST_LETTERS);
    }
    Ok(meant)
}

/// The ids as they were written; each must be an open dead letter.
async fn named(ledger: &Ledger, ids: &[String]) -> Result<HashSet<DispatchId>, Failure> {
    let mut named = HashSet::new();
    for id in ids {
        let dispatch =
            id.parse().map_err(|_| Failure::Wrong(format!("`{id}` is not the id of a dispatch")))?;
        let shown = ledger.dead_show(dispatch).await?;
        let shown = shown.ok_or_else(|| Failure::Wrong(format!("nothing is kept under `{id}`")))?;
        if shown.state != "open" {
            return Err(Failure::Wrong(format!("the dead letter `{id}` is {} already", shown.state)));
        }
        named.insert(dispatch);
    }
    Ok(named)
}

async fn submit(
    ledger: &Ledger,
    (kind, deciding): (&str, &Deciding),
    frozen: Frozen,
    set: &LetterSet,
) -> Result<(), Failure> {
    for (lease, dispatches) in frozen {
        for chunk in dispatches.chunks(LETTERS_A_JOB) {
            let params = json!(LetterSet { dispatches: chunk.to_vec(), ..set.clone() });
            let what = format!("{kind} {} by {lease}", count(chunk.len(), WORDS.thing));
            jobs::submit(ledger, (kind, &lease, &what), params, deciding).await?;
        }
    }
    Ok(())
}
