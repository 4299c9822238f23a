//! The outbox of receipts, how lanes stand, what systems showed, and forgetting what is old.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::Ledger;
use crate::LedgerError;
use crate::lane_state::LaneState;
use crate::outbox::Receipt;
use crate::peer::Peer;
use crate::sql::{lane_state, mark, outbox, peer, prune, sent};
use crate::waiting::Pruned;

impl Ledger {
    /// The source systems that want receipts; from now on the outcomes of their events go to the outbox. None at first.
    pub fn want_receipts(&self, systems: HashSet<String>) {
        self.shared.wanting.set(systems);
    }

    /// The oldest receipts to be published, at most `most`; they come again until [`crate::Entry::ReceiptsSent`] names
    /// them. One whose event is not recorded yet comes later.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn outbox(&self, most: u32) -> Result<Vec<Receipt>, LedgerError> {
        let wanting = self.shared.wanting.all();
        self.write(move |conn| Box::pin(async move { outbox::oldest(conn, &wanting, most).await })).await
    }

    /// Writes, and changes nothing: whether the ledger can be written now.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn probe(&self) -> Result<(), LedgerError> {
        self.write(|conn| Box::pin(mark::probe(conn))).await
    }

    /// Notes how a lane stands.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn note_lane(&self, lane: LaneState) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { lane_state::note(conn, &lane).await })).await
    }

    /// How the lanes stand, by target, as noted last.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn lane_states(&self) -> Result<Vec<LaneState>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = lane_state::list(reader.conn()).await;
        reader.end(found).await
    }

    /// Notes until when the certificate holds that a system showed.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn note_peer(&self, peer: Peer) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { peer::note(conn, &peer).await })).await
    }

    /// The certificates that systems showed last, by system and setting; of systems that are gone too.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn peers(&self) -> Result<Vec<Peer>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = peer::list(reader.conn()).await;
        reader.end(found).await
    }

    /// Forgets what was sent and is kept until `at` (microseconds since the epoch) at most.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn forget_sent(&self, at: i64) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { sent::forget_until(conn, at).await })).await
    }

    /// Forgets what ended before `before` (microseconds since the epoch), with all personal data in it, looking at about
    /// `most` events; their counts stay in the sums. It goes on where the last call ended, and begins anew at the end.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn prune(&self, before: i64, most: u32) -> Result<Pruned, LedgerError> {
        let after = self.shared.pruned_to.load(Ordering::Relaxed);
        let (pruned, next) = self
            .write(move |conn| Box::pin(async move { prune::step(conn, before, most, after).await }))
            .await?;
        self.shared.pruned_to.store(next.unwrap_or(0), Ordering::Relaxed);
        Ok(pruned)
    }
}
