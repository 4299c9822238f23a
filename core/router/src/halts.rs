//! What keeps this hub from starting work: systems that people paused, a backup that was put back, a ledger that is slow or
//! cannot be written. Workers ask, and hear when it changes; it knows neither queues nor events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use postroom_broker::Backoff;
use postroom_ledger::{Ledger, LedgerError, Pause};
use postroom_telemetry as telemetry;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::entries::now;
use crate::session::pause;

/// How often the ledger is asked for pauses.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A write that takes longer makes the ledger slow: nothing is started that it could not record.
pub(crate) const SLOW_WRITE: Duration = Duration::from_secs(3);
/// A ledger that was slow or could not be written is well again when it was neither for so long.
const WELL: Duration = Duration::from_secs(5);

/// What halts the work of this hub. Clones share it.
#[derive(Debug, Clone)]
pub struct Halts {
    state: Arc<watch::Sender<State>>,
    ledger: Arc<Mutex<LedgerHealth>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    paused: BTreeMap<String, Pause>,
    restored: bool,
    slow: bool,
}

#[derive(Debug, Default)]
struct LedgerHealth {
    /// Writes under way that have taken too long already.
    slow_writes: usize,
    last_slow: Option<Instant>,
    /// When it first and last could not be used, since it was well.
    failed: Option<(Instant, Instant)>,
}

/// A write that takes too long, until it is dropped.
pub(crate) struct SlowWrite(Halts);

impl Default for Halts {
    /// Nothing is halted.
    fn default() -> Self {
        Self { state: Arc::new(watch::Sender::default()), ledger: Arc::default() }
    }
}

impl Halts {
    /// Whether something may be taken in from `system`, or handed to it where that takes batches.
    pub(crate) fn allows(&self, system: &str) -> bool {
        let state = self.state.borrow();
        !(state.restored || state.slow || state.paused.contains_key(system))
    }

    /// Whether people halt `system`: by a pause, or because nobody has accepted the backup that was put back.
    pub(crate) fn is_paused(&self, system: &str) -> bool {
        let state = self.state.borrow();
        state.restored || state.paused.contains_key(system)
    }

    /// Whether anything is halted.
    pub(crate) fn is_any(&self) -> bool {
        let state = self.state.borrow();
        state.restored || state.slow || !state.paused.is_empty()
    }

    /// Whether the ledger is a backup that nobody has accepted.
    pub(crate) fn is_ledger_restored(&self) -> bool {
        self.state.borrow().restored
    }

    /// Whether nothing may start because it could not be recorded.
    pub(crate) fn is_ledger_slow(&self) -> bool {
        self.state.borrow().slow
    }

    /// What tells of each change.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.state.subscribe())
    }

    /// Waits until `system` is halted.
    pub(crate) async fn halted(&self, system: &str) {
        let mut changes = self.changes();
        while self.allows(system) {
            changes.next().await;
        }
    }

    /// Waits until `system` is not halted; false when `stop` is cancelled.
    pub(crate) async fn until_allowed(&self, system: &str, stop: &CancellationToken) -> bool {
        let mut changes = self.changes();
        while !stop.is_cancelled() && !self.allows(system) {
            tokio::select! {
                () = stop.cancelled() => {}
                () = changes.next() => {}
            }
        }
        !stop.is_cancelled()
    }

    /// Notes that a write takes too long, until the answer is dropped.
    pub(crate) fn slow_write(&self) -> SlowWrite {
        self.health().slow_writes += 1;
        if !self.is_ledger_slow() {
            self.change(|state| state.slow = true);
            telemetry::ledger_slow(SLOW_WRITE.as_secs());
        }
        SlowWrite(self.clone())
    }

    /// Notes that the ledger could not be used; said once until it is well again.
    pub(crate) fn ledger_failed(&self, reason: &str) {
        let (mut health, now) = (self.health(), Instant::now());
        match &mut health.failed {
            Some((_, last)) => *last = now,
            none => {
                *none = Some((now, now));
                telemetry::ledger_failed(reason);
            }
        }
    }

    /// Waits until the ledger can be written, where it could not be; or until `stop` is cancelled.
    pub(crate) async fn until_writable(
        &self,
        ledger: &Ledger,
        waits: &mut Backoff,
        stop: &CancellationToken,
    ) {
        if self.health().failed.is_none() {
            return;
        }
        while !stop.is_cancelled() && ledger.probe().await.is_err() {
            pause(stop, waits.next_delay()).await;
        }
    }

    /// Looks for what changes, for ever.
    pub(crate) async fn watch(&self, ledger: &Ledger) -> Infallible {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // A ledger that cannot be read is told by those who need it.
            let _unread = self.look(ledger).await;
            self.recover(ledger).await;
        }
    }

    /// Looks into the ledger which systems are paused and whether it was put back, and says what changed.
    pub(crate) async fn look(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let found = ledger.pauses(now()).await?;
        let paused: BTreeMap<_, _> = found.into_iter().map(|pause| (pause.system.clone(), pause)).collect();
        let restored = ledger.is_restored().await?;
        let before = self.state.borrow().clone();
        for (system, pause) in &before.paused {
            if !paused.contains_key(system) {
                let word = ledger.newest_pause(system).await?;
                tell_over(pause, word.as_ref());
            }
        }
        for (system, pause) in &paused {
            if before.paused.get(system) != Some(pause) {
                telemetry::pause_begun(system, &said(pause.until), &pause.actor, &pause.reason);
            }
        }
        if restored && !before.restored {
            telemetry::ledger_restored();
        } else if before.restored && !restored {
            telemetry::ledger_accepted();
        }
        self.change(|state| (state.paused, state.restored) = (paused, restored));
        Ok(())
    }

    /// Says that the ledger is well again, when it is.
    async fn recover(&self, ledger: &Ledger) {
        let (slow, failed) = {
            let health = self.health();
            let slow = health.slow_writes > 0 || health.last_slow.is_some_and(|last| last.elapsed() < WELL);
            (slow, health.failed.filter(|(_, last)| last.elapsed() >= WELL))
        };
        // That nothing is written slowly is no proof where nothing is written.
        if !slow
            && self.is_ledger_slow()
            && matches!(tokio::time::timeout(SLOW_WRITE, ledger.probe()).await, Ok(Ok(())))
        {
            self.change(|state| state.slow = false);
            telemetry::ledger_quick();
        }
        if let Some((first, _)) = failed
            && ledger.probe().await.is_ok()
        {
            self.health().failed = None;
            telemetry::ledger_back(first.elapsed().as_secs());
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }

    fn health(&self) -> MutexGuard<'_, LedgerHealth> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of changes to what is halted.
pub(crate) struct Changes(watch::Receiver<State>);

impl Changes {
    /// Waits for the next change.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for SlowWrite {
    fn drop(&mut self) {
        let mut health = self.0.health();
        health.slow_writes -= 1;
        health.last_slow = Some(Instant::now());
    }
}

/// Who ended a pause and why: the word that resumed it, else its own time.
fn tell_over(pause: &Pause, word: Option<&Pause>) {
    match word.filter(|word| word.until == Some(word.since)) {
        Some(word) => telemetry::pause_over(&pause.system, &word.actor, &word.reason),
        None => telemetry::pause_over(&pause.system, &pause.actor, "its time is over"),
    }
}

/// An instant of the ledger, in words.
fn said(at: Option<i64>) -> String {
    at.and_then(DateTime::from_timestamp_micros).map_or_else(|| "resumed".to_owned(), |at| at.to_rfc3339())
}
