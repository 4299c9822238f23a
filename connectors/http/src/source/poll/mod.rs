//! Polling: a system that sends nothing is asked what has changed, again and again.

mod access;
mod ask;
mod cursor;
mod rounds;
mod settings;
mod template;
mod understand;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use postroom_connector::{Arrival, ConnectorError, Failure, HeldBatch, Settings, SettingsError, Source};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use ask::{Asker, Heard, Heeded, Mark};
use rounds::{CursorFrom, Standing};
pub(super) use settings::{PollSettings, keys};

/// How long one call waits for an answer, or for the time to ask.
const PATIENCE: Duration = Duration::from_secs(1);

/// Most answers that are remembered of a round.
const MOST_KNOWN: usize = 1_000;

/// A system that is asked.
pub(super) struct Polling {
    asker: Arc<Asker>,
    /// Shared with the batch that is out, which moves it when it is taken.
    progress: Arc<Mutex<Progress>>,
    /// A question that is under way; kept here so that a caller may stop waiting and come back.
    asking: Option<AbortOnDropHandle<Result<Heard, ConnectorError>>>,
    /// Why the last question came to nothing: told as long as none was answered since.
    failed: Option<ConnectorError>,
}

/// How far the poll is.
#[derive(Debug, Clone)]
struct Progress {
    standing: Standing,
    mark: Option<Mark>,
    /// When it is asked next.
    due: Instant,
    /// What was taken of the last round and of this one: an overlap brings it again and again.
    known: [HashSet<String>; 2],
}

impl Progress {
    /// Where the poll is when an answer is taken.
    fn behind(&self, heeded: &Heeded, every: Duration) -> Self {
        let due = Instant::now() + if heeded.step.at_once { Duration::ZERO } else { every };
        let [mut last, mut this] = self.known.clone();
        if this.len() < MOST_KNOWN {
            this.insert(heeded.id.clone());
        }
        if heeded.step.standing.pages == 0 {
            last = std::mem::take(&mut this);
        }
        Self { standing: heeded.step.standing.clone(), mark: heeded.mark.clone(), due, known: [last, this] }
    }
}

impl Polling {
    pub(super) fn new(settings: PollSettings, written: &Settings) -> Result<Self, SettingsError> {
        let (standing, known) = (settings.rules.start(), Default::default());
        let progress = Progress { standing, mark: None, due: Instant::now(), known };
        let asker = Arc::new(Asker::new(settings, written)?);
        Ok(Self { asker, progress: Arc::new(Mutex::new(progress)), asking: None, failed: None })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, as soon as it is time.
    async fn begin(&mut self, patience: Instant) {
        let Progress { standing, mark, due, .. } = self.progress().clone();
        sleep_until(due.min(patience)).await;
        if due <= Instant::now() {
            let asked = Arc::clone(&self.asker).ask(standing, mark);
            self.asking = Some(AbortOnDropHandle::new(tokio::spawn(asked)));
        }
    }

    /// What becomes of what was heard: a batch, or nothing where it holds nothing new. That a whole holds no record is new: what
    /// is absent from it is gone.
    fn heed(&mut self, heard: Result<Heard, ConnectorError>) -> Result<Option<HeldBatch>, ConnectorError> {
        self.failed = heard.as_ref().err().cloned();
        match heard {
            Ok(Heard::Answer(heeded)) => Ok(self.take(*heeded)),
            Ok(Heard::Unchanged) => {
                self.progress().due = Instant::now() + self.asker.settings.every;
                Ok(None)
            }
            Err(error) => {
                // Not before the system wants to be asked again.
                if let Some(wait) = error.retry_after {
                    self.progress().due = Instant::now() + wait;
                }
                Err(error)
            }
        }
    }

    fn take(&self, heeded: Heeded) -> Option<HeldBatch> {
        let settings = &self.asker.settings;
        let mut progress = self.progress();
        let after = progress.behind(&heeded, settings.every);
        let has_nothing = heeded.readings.is_empty() && !settings.is_whole();
        if has_nothing || progress.known[0].contains(&heeded.id) {
            *progress = after;
            return None;
        }
        let cursor = settings.rules.cursor.is_some().then(|| after.standing.cursor.clone());
        let progress = Arc::clone(&self.progress);
        let batch = HeldBatch::new(settings.label.clone(), heeded.id, heeded.readings);
        Some(batch.cursor(cursor).then(move || {
            *progress.lock().unwrap_or_else(PoisonError::into_inner) = after;
        }))
    }

    /// That nothing has come, unless that is because of a failure.
    fn idle(&self) -> Result<Arrival, ConnectorError> {
        self.failed.clone().map_or(Ok(Arrival::Idle), Err)
    }
}

#[async_trait]
impl Source for Polling {
    fn resume(&mut self, cursor: &str) -> Result<(), ConnectorError> {
        let rules = &self.asker.settings.rules;
        let Some(rule) = &rules.cursor else { return Ok(()) };
        if matches!(rule.from, CursorFrom::Furthest(_)) && !rule.kind.is(cursor) {
            let words = "the cursor that was written down is none of the kind in `poll.cursor`";
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        }
        self.progress().standing = rules.begin(cursor.to_owned());
        Ok(())
    }

    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            let Some(asking) = &mut self.asking else {
                self.begin(patience).await;
                continue;
            };
            let Ok(heard) = timeout_at(patience, asking).await else { return self.idle() };
            self.asking = None;
            // Why is not told: a panic may quote a value.
            let interrupted = |_| ConnectorError::new(Failure::Transient, "asking was interrupted", "");
            let heard = heard.map_err(interrupted).and_then(|heard| heard);
            if let Some(batch) = self.heed(heard)? {
                return Ok(Arrival::Batch(Box::new(batch)));
            }
        }
        self.idle()
    }
}
