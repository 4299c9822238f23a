//! The source: watches a folder and gives its files one after the other.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use notify::event::{AccessKind, AccessMode};
use notify::{Config, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use postroom_connector::{Arrival, ConnectorError, Failure, Settings, SettingsError, Source, SourceKind};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, timeout_at};

use crate::away::Away;
use crate::batch::FileBatch;
use crate::failure::{failed, interrupted};
use crate::folder::{Next, Seen, Settling, list, next, remove_lone_markers};
use crate::inspect::Opened;
use crate::settings::{self, Place, SourceSettings};
use crate::sftp;
use crate::{NAME, RULES};

/// How long one call waits for a file, and the longest time between two looks into the folder.
const PATIENCE: Duration = Duration::from_secs(2);
/// Shortest time between two looks into the folder, however often it changes.
const BREATH: Duration = Duration::from_millis(50);

/// Settings to begin with.
const BEGINNING: &str = r#"folder = "SYSTEM/in"
files = [{ pattern = "*.csv", format = { kind = "csv", header = true, required = ["reference"] } }]
"#;

/// The kind of source that reads files from a folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSource;

impl SourceKind for FileSource {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        SourceSettings::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        settings::source_keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn fields(&self, settings: &Settings) -> Option<Vec<String>> {
        SourceSettings::read(settings).ok()?.fields()
    }

    /// A file may be all that a system has: only who sends it knows.
    fn gives_wholes(&self, _settings: &Settings) -> bool {
        true
    }

    fn rules(&self) -> &'static [(&'static str, &'static str)] {
        RULES
    }

    fn waiting(&self, settings: &Settings) -> Result<u64, ConnectorError> {
        let settings = SourceSettings::read(settings)
            .map_err(|error| ConnectorError::new(Failure::Permanent, "the settings are wrong", error))?;
        // A server would have to be asked over the network, and says how it is by its own errors.
        let Place::Folder(folder) = &settings.place else { return Ok(0) };
        match list(folder) {
            Ok(files) => Ok(files.len() as u64),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(failed("looking into the folder")(error)),
        }
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        let read = Arc::new(SourceSettings::read(settings)?);
        match &read.place {
            Place::Folder(folder) => {
                // Where it cannot be made now, `next` says that the folder is down, and why.
                let _ = std::fs::create_dir_all(folder);
                Ok(Box::new(WatchedFolder::new(Arc::clone(&read), folder.clone())))
            }
            Place::Sftp(inbox) => sftp::source(settings, Arc::clone(&read), inbox.clone()),
        }
    }

    fn open(&self, settings: &Settings, path: &Path) -> Result<Arrival, ConnectorError> {
        let settings = SourceSettings::read(settings)
            .map_err(|error| ConnectorError::new(Failure::Permanent, "the settings are wrong", error))?;
        let opened = Opened::new(path)
            .map_err(|error| ConnectorError::new(Failure::Permanent, "the file cannot be opened", error))?;
        Ok(match opened.inspect(&settings, &AtomicBool::new(false))? {
            Ok(inspected) => Arrival::Batch(Box::new(FileBatch::new(inspected, None, None)?)),
            Err(refused) => Arrival::Refused(refused),
        })
    }
}

/// A folder, and what is known of its files.
struct WatchedFolder {
    folder: PathBuf,
    settings: Arc<SourceSettings>,
    settling: Settling,
    changed: Arc<Notify>,
    /// Wakes `changed`; where the folder cannot be watched, it is looked into every [`PATIENCE`].
    watcher: Option<RecommendedWatcher>,
    /// Shared with the batch that is out, if there is one.
    hand: Arc<()>,
    /// A file being read whole; kept here so that a caller may stop waiting and come back.
    taking: Option<JoinHandle<Taken>>,
    /// Ends the reading of a file when the source is dropped, so that the hub can stop.
    stopped: Arc<AtomicBool>,
    begun: bool,
}

/// An arrival; none where the file is gone or no longer as it was seen.
type Taken = Result<Option<Arrival>, ConnectorError>;

