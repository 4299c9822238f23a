//! Holds, leases, and what waits.

use std::collections::HashSet;

use postroom_event::DispatchId;

use super::Ledger;
use crate::LedgerError;
use crate::hold::{BlockedSubject, HeldDispatch, HoldFilter, HoldListed, HoldRow, HoldSummaries};
use crate::lease::{Acquired, Fence, Lease};
use crate::sql::{dead, event, held, lease, unreceived};
use crate::waiting::WaitingPage;

/// Events beyond the last mark from which on it is worth a write.
const SETTLE_EVENTS: i64 = 10_000;

impl Ledger {
    /// Every hold of `target` without its bytes, in order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn holds(&self, target: &str) -> Result<Vec<HoldRow>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = held::rows(reader.conn(), target).await;
        reader.end(found).await
    }

    /// Holds whole, in their order; those that are not held are left out.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn held(&self, dispatches: &[DispatchId]) -> Result<Vec<HeldDispatch>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = held::whole(reader.conn(), dispatches).await;
        reader.end(found).await
    }

    /// Holds for people, in order, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn holds_list(&self, filter: &HoldFilter, most: u32) -> Result<Vec<HoldListed>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = held::list(reader.conn(), filter, most).await;
        reader.end(found).await
    }

    /// How much each target has in holds, and since when.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn hold_summaries(&self) -> Result<HoldSummaries, LedgerError> {
        let mut reader = self.reader().await?;
        let found = held::summaries(reader.conn()).await;
        reader.end(found).await
    }

    /// The subjects of `target` that wait behind an open dead letter.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn blocked(&self, target: &str) -> Result<Vec<BlockedSubject>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = dead::blocked(reader.conn(), target).await;
        reader.end(found).await
    }

    /// Takes the lease `name` for `owner`, unless another owner's is in force. Every taking has an epoch of its own, so that
    /// it fences the taking before, even one of the same owner. From then on [`Self::known`] names everything that was
    /// recorded under the lease before, also what a hub on the same file recorded since this one opened it.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn acquire(&self, name: &str, owner: &str) -> Result<Option<Acquired>, LedgerError> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let (taken, newest) = self
            .write(move |conn| {
                Box::pin(async move {
                    let taken = lease::acquire(conn, &name, &owner).await?;
                    let keeps_tail = taken.is_some() && conn.is_alone();
                    let newest = if keeps_tail { event::unindexed(conn).await? } else { HashSet::new() };
                    Ok((taken, newest))
                })
            })
            .await?;
        if let Some(tail) = &self.shared.tail {
            tail.add(newest);
        }
        Ok(taken)
    }

    /// Prolongs those of `fences` that nobody took meanwhile, and returns them.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn renew(&self, fences: &[Fence]) -> Result<Vec<Lease>, LedgerError> {
        let fences = fences.to_vec();
        self.write(move |conn| Box::pin(async move { lease::renew(conn, &fences).await })).await
    }

    /// Gives a lease back, so that the next owner need not wait.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn release(&self, fence: &Fence) -> Result<(), LedgerError> {
        let fence = fence.clone();
        self.write(move |conn| Box::pin(async move { lease::release(conn, &fence).await })).await
    }

    /// The leases in force, by name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn leases(&self) -> Result<Vec<Lease>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = lease::list(reader.conn()).await;
        reader.end(found).await
    }

    /// The dispatches to `target` that were handed to its lane and have neither ended nor been held, in the order of their
    /// recording, from `after` (0 at first, then [`WaitingPage::next`]), at most about `most` (those of some thousand events more).
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn unreceived(
        &self,
        target: &str,
        after: i64,
        most: usize,
    ) -> Result<WaitingPage, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = unreceived::page(reader.conn(), target, after, most).await;
        reader.end(found).await
    }

    /// When the event of the oldest dispatch that waits for `target` was taken, in microseconds since the epoch.
    ///
    /// # Errors
    /// When the ledger cannot be read, or what was found settled could not be noted.
    pub async fn oldest_waiting(&self, target: &str) -> Result<Option<i64>, LedgerError> {
        let page = self.unreceived(target, 0, 1).await?;
        let oldest = page.found.iter().map(|waiting| waiting.received_at).min();
        if page.clear_to - page.began_at > SETTLE_EVENTS {
            let target = target.to_owned();
            self.write(move |conn| Box::pin(async move { unreceived::settle(conn, &target, &page).await }))
                .await?;
        }
        Ok(oldest)
    }
}
