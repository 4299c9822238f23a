//! Taking a file of a server: copied whole, found to be still what it was, and then read like every other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use postroom_connector::{Arrival, Batch, ConnectorError, Ending, RefusedBatch};
use postroom_event::{Fault, Reading};
use tokio::fs::File;
use tokio::task::spawn_blocking;

use super::away::Away;
use super::inbox::Watched;
use super::names::BadName;
use super::spool::nameless;
use super::trouble::{Trouble, told};
use crate::batch::FileBatch;
use crate::failure::{failed, interrupted};
use crate::folder::Seen;
use crate::inspect::Opened;
use crate::{BAD_NAME, TOO_LARGE};

const TAKING: &str = "taking the file from the server";

/// An arrival; none where the file is gone or no longer as it was seen.
pub(super) type Taken = Result<Option<Arrival>, ConnectorError>;

/// Shared by a source and the batch that is out, if there is one.
#[derive(Default)]
pub(super) struct Hand {
    /// Whether the batch was put away.
    pub(super) is_done: AtomicBool,
}

/// Takes the file and gives it as a batch, or puts it aside.
pub(super) async fn take(
    watched: Arc<Watched>,
    seen: Seen,
    hand: Arc<Hand>,
    stopped: Arc<AtomicBool>,
) -> Taken {
    let away = Away { watched: Arc::clone(&watched), name: seen.name.clone(), stamp: seen.stamp };
    if seen.stamp.0 > watched.largest {
        let words = format!("the file has {} bytes, and `largest_mib` is the limit", seen.stamp.0);
        return put_aside(&away, unread(seen.name, TOO_LARGE, words)).await;
    }
    let Some(opened) = copied(&watched, seen).await? else { return Ok(None) };
    let settings = Arc::clone(&watched.settings);
    match spawn_blocking(move || opened.inspect(&settings, &stopped)).await.map_err(interrupted)?? {
        Ok(inspected) => {
            hand.is_done.store(false, Ordering::Relaxed);
            let inner = Box::new(FileBatch::new(inspected, None, None)?);
            Ok(Some(Arrival::Batch(Box::new(RemoteBatch { inner, away, hand }))))
        }
        Err(refused) => put_aside(&away, refused).await,
    }
}

/// Tells of a file whose name no file may have, once; it stays where it is.
pub(super) async fn tell(watched: Arc<Watched>, bad: BadName) -> Taken {
    let refused = unread(bad.shown(), BAD_NAME, bad.words.to_owned());
    let away = Away { watched, name: bad.name, stamp: bad.stamp };
    away.remember().await?;
    Ok(Some(Arrival::Refused(refused)))
}

async fn put_aside(away: &Away, refused: RefusedBatch) -> Taken {
    away.refused(&refused).await?;
    Ok(Some(Arrival::Refused(refused)))
}

fn unread(label: String, rule: &'static str, words: String) -> RefusedBatch {
    let fault = Fault { number: 0, line: 0, place: String::new(), rule, words };
    RefusedBatch { label, id: String::new(), fault }
}

/// The file, whole, as a copy on this machine; none where it is not what was seen before and after it was copied.
async fn copied(watched: &Watched, seen: Seen) -> Result<Option<Opened>, ConnectorError> {
    let (path, stamp) = (watched.remote.path(&seen.name), seen.stamp);
    let session = watched.remote.session().await?;
    if session.stamp(&path).await.map_err(told(TAKING))? != Some(stamp) {
        return Ok(None);
    }
    let spool = watched.spool.clone();
    let file = spawn_blocking(move || nameless(&spool)).await.map_err(interrupted)?;
    let mut copy = File::from_std(file.map_err(failed("making a copy on this machine"))?);
    let size = match session.download(&path, stamp.0, &mut copy).await {
        Err(Trouble::Absent) => return Ok(None),
        read => read.map_err(told(TAKING))?,
    };
    if size != stamp.0 || session.stamp(&path).await.map_err(told(TAKING))? != Some(stamp) {
        return Ok(None);
    }
    Ok(Some(Opened { name: seen.name, file: Arc::new(copy.into_std().await), stamp }))
}

/// A copy that is read, and the file of the server that is put away when every record is accounted for.
struct RemoteBatch {
    inner: Box<FileBatch>,
    away: Away,
    hand: Arc<Hand>,
}

#[async_trait]
impl Batch for RemoteBatch {
    fn label(&self) -> &str {
        self.inner.label()
    }

    fn id(&self) -> &str {
        self.inner.id()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError> {
        self.inner.read(limit).await
    }

    async fn finish(self: Box<Self>, ending: Ending) -> Result<(), ConnectorError> {
        let Self { inner, away, hand } = *self;
        inner.finish(ending).await?;
        away.done().await?;
        hand.is_done.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn refuse(self: Box<Self>, refused: &RefusedBatch) -> Result<(), ConnectorError> {
        self.away.refused(refused).await?;
        self.hand.is_done.store(true, Ordering::Relaxed);
        Ok(())
    }
}
