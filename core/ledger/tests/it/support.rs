//! A ledger in a folder that goes away, and entries to fill it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{
    Attempt, AttemptOutcome, DeadLetter, Decision, Delivered, Dispatch, Entry, EventOutcome, Fate, Handed,
    HeldDispatch, Ledger, LedgerUrl, Message, Reason, StagedDispatch, Whole,
};
use serde_json::json;
use tempfile::TempDir;

use crate::server::Server;

pub(crate) const SOURCE: &str = "/systems/gazetteer";

/// What a test promises, given a place of its own.
pub(crate) type Promise = fn(Place) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a ledger is kept: the same one however often it is opened.
pub(crate) enum Place {
    File(TempDir),
    Server(Arc<Server>, String),
}

impl Place {
    pub(crate) fn file() -> Self {
        Self::File(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn server(server: Arc<Server>) -> Self {
        let url = server.database();
        Self::Server(server, url)
    }

    /// Another place of the same kind.
    pub(crate) fn another(&self) -> Self {
        match self {
            Self::File(_) => Self::file(),
            Self::Server(server, _) => Self::server(Arc::clone(server)),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(folder) => folder.path().join("ledger.db"),
            Self::Server(..) => panic!("a server has no path"),
        }
    }

    /// A copy of it, made behind the back of whoever has it open, and writes nothing now.
    pub(crate) fn copy(&self) -> Self {
        let Self::Server(server, url) = self else {
            let copy = Self::file();
            for end in ["", "-wal"] {
                let part = |place: &Self| format!("{}{end}", place.path().display());
                std::fs::copy(part(self), part(&copy)).expect("an open ledger has its log beside it");
            }
            return copy;
        };
        Self::Server(Arc::clone(server), server.copy(url))
    }

    pub(crate) async fn open(&self) -> Ledger {
        match self {
            Self::File(_) => Ledger::open(&self.path()).await.expect("a ledger"),
            Self::Server(_, url) => open_url(url).await,
        }
    }
}

pub(crate) async fn open_url(url: &str) -> Ledger {
    Ledger::open_at(&postroom_ledger::Place::Url(LedgerUrl::new(url))).await.expect("a ledger")
}

/// Event `id` with one dispatch for each (target, fate).
pub(crate) fn event(id: &str, fates: Vec<(&str, Fate)>) -> EventOutcome {
    EventOutcome {
        key: EventKey::new(SOURCE, id),
        system: "gazetteer".into(),
        source: SOURCE.into(),
        id: id.to_owned(),
        event_type: "property.created.v1".into(),
        subject: format!("uprn:{id}"),
        correlation: None,
        received_at: 1_000,
        dispatches: fates
            .into_iter()
            .map(|(target, fate)| Handed { route: route(target), target: target.into(), fate })
            .collect(),
    }
}

pub(crate) fn route(target: &str) -> Arc<str> {
    format!("to-{target}").into()
}

pub(crate) fn key(id: &str) -> EventKey {
    EventKey::new(SOURCE, id)
}

pub(crate) fn dispatch(id: &str, target: &str) -> Dispatch {
    Dispatch {
        id: DispatchId::new(SOURCE, id, &route(target)),
        event: key(id),
        route: route(target),
        target: target.into(),
        event_type: "property.created.v1".into(),
        subject: format!("uprn:{id}"),
    }
}

pub(crate) fn whole() -> Whole {
    Whole {
        content_type: Some("application/cloudevents+json".into()),
        headers: vec![("a".into(), "b".into())],
        body: b"{}".to_vec(),
    }
}

pub(crate) fn staged(id: &str, target: &str) -> Entry {
    let message = json!({"id": id});
    let (dispatch, source) = (dispatch(id, target), SOURCE.into());
    Entry::Staged(StagedDispatch { dispatch, source, message, event: whole(), at: 2_000 })
}

pub(crate) fn delivered(id: &str, target: &str) -> Entry {
    let reference = Some("R1".to_owned());
    Entry::Delivered(Delivered { dispatch: dispatch(id, target), attempts: 2, at: 3_000, reference })
}

pub(crate) fn reason() -> Reason {
    Reason { code: "refused".into(), words: "the target refused it".into(), detail: "HTTP 422".into() }
}

pub(crate) fn letter(id: &str, target: &str) -> DeadLetter {
    DeadLetter {
        dispatch: dispatch(id, target),
        reason: reason(),
        failed_at: 4_000,
        attempts: 3,
        event: whole(),
        message: Some(json!({"id": id})),
    }
}

/// A hold of event `id` with a message of its own bytes.
pub(crate) fn held(id: &str, target: &str) -> HeldDispatch {
    HeldDispatch {
        dispatch: dispatch(id, target),
        source: SOURCE.into(),
        event: whole(),
        message: Some(Message {
            bytes: format!("{{ \"id\" : \"{id}\" }}").into_bytes(),
            content_type: Some("application/json".into()),
        }),
        reason: reason(),
        attempts: 4,
        waits: 0,
        next_at: Some(9_000),
        at: 5_000,
    }
}

pub(crate) fn attempt(number: u32, outcome: AttemptOutcome) -> Attempt {
    let started_at = i64::from(number) * 1_000;
    let (words, detail) = (format!("answer {number}"), format!("detail {number}"));
    Attempt { number, started_at, took: 250, outcome, words, detail }
}

pub(crate) fn decision(at: i64) -> Decision {
    Decision { actor: "an officer".into(), reason: "the schema was mended".into(), job: Some(7), at }
}
