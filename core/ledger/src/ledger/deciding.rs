//! What people decide: dead letters, invalid events, jobs, pauses.

use postroom_event::DispatchId;
use serde_json::Value;

use super::Ledger;
use crate::LedgerError;
use crate::job::{Job, JobFilter, JobState, NewJob};
use crate::kept::{Action, Decision};
use crate::pause::Pause;
use crate::sql::{decision, job, pause};

impl Ledger {
    /// Discards those of `dispatches` that are open dead letters, and returns them in the order given.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn discard(
        &self,
        dispatches: &[DispatchId],
        by: Decision,
    ) -> Result<Vec<DispatchId>, LedgerError> {
        self.decide(dispatches, Action::Discarded, by).await
    }

    /// Marks those of `dispatches` that are open dead letters as redriven, and returns them in the order given. They wait
    /// from then on; to hold them in the same moment, record [`crate::Entry::Redriven`] with their holds instead.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn redrive(
        &self,
        dispatches: &[DispatchId],
        by: Decision,
    ) -> Result<Vec<DispatchId>, LedgerError> {
        self.decide(dispatches, Action::Redriven, by).await
    }

    async fn decide(
        &self,
        dispatches: &[DispatchId],
        action: Action,
        by: Decision,
    ) -> Result<Vec<DispatchId>, LedgerError> {
        let (dispatches, tell) = (dispatches.to_vec(), self.shared.wanting.tell());
        self.write(move |conn| {
            Box::pin(async move { decision::on_dead(conn, &dispatches, (action, &by), &tell).await })
        })
        .await
    }

    /// Discards those of `numbers` that are open invalid events, and returns them.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn discard_invalid(&self, numbers: &[i64], by: Decision) -> Result<Vec<i64>, LedgerError> {
        self.decide_invalid(numbers, Action::Discarded, by).await
    }

    /// Marks those of `numbers` that are open invalid events as redriven, and returns them.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn redrive_invalid(&self, numbers: &[i64], by: Decision) -> Result<Vec<i64>, LedgerError> {
        self.decide_invalid(numbers, Action::Redriven, by).await
    }

    async fn decide_invalid(
        &self,
        numbers: &[i64],
        action: Action,
        by: Decision,
    ) -> Result<Vec<i64>, LedgerError> {
        let (numbers, tell) = (numbers.to_vec(), self.shared.wanting.tell());
        self.write(move |conn| {
            Box::pin(async move { decision::on_invalid(conn, &numbers, (action, &by), &tell).await })
        })
        .await
    }

    /// Submits a job; its number.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn submit(&self, new: NewJob) -> Result<i64, LedgerError> {
        self.write(move |conn| Box::pin(async move { job::submit(conn, &new).await })).await
    }

    /// The oldest open job for one of `targets` and of one of `kinds` (of any kind where none is named); it is running then.
    /// A job whose executor was stopped is given out again: only the holder of the target's lease may ask.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn next_job(
        &self,
        kinds: &[String],
        targets: &[String],
        at: i64,
    ) -> Result<Option<Job>, LedgerError> {
        let (kinds, targets) = (kinds.to_vec(), targets.to_vec());
        self.write(move |conn| Box::pin(async move { job::next(conn, &kinds, &targets, at).await })).await
    }

    /// Notes that `done` of `total` steps are done; the job's state, by which its executor knows whether to go on.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn progress(
        &self,
        id: i64,
        done: u64,
        total: u64,
        at: i64,
    ) -> Result<Option<JobState>, LedgerError> {
        self.write(move |conn| Box::pin(async move { job::progress(conn, id, (done, total), at).await }))
            .await
    }

    /// Like [`Self::progress`], and notes what came of it so far: who goes on with it after a stop finds it there.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn advance(
        &self,
        id: i64,
        (done, total): (u64, u64),
        so_far: Value,
        at: i64,
    ) -> Result<Option<JobState>, LedgerError> {
        self.write(move |conn| {
            Box::pin(async move { job::advance(conn, id, (done, total, &so_far), at).await })
        })
        .await
    }

    /// Ends a job with its outcome; one that was to stop is cancelled.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn finish(&self, id: i64, outcome: Value, at: i64) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { job::finish(conn, id, &outcome, at).await })).await
    }

    /// Stops a job: one that nobody began never runs. Its state then; none where there is no such job.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn cancel(&self, id: i64, at: i64) -> Result<Option<JobState>, LedgerError> {
        self.write(move |conn| Box::pin(async move { job::cancel(conn, id, at).await })).await
    }

    /// Jobs, newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn jobs(&self, filter: &JobFilter, most: u32) -> Result<Vec<Job>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = job::list(reader.conn(), filter, most).await;
        reader.end(found).await
    }

    /// Pauses a system; the newest word on it counts.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn pause(&self, new: Pause) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { pause::set(conn, &new).await })).await
    }

    /// Ends the pause of `word.system` at `word.since`, and keeps who said so and why; whether there was one.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn resume(&self, word: Pause) -> Result<bool, LedgerError> {
        self.write(move |conn| Box::pin(async move { pause::end(conn, &word).await })).await
    }

    /// The newest word on a system: a pause in force or over, or the word that ended one, whose `until` is its `since`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn newest_pause(&self, system: &str) -> Result<Option<Pause>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = pause::newest(reader.conn(), system).await;
        reader.end(found).await
    }

    /// The pauses in force at `now`, by system.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn pauses(&self, now: i64) -> Result<Vec<Pause>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = pause::list(reader.conn(), now).await;
        reader.end(found).await
    }
}
