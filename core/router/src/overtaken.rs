//! What went past a dispatch: a later one of its source and subject that is nearer to the same target.

use postroom_event::EventKey;
use postroom_ledger::{Dispatch, Ledger, LedgerError, Taken};

/// The code of a dispatch that is left out because a later one of its subject has arrived: a declared skip.
pub const CODE: &str = "overtaken";

/// The later event that has arrived before `dispatch`, by its CloudEvents id: for what goes before all that waits.
pub(crate) async fn by(ledger: &Ledger, dispatch: &Dispatch) -> Result<Option<String>, LedgerError> {
    let later = ledger.later(dispatch, |_, made| made.stage.has_arrived()).await?;
    Ok(later.map(|later| later.id))
}

/// The later event that is at the target before `dispatch`, by its CloudEvents id: for what comes behind all that waits.
/// What `comes_behind` it again is none.
pub(crate) async fn by_appending(
    ledger: &Ledger,
    dispatch: &Dispatch,
    comes_behind: impl Fn(EventKey) -> bool,
) -> Result<Option<String>, LedgerError> {
    let later =
        ledger.later(dispatch, |later, made| made.stage.is_ahead() && !comes_behind(later.key)).await?;
    Ok(later.map(|later| later.id))
}

pub(crate) fn words(by: &str) -> String {
    format!("the later event `{by}` of its subject went before it; redriven, it would come after that one")
}

/// Whether an event is at `target`, or comes there before what is appended now.
pub(crate) fn is_at(event: &Taken, target: &str) -> bool {
    event.dispatches.iter().any(|made| made.target == target && made.stage.is_ahead())
}
