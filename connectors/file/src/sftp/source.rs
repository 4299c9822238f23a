//! The source: looks into the folder of a server every so often and gives its files one after the other.
//!
//! How long a file has been as it is, is measured by the clock of this machine between two looks; the times that the server
//! gives are compared with each other only.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use postroom_connector::{Arrival, ConnectorError, Settings, SettingsError, Source};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::inbox::Watched;
use super::names::{BadName, Look};
use super::remote::Remote;
use super::settings::Inbox;
use super::spool_folder;
use super::take::{Hand, Taken, take, tell};
use crate::failure::interrupted;
use crate::folder::{Next, Seen, Settling, next};
use crate::settings::SourceSettings;

/// How long one call waits for a file.
const PATIENCE: Duration = Duration::from_secs(2);
/// Shortest time before a file that was not as it was seen is looked at again.
const BREATH: Duration = Duration::from_millis(50);

/// A source that takes files of the server.
pub(crate) fn source(
    settings: &Settings,
    read: Arc<SourceSettings>,
    inbox: Inbox,
) -> Result<Box<dyn Source>, SettingsError> {
    let watched = Watched {
        remote: Remote::new(inbox.access, settings.clone()),
        settings: read,
        after: inbox.after,
        largest: inbox.largest,
        spool: spool_folder(settings, "in"),
        kept: Mutex::new(None),
    };
    Ok(Box::new(RemoteFolder {
        watched: Arc::new(watched),
        every: inbox.every,
        settling: Settling::default(),
        files: Vec::new(),
        bad: VecDeque::new(),
        look_at: Instant::now(),
        working: None,
        hand: Arc::new(Hand { is_done: AtomicBool::new(true) }),
        stopped: Arc::new(AtomicBool::new(false)),
        begun: false,
    }))
}

/// A folder of a server, and what is known of its files.
struct RemoteFolder {
    watched: Arc<Watched>,
    every: Duration,
    settling: Settling,
    /// What the last look brought and was not taken since.
    files: Vec<Seen>,
    bad: VecDeque<BadName>,
    /// When the next look is due.
    look_at: Instant,
    /// A look, or a file that is taken; kept here so that a caller may stop waiting and come back.
    working: Option<JoinHandle<Result<Done, ConnectorError>>>,
    hand: Arc<Hand>,
    /// Ends the reading of a file when the source is dropped, so that the hub can stop.
    stopped: Arc<AtomicBool>,
    /// Whether what an earlier run left half done was put right.
    begun: bool,
}

/// What the work on the server came to.
enum Done {
    Looked(Look),
    Taken(Option<Arrival>),
}

impl RemoteFolder {
    fn look(&mut self) {
        let (watched, begun) = (Arc::clone(&self.watched), self.begun);
        self.working = Some(tokio::spawn(async move {
            let look = watched.look().await?;
            if !begun {
                watched.remove_lone_markers(&look).await?;
            }
            Ok(Done::Looked(look))
        }));
    }

    fn looked(&mut self, look: Look) {
        let now = Instant::now();
        self.begun = true;
        self.settling.observe(&look.files, now);
        self.files = look.files;
        self.bad = look.bad.into();
        self.look_at = now + self.every;
    }

    fn work(&mut self, work: impl Future<Output = Taken> + Send + 'static) {
        self.working = Some(tokio::spawn(async move { work.await.map(Done::Taken) }));
    }

    /// Begins what is due, if anything is.
    fn begin(&mut self) {
        let now = Instant::now();
        if Arc::strong_count(&self.hand) > 1 {
            self.look_at = self.look_at.max(now + BREATH);
            return;
        }
        if !self.hand.is_done.swap(true, Ordering::Relaxed) {
            // A batch was given back unfinished: its file comes again, before those that come after it.
            self.look_at = now;
        }
        if now >= self.look_at {
            self.look();
        } else if let Some(bad) = self.bad.pop_front() {
            self.work(tell(Arc::clone(&self.watched), bad));
        } else {
            match next(self.files.clone(), &self.watched.settings, &self.settling, now) {
                Next::Take(file) => {
                    self.files.retain(|other| other.name != file.name);
                    let (hand, stopped) = (Arc::clone(&self.hand), Arc::clone(&self.stopped));
                    self.work(take(Arc::clone(&self.watched), file, hand, stopped));
                }
                // Whatever comes until then may come before it.
                Next::Wait(at) => self.look_at = self.look_at.min(at),
                Next::None => {}
            }
        }
    }

    /// Awaits the work under way: an arrival, where it came to one.
    async fn worked(&mut self) -> Taken {
        let Some(working) = &mut self.working else { return Ok(None) };
        let done = working.await;
        self.working = None;
        match done.map_err(interrupted).flatten() {
            Ok(Done::Looked(look)) => {
                self.looked(look);
                Ok(None)
            }
            Ok(Done::Taken(Some(arrival))) => Ok(Some(arrival)),
            Ok(Done::Taken(None)) => {
                self.look_at = Instant::now() + BREATH;
                self.files.clear();
                Ok(None)
            }
            Err(error) => {
                self.look_at = Instant::now();
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Source for RemoteFolder {
    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            if self.working.is_none() {
                self.begin();
            }
            if self.working.is_some() {
                match timeout_at(patience, self.worked()).await {
                    Err(_) => return Ok(Arrival::Idle),
                    Ok(Ok(None)) => {}
                    Ok(taken) => return taken.map(|arrival| arrival.unwrap_or(Arrival::Idle)),
                }
            } else {
                sleep_until(self.look_at.min(patience)).await;
            }
            if Instant::now() >= patience {
                return Ok(Arrival::Idle);
            }
        }
    }
}

impl Drop for RemoteFolder {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(working) = self.working.take() {
            working.abort();
        }
    }
}