impl WatchedFolder {
    fn new(settings: Arc<SourceSettings>, folder: PathBuf) -> Self {
        Self {
            folder,
            settings,
            settling: Settling::default(),
            changed: Arc::new(Notify::new()),
            watcher: None,
            hand: Arc::new(()),
            taking: None,
            stopped: Arc::new(AtomicBool::new(false)),
            begun: false,
        }
    }

    /// What an earlier run left half done, and the watch.
    async fn begin(&mut self) -> Result<(), ConnectorError> {
        if self.begun {
            return Ok(());
        }
        let (folder, settings) = (self.folder.clone(), Arc::clone(&self.settings));
        spawn_blocking(move || remove_lone_markers(&folder, &settings.complete))
            .await
            .map_err(interrupted)?
            .map_err(failed("looking into the folder"))?;
        self.watcher = watch(&self.folder, Arc::clone(&self.changed)).ok();
        self.begun = true;
        Ok(())
    }

    async fn look(&mut self) -> Result<Next, ConnectorError> {
        let folder = self.folder.clone();
        let files = spawn_blocking(move || list(&folder))
            .await
            .map_err(interrupted)?
            .map_err(failed("looking into the folder"))?;
        let now = Instant::now();
        self.settling.observe(&files, now);
        if Arc::strong_count(&self.hand) > 1 {
            return Ok(Next::None);
        }
        Ok(next(files, &self.settings, &self.settling, now))
    }

    /// Begins to read a file whole.
    fn take(&mut self, file: Seen) {
        let (settings, hand) = (Arc::clone(&self.settings), Arc::clone(&self.hand));
        let stopped = Arc::clone(&self.stopped);
        self.taking = Some(spawn_blocking(move || take(&settings, &file, hand, &stopped)));
    }

    /// What became of the file being taken, if there is one.
    async fn taken(&mut self) -> Taken {
        let Some(taking) = &mut self.taking else { return Ok(None) };
        let taken = taking.await;
        self.taking = None;
        taken.map_err(interrupted)?
    }
}

#[async_trait]
impl Source for WatchedFolder {
    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        self.begin().await?;
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            if self.taking.is_some() {
                match timeout_at(patience, self.taken()).await {
                    Err(_) => return Ok(Arrival::Idle),
                    Ok(Ok(None)) => sleep(BREATH).await,
                    Ok(taken) => return taken.map(|arrival| arrival.unwrap_or(Arrival::Idle)),
                }
            }
            let until = match self.look().await? {
                Next::Take(file) => {
                    self.take(file);
                    continue;
                }
                Next::Wait(at) => at.min(patience),
                Next::None => patience,
            };
            if timeout_at(until, self.changed.notified()).await.is_ok() {
                sleep(BREATH).await;
            }
        }
        Ok(Arrival::Idle)
    }
}

impl Drop for WatchedFolder {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// Reads a file whole and gives it as a batch, or puts it aside.
fn take(settings: &SourceSettings, seen: &Seen, hand: Arc<()>, stopped: &AtomicBool) -> Taken {
    let opened = match Opened::new(&seen.path) {
        Ok(opened) if opened.stamp == seen.stamp => opened,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening the file")(error)),
    };
    let away = Away { path: seen.path.clone(), marker: settings.marker(&seen.path), stamp: seen.stamp };
    match opened.inspect(settings, stopped)? {
        Ok(inspected) => {
            Ok(Some(Arrival::Batch(Box::new(FileBatch::new(inspected, Some(away), Some(hand))?))))
        }
        Err(refused) => {
            away.refused(&refused)?;
            Ok(Some(Arrival::Refused(refused)))
        }
    }
}

/// Wakes `changed` whenever something is written, made, moved or removed in `folder`.
fn watch(folder: &Path, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        let only_read = event.is_ok_and(|event| match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
            kind => kind.is_access(),
        });
        if !only_read {
            changed.notify_one();
        }
    };
    let mut watcher = RecommendedWatcher::new(told, Config::default())?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
