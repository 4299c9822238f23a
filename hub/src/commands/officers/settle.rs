//! Giving up what was named by its ids, dead letters and invalid events alike.

use std::process::ExitCode;

use postroom_ledger::Ledger;

use super::{dead, invalid};
use crate::cli::{Consent, DeadDiscardArgs, Deciding, InvalidDiscardArgs, WhichDead, WhichInvalid};
use crate::failure::Failure;
use crate::place::Place;

/// Gives up dead letters and invalid events, each kind as its own command does.
pub(crate) async fn give_up(
    place: &Place,
    ledger: &Ledger,
    (letters, events): (Vec<String>, Vec<i64>),
    consent: &Consent,
) -> Result<ExitCode, Failure> {
    let deciding = || Deciding { code: None, consent: consent.clone() };
    if !letters.is_empty() {
        let args = DeadDiscardArgs { ids: letters, which: WhichDead::default(), deciding: deciding() };
        dead::discard(place, ledger, &args).await?;
    }
    if !events.is_empty() {
        let args = InvalidDiscardArgs { ids: events, which: WhichInvalid::default(), deciding: deciding() };
        invalid::discard(place, ledger, &args).await?;
    }
    Ok(ExitCode::SUCCESS)
}
