//! The one connection of a source or sink: opened when it is needed, kept, and opened again when it is lost.

use std::sync::Arc;

use postroom_connector::{ConnectorError, Failure, Settings};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::connect::connect;
use super::session::Session;
use super::settings::Access;

/// A server, and the session with it where one is open.
pub(super) struct Remote {
    pub(super) access: Access,
    settings: Settings,
    open: Mutex<Option<Arc<Session>>>,
}

impl Remote {
    pub(super) fn new(access: Access, settings: Settings) -> Self {
        Self { access, settings, open: Mutex::new(None) }
    }

    /// The session, opened where none is. Whoever waits for another who is connecting waits no longer than for a server.
    pub(super) async fn session(&self) -> Result<Arc<Session>, ConnectorError> {
        let Ok(mut open) = timeout(self.access.timeout, self.open.lock()).await else {
            let words = "waiting for the connection to the SFTP server";
            return Err(ConnectorError::new(Failure::Down, words, "no connection within `sftp.timeout`"));
        };
        if let Some(session) = open.as_ref().filter(|session| session.is_alive()) {
            return Ok(Arc::clone(session));
        }
        *open = None;
        let session = Arc::new(connect(&self.access, &self.settings).await?);
        *open = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The path of `name` in the folder of the settings.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.access.folder)
    }
}
