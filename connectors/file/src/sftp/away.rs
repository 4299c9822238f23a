//! Putting a file of a server away: into `done`, or into `refused` with the reason beside it; or remembering it, where it
//! stays. Nothing is ever overwritten, and the line may break between any two steps: the file is then found again, and the
//! next time ends what this one began.

use std::io::{Read, Seek, Write};
use std::sync::Arc;

use postroom_connector::{ConnectorError, Failure, RefusedBatch};
use tokio::fs::File;
use tokio::task::spawn_blocking;

use super::inbox::Watched;
use super::session::Session;
use super::settings::After;
use super::spool::nameless;
use super::trouble::{Trouble, told};
use crate::away::{changed, is_of, numbered, reason, why};
use crate::failure::{failed, interrupted};
use crate::folder::Stamp;
use crate::settings::Complete;

/// Most files of one name in `done` or `refused`.
const MOST_OF_A_NAME: u64 = 10_000;
/// Most bytes of a reason that are read.
const REASON_BYTES: u64 = 64 * 1024;

/// A file of the server, as it was when it was taken.
pub(super) struct Away {
    pub(super) watched: Arc<Watched>,
    pub(super) name: String,
    pub(super) stamp: Stamp,
}

impl Away {
    /// Moves the file into `done`. A file that is gone already was put away before.
    pub(super) async fn done(&self) -> Result<(), ConnectorError> {
        if self.watched.after == After::Leave {
            return self.remember().await;
        }
        let session = self.watched.remote.session().await?;
        let folder = self.subfolder(&session, "done").await?;
        for number in 1..=MOST_OF_A_NAME {
            let path = format!("{folder}/{}", numbered(&self.name, number));
            if session.stamp(&path).await.map_err(told(AWAY))?.is_none() {
                return self.rename(&session, &path).await;
            }
        }
        Err(too_many())
    }

    /// Moves the file into `refused`, after its reason was written there.
    pub(super) async fn refused(&self, refused: &RefusedBatch) -> Result<(), ConnectorError> {
        if self.watched.after == After::Leave {
            return self.remember().await;
        }
        let session = self.watched.remote.session().await?;
        let folder = self.subfolder(&session, "refused").await?;
        for number in 1..=MOST_OF_A_NAME {
            let name = numbered(&self.name, number);
            let path = format!("{folder}/{name}");
            let half_done = match session.stamp(&path).await.map_err(told(AWAY))? {
                Some(_) => continue,
                None => self.reason_at(&session, &format!("{folder}/{}", why(&name))).await?,
            };
            match half_done {
                None => self.write_reason(&session, (&folder, &name), refused).await?,
                Some(written) if is_of(&written, &refused.id) => {}
                Some(_) => continue,
            }
            return self.rename(&session, &path).await;
        }
        Err(too_many())
    }

    /// Remembers the file as it is, so that it is not taken again.
    pub(super) async fn remember(&self) -> Result<(), ConnectorError> {
        let (name, stamp) = (self.name.clone(), self.stamp);
        self.watched.with_kept(move |kept| kept.add(&name, stamp)).await
    }

    async fn subfolder(&self, session: &Session, name: &str) -> Result<String, ConnectorError> {
        let folder = self.watched.remote.path(name);
        session.make_folder(&folder).await.map_err(told(AWAY))?;
        Ok(folder)
    }

    /// The reason that stands at `path`, if one does: an earlier run wrote it, for this file or for another.
    async fn reason_at(&self, session: &Session, path: &str) -> Result<Option<Vec<u8>>, ConnectorError> {
        if session.stamp(path).await.map_err(told(AWAY))?.is_none() {
            return Ok(None);
        }
        let mut copy = self.copy(Vec::new()).await?;
        session.download(path, REASON_BYTES, &mut copy).await.map_err(told(AWAY))?;
        let mut copy = copy.into_std().await;
        let read = move || {
            let mut bytes = Vec::new();
            copy.rewind()?;
            copy.read_to_end(&mut bytes).map(|_| Some(bytes))
        };
        spawn_blocking(read).await.map_err(interrupted)?.map_err(failed("reading why a file was refused"))
    }

    /// Writes the reason beside the place where the file will be, whole or not at all.
    async fn write_reason(
        &self,
        session: &Session,
        (folder, name): (&str, &str),
        refused: &RefusedBatch,
    ) -> Result<(), ConnectorError> {
        let writing = "writing why the file is refused";
        let mut copy = self.copy(reason(refused).into_bytes()).await?;
        let unfinished = format!("{folder}/.{}.part", why(name));
        session.upload(&unfinished, &mut copy).await.map_err(told(writing))?;
        session.rename(&unfinished, &format!("{folder}/{}", why(name))).await.map_err(told(writing))
    }

    /// A copy on this machine with `content`, at its start.
    async fn copy(&self, content: Vec<u8>) -> Result<File, ConnectorError> {
        let spool = self.watched.spool.clone();
        let made = move || {
            let mut file = nameless(&spool)?;
            file.write_all(&content)?;
            file.rewind()?;
            Ok(file)
        };
        let file = spawn_blocking(made).await.map_err(interrupted)?;
        file.map(File::from_std).map_err(failed("making a copy on this machine"))
    }

    /// Moves the file, unless it is no longer the one that was read; then removes its marker.
    async fn rename(&self, session: &Session, target: &str) -> Result<(), ConnectorError> {
        let remote = &self.watched.remote;
        let path = remote.path(&self.name);
        match session.stamp(&path).await.map_err(told(AWAY))? {
            Some(now) if now == self.stamp => {}
            Some(_) => return Err(changed()),
            None => return Ok(()),
        }
        session.rename(&path, target).await.map_err(|trouble| match trouble {
            Trouble::Denied => {
                let words = "the account may not move files: give it the right, or say `after = \"leave\"`";
                ConnectorError::new(Failure::Permanent, words, "")
            }
            trouble => trouble.told(AWAY),
        })?;
        if let Complete::Marker(ending) = &self.watched.settings.complete {
            let marker = remote.path(&format!("{}{ending}", self.name));
            session.remove(&marker).await.map_err(told("removing a marker"))?;
        }
        Ok(())
    }
}

const AWAY: &str = "putting the file away on the server";

fn too_many() -> ConnectorError {
    let words = format!("there are {MOST_OF_A_NAME} files of that name already: move old ones away");
    ConnectorError::new(Failure::Permanent, words, "")
}
