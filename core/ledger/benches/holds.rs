//! What holds cost: holding 100,000 dispatches of 1 KiB in chunks of 200, reading them all as at a start, and ending them.
//!
//! `cargo bench -p postroom-ledger --bench holds -- [HOLDS] [URL]` prints one line of JSON; with the URL of an empty
//! database they are held on that server, else in a file.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::time::Instant;

use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{
    Delivered, Dispatch, Entry, HeldDispatch, Ledger, LedgerUrl, Message, Place, Reason, Whole,
};
use serde_json::json;

const CHUNK: usize = 200;
const HOLDS: usize = 100_000;
const SOURCE: &str = "/systems/gazetteer";

#[tokio::main]
async fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(HOLDS);
    let folder = tempfile::tempdir().unwrap();
    let place = match std::env::args().nth(2).filter(|text| text.starts_with("postgres")) {
        Some(url) => Place::Url(LedgerUrl::new(url)),
        None => Place::File(folder.path().join("ledger.db")),
    };
    let ledger = Ledger::open_at(&place).await.unwrap();
    let numbers: Vec<usize> = (0..count).collect();

    let start = Instant::now();
    for chunk in numbers.chunks(CHUNK) {
        ledger.record(chunk.iter().map(|number| Entry::Held(hold(*number))).collect()).await.unwrap();
    }
    let held = start.elapsed();
    let start = Instant::now();
    let rows = Ledger::open_at(&place).await.unwrap().holds("tax").await.unwrap();
    assert_eq!(rows.len(), count);
    let read = start.elapsed();
    let start = Instant::now();
    for chunk in rows.chunks(CHUNK) {
        let ids: Vec<DispatchId> = chunk.iter().map(|row| row.dispatch).collect();
        assert_eq!(ledger.held(&ids).await.unwrap().len(), chunk.len());
    }
    let whole = start.elapsed();
    let start = Instant::now();
    for chunk in numbers.chunks(CHUNK) {
        ledger.record(chunk.iter().map(|number| Entry::Delivered(receipt(*number))).collect()).await.unwrap();
    }
    let ended = start.elapsed();
    let seconds = [held, read, whole, ended].map(|took| (took.as_secs_f64() * 1e3).round() / 1e3);
    println!(
        "{}",
        json!({"holds": count, "hold_s": seconds[0], "open_and_read_s": seconds[1], "read_whole_s": seconds[2],
               "deliver_s": seconds[3]})
    );
}

fn dispatch(number: usize) -> Dispatch {
    let id = number.to_string();
    Dispatch {
        id: DispatchId::new(SOURCE, &id, "to-tax"),
        event: EventKey::new(SOURCE, &id),
        route: "to-tax".into(),
        target: "tax".into(),
        event_type: "property.created.v1".into(),
        subject: format!("uprn:{number}"),
    }
}

fn hold(number: usize) -> HeldDispatch {
    HeldDispatch {
        dispatch: dispatch(number),
        source: SOURCE.into(),
        event: Whole {
            content_type: Some("application/cloudevents+json".into()),
            headers: vec![("route".into(), "to-tax".into())],
            body: vec![b'x'; 1_024],
        },
        message: Some(Message { bytes: vec![b'y'; 512], content_type: Some("application/json".into()) }),
        reason: Reason {
            code: "held".into(),
            words: "what is before it waits".into(),
            detail: String::new(),
        },
        attempts: 0,
        waits: 0,
        next_at: None,
        at: 1,
    }
}

fn receipt(number: usize) -> Delivered {
    Delivered { dispatch: dispatch(number), attempts: 1, at: 2, reference: None }
}
