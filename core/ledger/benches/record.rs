//! What recording costs: events a second, and CPU of the whole process for each event, in chunks of 200.
//!
//! `cargo bench -p postroom-ledger -- [EVENTS] [URL]` prints one line of JSON; with the URL of an empty database it is
//! recorded on that server, else in a file.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::time::Instant;

use postroom_event::EventKey;
use postroom_ledger::{Entry, EventOutcome, Fate, Handed, Ledger, LedgerUrl, Place};
use serde_json::json;

const CHUNK: usize = 200;
const EVENTS: usize = 100_000;

#[tokio::main]
async fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    let folder = tempfile::tempdir().unwrap();
    let place = match std::env::args().nth(2).filter(|text| text.starts_with("postgres")) {
        Some(url) => Place::Url(LedgerUrl::new(url)),
        None => Place::File(folder.path().join("ledger.db")),
    };
    let ledger = Ledger::open_at(&place).await.unwrap();
    let events: Vec<EventOutcome> = (0..count).map(event).collect();
    let chunks: Vec<Vec<Entry>> =
        events.chunks(CHUNK).map(|chunk| chunk.iter().cloned().map(Entry::Event).collect()).collect();
    let keys: Vec<EventKey> = events.iter().map(|event| event.key).collect();

    let (cpu, start) = (cpu_seconds(), Instant::now());
    for chunk in keys.chunks(CHUNK) {
        assert!(ledger.known(chunk).await.unwrap().is_empty());
    }
    let unknown = figures(count, cpu, start);
    let (cpu, start) = (cpu_seconds(), Instant::now());
    let mut longest = 0.0_f64;
    for chunk in chunks {
        let begun = Instant::now();
        ledger.record(chunk).await.unwrap();
        longest = longest.max(begun.elapsed().as_secs_f64());
    }
    let recorded = figures(count, cpu, start);
    let (cpu, start) = (cpu_seconds(), Instant::now());
    for chunk in keys.chunks(CHUNK) {
        assert_eq!(ledger.known(chunk).await.unwrap().len(), chunk.len());
    }
    let known = figures(count, cpu, start);
    let fresh: Vec<EventKey> = (count..2 * count).map(|number| event(number).key).collect();
    let (cpu, start) = (cpu_seconds(), Instant::now());
    for chunk in fresh.chunks(CHUNK) {
        assert!(ledger.known(chunk).await.unwrap().is_empty());
    }
    let new = figures(count, cpu, start);
    let longest_ms = longest * 1e3;
    println!(
        "{}",
        json!({"events": count, "record": recorded, "longest_ms": longest_ms, "known_empty": unknown,
               "known_all": known, "known_none": new})
    );
}

fn figures(count: usize, cpu: f64, start: Instant) -> serde_json::Value {
    let count = f64::from(u32::try_from(count).unwrap());
    let (cpu, wall) = (cpu_seconds() - cpu, start.elapsed().as_secs_f64());
    json!({"per_second": (count / wall).round(), "cpu_us_each": (cpu * 1e8 / count).round() / 100.0})
}

fn event(number: usize) -> EventOutcome {
    let id = format!("{}-{number}", "a3f5".repeat(16));
    let spread = number.wrapping_mul(2_654_435_761) % 999_999_999_999;
    let handed =
        |to: &str| Handed { route: format!("moved-to-{to}").into(), target: to.into(), fate: Fate::Queued };
    let dispatches = if number.is_multiple_of(2) {
        vec![handed("waste")]
    } else {
        ["waste", "tax", "land"].map(handed).to_vec()
    };
    EventOutcome {
        key: EventKey::new("/systems/gazetteer", &id),
        system: "gazetteer".into(),
        source: "/systems/gazetteer".into(),
        id,
        event_type: "property.created.v1".into(),
        subject: format!("uprn:{spread}"),
        correlation: None,
        received_at: 1_700_000_000_000_000,
        dispatches,
    }
}

/// User and system time of this process, in seconds (`/proc/self/stat`, in ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
