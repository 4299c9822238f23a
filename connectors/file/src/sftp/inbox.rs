//! The folder of a server as a source sees it: what is in it, and what of that is remembered.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use postroom_connector::ConnectorError;
use tokio::task::spawn_blocking;

use super::kept::Kept;
use super::names::{Look, sort_out};
use super::remote::Remote;
use super::settings::After;
use super::spool::make_private;
use super::trouble::told;
use crate::failure::{failed, interrupted};
use crate::settings::{Complete, SourceSettings};

/// A folder of a server that files are taken from.
pub(super) struct Watched {
    pub(super) remote: Remote,
    pub(super) settings: Arc<SourceSettings>,
    pub(super) after: After,
    /// Most bytes of a file that is taken.
    pub(super) largest: u64,
    /// The folder of this machine for copies, and for what is remembered.
    pub(super) spool: PathBuf,
    /// Loaded at the first look.
    pub(super) kept: Mutex<Option<Kept>>,
}

impl Watched {
    /// Looks into the folder: one listing, and without what is remembered.
    pub(super) async fn look(self: &Arc<Self>) -> Result<Look, ConnectorError> {
        let folder = self.remote.access.folder.clone();
        let session = self.remote.session().await?;
        let entries = session.list(&folder).await.map_err(told(LOOKING))?;
        self.with_kept(move |kept| {
            let mut look = sort_out(&folder, entries);
            kept.forget_others(&look.names)?;
            look.files.retain(|file| !kept.holds(&file.name, file.stamp));
            look.bad.retain(|bad| !kept.holds(&bad.name, bad.stamp));
            Ok(look)
        })
        .await
    }

    /// Removes markers whose file is gone: it was put away, and the hub stopped before its marker was.
    pub(super) async fn remove_lone_markers(&self, look: &Look) -> Result<(), ConnectorError> {
        let (After::Move, Complete::Marker(ending)) = (self.after, &self.settings.complete) else {
            return Ok(());
        };
        let session = self.remote.session().await?;
        for marker in &look.files {
            let Some(name) = marker.name.strip_suffix(ending.as_str()) else { continue };
            if look.names.contains(name) {
                continue;
            }
            // The listing is no picture of one moment: the file may have come while it was made.
            if session.stamp(&self.remote.path(name)).await.map_err(told(LOOKING))?.is_none() {
                session.remove(&self.remote.path(&marker.name)).await.map_err(told("removing a marker"))?;
            }
        }
        Ok(())
    }

    /// Does something with what is remembered, off the threads that must not wait.
    pub(super) async fn with_kept<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Kept) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let watched = Arc::clone(self);
        spawn_blocking(move || {
            let mut kept = watched.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.is_none() {
                make_private(&watched.spool)?;
                *kept = Some(Kept::load(&watched.spool)?);
            }
            kept.as_mut().map(work).ok_or_else(|| io::Error::other("nothing was loaded"))?
        })
        .await
        .map_err(interrupted)?
        .map_err(failed("remembering files of the server"))
    }
}

const LOOKING: &str = "looking into the folder of the server";
