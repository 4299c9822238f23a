//! A ledger in a folder that goes away, and entries to fill it.

use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{
    DeadLetter, Delivered, Dispatch, Entry, EventOutcome, Fate, Handed, Ledger, Reason, StagedDispatch, Whole,
};
use serde_json::json;
use tempfile::TempDir;

pub(crate) const SOURCE: &str = "/systems/gazetteer";

pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) async fn open(&self) -> Ledger {
        Ledger::open(&self.file()).await.expect("a ledger")
    }
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
    Entry::Staged(StagedDispatch { dispatch: dispatch(id, target), message, event: whole(), at: 2_000 })
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
