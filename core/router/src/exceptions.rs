//! How much is kept because a person must decide: what is an officer's work, and what an operator's.

use std::sync::Arc;

use postroom_event::Concern;
use postroom_ledger::{ByConcern, DeadFilter, InvalidFilter, Ledger, LedgerError};
use serde::Serialize;

use crate::codes::business_reasons;

/// What is open, by whose concern it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Exceptions {
    /// Items of the work list: dead letters, invalid events, and inputs with refused records.
    pub business: u64,
    /// Dead letters and invalid events of all other reasons.
    pub technical: u64,
}

impl Exceptions {
    /// Counts what is open in the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn look(ledger: &Ledger) -> Result<Self, LedgerError> {
        let business = business_reasons();
        let inputs = ledger.open_inputs(&business).await?;
        let of = |concern| ByConcern { concern, business: Arc::clone(&business) };
        Ok(Self {
            business: inputs + kept(ledger, of(Concern::Business)).await?,
            technical: kept(ledger, of(Concern::Technical)).await?,
        })
    }
}

/// Open dead letters and invalid events of one concern.
async fn kept(ledger: &Ledger, concern: ByConcern) -> Result<u64, LedgerError> {
    let (state, concern) = (Some("open".to_owned()), Some(concern));
    let dead = DeadFilter { state: state.clone(), concern: concern.clone(), ..DeadFilter::default() };
    let invalid = InvalidFilter { state, concern, ..InvalidFilter::default() };
    let (dead, invalid) = (ledger.dead_groups(&dead).await?, ledger.invalid_groups(&invalid).await?);
    let dead = dead.iter().map(|group| group.count);
    Ok(dead.chain(invalid.iter().map(|group| group.count)).sum())
}
