//! The sink: each handover becomes one file of the server that appears whole, under its own name, once.
//!
//! 1. On this machine, as for a folder of it: the content `ID.ready` and the evidence `ID.id` with the final name.
//! 2. On the server: `.NAME.ID.part` is written and synced, and renamed to its final name.
//! 3. On this machine: `ID.ready` is removed. Evidence alone: delivered, whether or not the file is still there.
//!
//! Whether step 2 was done is asked of the server: its file has the same size and, byte for byte, the same content.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use async_trait::async_trait;
use postroom_connector::{ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink};
use tokio::fs::File;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::leavings::{is_own, unfinished};
use super::names::LONGEST_NAME_BYTES;
use super::remote::Remote;
use super::session::Session;
use super::settings::Access;
use super::spool::{make_private, nameless};
use super::spool_folder;
use super::trouble::{Trouble, told};
use crate::evidence::{Steps, prune, staging};
use crate::failure::{failed, interrupted};
use crate::folder::Stamp;
use crate::settings::SinkSettings;
use crate::sink::{check_id, in_the_way, prepare};
use crate::tally::hash;

/// Most files that are written at the same time: all of them go over one connection.
const AT_ONCE: usize = 4;

const WRITING: &str = "writing the file to the server";

/// A sink that writes files to the server.
pub(crate) fn sink(
    settings: &Settings,
    access: Access,
    read: SinkSettings,
) -> Result<Box<dyn Sink>, SettingsError> {
    let target = Target {
        remote: Remote::new(access, settings.clone()),
        settings: read,
        folder: spool_folder(settings, "out"),
        made: OnceLock::new(),
        cleaned: OnceCell::new(),
    };
    Ok(Box::new(RemoteSink(Arc::new(target))))
}

struct RemoteSink(Arc<Target>);

/// A folder of a server that files go to.
struct Target {
    remote: Remote,
    settings: SinkSettings,
    /// The folder of this machine for content that is on its way, and for evidence.
    folder: PathBuf,
    made: OnceLock<()>,
    /// Set once what earlier runs left behind on the server was removed.
    cleaned: OnceCell<()>,
}

/// A handover that is ready on this machine.
struct Ready {
    name: String,
    /// None where it was delivered.
    content: Option<fs::File>,
}

#[async_trait]
impl Sink for RemoteSink {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        check_id(&handover.id)?;
        let (target, kept) = (Arc::clone(&self.0), handover.clone());
        let ready = spawn_blocking(move || target.make_ready(&kept)).await.map_err(interrupted)??;
        if let Some(content) = ready.content {
            self.0.send(&ready.name, &handover.id, content).await?;
            let (target, id) = (Arc::clone(&self.0), handover.id.clone());
            let appeared = move || Steps::new(&target.folder, &id).appeared();
            spawn_blocking(appeared)
                .await
                .map_err(interrupted)?
                .map_err(failed("writing the evidence of the handover"))?;
        }
        Ok(Receipt { reference: Some(ready.name) })
    }

    fn concurrency(&self) -> Option<usize> {
        Some(AT_ONCE)
    }
}

impl Target {
    /// Step 1, where an earlier attempt has not done it.
    fn make_ready(&self, handover: &Handover) -> Result<Ready, ConnectorError> {
        if self.made.get().is_none() {
            let make = || {
                make_private(&staging(&self.folder))?;
                prune(&self.folder, SystemTime::now())
            };
            make().map_err(failed("making the folder of this machine for files on their way"))?;
            self.made.get_or_init(|| ());
        }
        let steps = Steps::new(&self.folder, &handover.id);
        let name = prepare(&steps, &self.settings, handover)?;
        let content = steps.ready().map_err(failed("reading the content of the handover"))?;
        Ok(Ready { name, content })
    }

    /// Step 2, where an earlier attempt has not done it.
    async fn send(&self, name: &str, id: &str, content: fs::File) -> Result<(), ConnectorError> {
        let part = unfinished(name, id);
        if part.len() > LONGEST_NAME_BYTES {
            let words = "the name of the file is too long while it is written: shorten `name`";
            return Err(ConnectorError::new(Failure::Permanent, words, format!("{} bytes", part.len())));
        }
        let session = self.remote.session().await?;
        self.cleaned.get_or_try_init(|| self.clean(&session)).await?;
        let (part, target) = (self.remote.path(&part), self.remote.path(name));
        if let Some(there) = session.stamp(&target).await.map_err(told(WRITING))? {
            return self.recognise(&session, name, there, content).await;
        }
        let size = content.metadata().map_err(failed("reading the content of the handover"))?.len();
        let mut content = File::from_std(content);
        if let Err(trouble) = session.upload(&part, &mut content).await {
            return Err(self.give_up(&session, &part, trouble).await);
        }
        match session.stamp(&part).await.map_err(told(WRITING))? {
            Some((there, _)) if there == size => rename(&session, &part, &target).await,
            _ => Err(ConnectorError::new(
                Failure::Transient,
                WRITING,
                "its size there is not what was written",
            )),
        }
    }

    /// What is half written is of no use, and may be what filled the disk.
    async fn give_up(&self, session: &Session, part: &str, trouble: Trouble) -> ConnectorError {
        if !trouble.is_loss() {
            let _ = session.remove(part).await;
        }
        trouble.told(WRITING)
    }

    /// A file with the final name is there: it is the handover's where it has the same content, and never overwritten.
    async fn recognise(
        &self,
        session: &Session,
        name: &str,
        (size, _): Stamp,
        content: fs::File,
    ) -> Result<(), ConnectorError> {
        let own = content.metadata().map_err(failed("reading the content of the handover"))?.len();
        if own != size {
            return Err(in_the_way(name));
        }
        let folder = self.folder.clone();
        let copy = spawn_blocking(move || nameless(&folder)).await.map_err(interrupted)?;
        let mut copy = File::from_std(copy.map_err(failed("making a copy on this machine"))?);
        let reading = "reading the file of that name on the server";
        session.download(&self.remote.path(name), size, &mut copy).await.map_err(told(reading))?;
        let (copy, content) = (Arc::new(copy.into_std().await), Arc::new(content));
        let is_same = move || Ok(hash(&copy)? == hash(&content)?);
        match spawn_blocking(is_same).await.map_err(interrupted)?.map_err(failed(reading))? {
            true => Ok(()),
            false => Err(in_the_way(name)),
        }
    }

    /// Removes what earlier runs left behind half written. Nothing is written before that.
    async fn clean(&self, session: &Session) -> Result<(), ConnectorError> {
        let cleaning = "looking into the folder of the server";
        let entries = session.list(&self.remote.access.folder).await.map_err(told(cleaning))?;
        let own = entries.iter().filter(|entry| entry.is_file && is_own(&entry.name, &self.settings.name));
        for entry in own {
            session
                .remove(&self.remote.path(&entry.name))
                .await
                .map_err(told("removing what is half written"))?;
        }
        Ok(())
    }
}

/// The last step. Where its answer is lost it may have been done.
async fn rename(session: &Session, part: &str, target: &str) -> Result<(), ConnectorError> {
    session.rename_at_once(part, target).await.map_err(|trouble| {
        let is_lost = trouble.is_loss();
        let error = trouble.told("moving the file to its name on the server");
        if is_lost { ConnectorError { failure: Failure::Unknown, ..error } } else { error }
    })
}
