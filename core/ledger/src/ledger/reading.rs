//! What people and checks ask: sums, traces, dead letters, invalid events.

use postroom_event::{DispatchId, EventKey};

use super::Ledger;
use crate::LedgerError;
use crate::entry::Dispatch;
use crate::journey::Journey;
use crate::kept::{
    DeadFilter, DeadGroup, DeadRow, DeadShown, InvalidFilter, InvalidGroup, InvalidRow, InvalidShown,
};
use crate::sql::{dead, event, invalid, sums, taken, trace};
use crate::sums::Sums;
use crate::taken::{Made, Stage, Taken};

impl Ledger {
    /// The three sums, all of one moment.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn sums(&self) -> Result<Sums, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = sums::count(reader.conn()).await;
        reader.end(found).await
    }

    /// When the newest dispatch arrived at `target`, in microseconds since the epoch.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn last_success(&self, target: &str) -> Result<Option<i64>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = event::latest(reader.conn(), "delivered", target).await;
        reader.end(found).await
    }

    /// The journeys of what `text` names (event id, event key, dispatch id or subject), in order of time, at most 1,000.
    /// A dispatch that has no row of its own is found by going through all events.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn trace(&self, text: &str) -> Result<Vec<Journey>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = trace::trace(reader.conn(), text).await;
        reader.end(found).await
    }

    /// Dead letters, newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn dead_list(&self, filter: &DeadFilter, most: u32) -> Result<Vec<DeadRow>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = dead::list(reader.conn(), filter, most).await;
        reader.end(found).await
    }

    /// Dead letters by target and reason, the largest group first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn dead_groups(&self, filter: &DeadFilter) -> Result<Vec<DeadGroup>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = dead::groups(reader.conn(), filter).await;
        reader.end(found).await
    }

    /// The ids of dead letters, at most `most`, in the order in which they were given up; those of one subject in their
    /// own order, however often they were redriven.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn dead_in_order(
        &self,
        filter: &DeadFilter,
        most: u32,
    ) -> Result<Vec<DispatchId>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = dead::in_order(reader.conn(), filter, most).await;
        reader.end(found).await
    }

    /// Those of `keys` that were taken, in the order of recording.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn taken(&self, keys: &[EventKey]) -> Result<Vec<Taken>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = taken::by_key(reader.conn(), keys).await;
        reader.end(found).await
    }

    /// The first 2,000 events about `subjects` that were recorded after the event in `row`, in that order; none at
    /// the end.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn taken_after(&self, row: i64, subjects: &[&str]) -> Result<Vec<Taken>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = taken::after(reader.conn(), row, subjects).await;
        reader.end(found).await
    }

    /// The first event behind that of `dispatch`, of the same source and subject, of which a dispatch to the same target
    /// `counts`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn later(
        &self,
        dispatch: &Dispatch,
        counts: impl Fn(&Taken, &Made) -> bool,
    ) -> Result<Option<Taken>, LedgerError> {
        let Some(own) = self.taken(&[dispatch.event]).await?.into_iter().next() else { return Ok(None) };
        let is_past = |later: &Taken| {
            let mut to_target = later.dispatches.iter().filter(|made| made.target == *dispatch.target);
            later.source == own.source && to_target.any(|made| counts(later, made))
        };
        let mut row = own.row;
        loop {
            let page = self.taken_after(row, &[&own.subject]).await?;
            let Some(last) = page.last() else { return Ok(None) };
            row = last.row;
            if let Some(found) = page.into_iter().find(is_past) {
                return Ok(Some(found));
            }
        }
    }

    /// The event that went past `dispatch`: the first later one of the same source and subject whose dispatch to the same
    /// target is neither dead nor discarded. Its CloudEvents id.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn overtaken_by(&self, dispatch: &Dispatch) -> Result<Option<String>, LedgerError> {
        let goes_on = |_: &Taken, made: &Made| !matches!(made.stage, Stage::Dead | Stage::Discarded);
        Ok(self.later(dispatch, goes_on).await?.map(|later| later.id))
    }

    /// One dead letter, whole.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn dead_show(&self, dispatch: DispatchId) -> Result<Option<DeadShown>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = dead::show(reader.conn(), dispatch).await;
        reader.end(found).await
    }

    /// The dead letters that `job` redrove or discarded, in the order of their failing.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn dead_of_job(&self, job: i64) -> Result<Vec<DispatchId>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = dead::of_job(reader.conn(), job).await;
        reader.end(found).await
    }

    /// Invalid events of `system` (or of all), newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn invalid_list(
        &self,
        system: Option<&str>,
        most: u32,
    ) -> Result<Vec<InvalidRow>, LedgerError> {
        let filter = InvalidFilter { system: system.map(str::to_owned), ..InvalidFilter::default() };
        self.invalid_find(&filter, most).await
    }

    /// Invalid events, newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn invalid_find(
        &self,
        filter: &InvalidFilter,
        most: u32,
    ) -> Result<Vec<InvalidRow>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = invalid::list(reader.conn(), filter, most).await;
        reader.end(found).await
    }

    /// Invalid events by system and rule, the largest group first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn invalid_groups(&self, filter: &InvalidFilter) -> Result<Vec<InvalidGroup>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = invalid::groups(reader.conn(), filter).await;
        reader.end(found).await
    }

    /// The numbers of invalid events, oldest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn invalid_in_order(&self, filter: &InvalidFilter, most: u32) -> Result<Vec<i64>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = invalid::in_order(reader.conn(), filter, most).await;
        reader.end(found).await
    }

    /// One invalid event, whole.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn invalid_show(&self, id: i64) -> Result<Option<InvalidShown>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = invalid::show(reader.conn(), id).await;
        reader.end(found).await
    }
}
