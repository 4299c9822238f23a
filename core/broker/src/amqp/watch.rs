//! Noticing that a connection is gone.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{Connection, ConnectionStatus, Event};
use tokio::{sync::watch, time::timeout};

use super::fault;

/// How often a connection is looked at: one that the broker closes in good order sends no event.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether one of the connections of a session is gone, and why.
#[derive(Debug)]
pub(super) struct Watch {
    reason: watch::Receiver<Option<String>>,
}

impl Watch {
    pub(super) fn over(connections: &[&Connection]) -> Self {
        let (tell, reason) = watch::channel(None);
        for connection in connections {
            // One listener for each connection: lapin shares its events out between several.
            let events = Box::pin(connection.events_listener());
            tokio::spawn(look(connection.status().clone(), events, tell.clone()));
        }
        Self { reason }
    }

    pub(super) async fn lost(&self) -> String {
        let mut reason = self.reason.clone();
        let told = reason.wait_for(Option::is_some).await;
        told.ok().and_then(|reason| reason.clone()).unwrap_or_else(|| "the session has ended".to_owned())
    }
}

async fn look(
    status: ConnectionStatus,
    mut events: impl futures_util::Stream<Item = Event> + Unpin,
    tell: watch::Sender<Option<String>>,
) {
    let mut words = None;
    while status.connected() {
        match timeout(LOOK_EVERY, events.next()).await {
            Ok(Some(Event::Error(error))) => words = Some(fault::words(&error)),
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => break,
        }
    }
    let words = words.unwrap_or_else(|| "the connection was closed".to_owned());
    tell.send_if_modified(|reason| {
        let first = reason.is_none();
        reason.get_or_insert(words);
        first
    });
}
