//! The folder as a sink, killed at each of its steps.

use std::fs;
use std::time::{Duration, SystemTime};

use postroom_connector::{Failure, Handover, Outgoing, Sink};
use postroom_event::DispatchId;
use serde_json::{Value, json};

use crate::room::Room;

const SETTINGS: &str = "folder = 'out'\nname = 'changes-{batch}.csv'\n\
    format = { kind = 'csv', columns = ['uprn', 'town'], encoding = 'windows-1252' }";
const ID: &str = "0190-batch";
const FINAL: &str = "out/changes-0190-batch.csv";
const CONTENT: &str = "uprn,town\r\n1,Zedbury\r\n";

fn handover(id: &str, message: Value) -> Handover {
    let dispatch = DispatchId::new("/gazetteer", "1", "route");
    let event_type = "property.created.v1".to_owned();
    let (subject, message) = ("uprn:1".to_owned(), message.into());
    let item = Outgoing { dispatch, event_type, subject, message, traceparent: None };
    Handover { id: id.to_owned(), items: vec![item] }
}

fn zedbury() -> Handover {
    handover(ID, json!({"uprn": 1, "town": "Zedbury"}))
}

async fn delivered(sink: &dyn Sink, handover: &Handover) -> String {
    sink.deliver(handover).await.expect("delivered").reference.expect("a name")
}

#[tokio::test]
async fn a_handover_becomes_one_file_and_the_folder_holds_nothing_else_to_see() {
    let room = Room::new();
    let sink = room.sink(SETTINGS);
    assert_eq!(delivered(sink.as_ref(), &zedbury()).await, "changes-0190-batch.csv");
    assert_eq!(room.get(FINAL), CONTENT);
    assert_eq!(room.names("out"), [".postroom", "changes-0190-batch.csv"]);
    assert_eq!(room.names("out/.postroom"), ["0190-batch.id"]);
}

#[tokio::test]
async fn a_handover_that_the_target_has_taken_away_is_never_delivered_again() {
    let room = Room::new();
    let first = delivered(room.sink(SETTINGS).as_ref(), &zedbury()).await;
    fs::remove_file(room.path(FINAL)).expect("taken away");
    assert_eq!(delivered(room.sink(SETTINGS).as_ref(), &zedbury()).await, first);
    assert!(!room.has(FINAL));
}

/// What a killed run may leave behind, and whether the final file is there after the next call.
#[tokio::test]
async fn a_kill_at_any_step_gives_one_file_and_one_receipt() {
    let (id, ready, tmp) =
        ("out/.postroom/0190-batch.id", "out/.postroom/0190-batch.ready", "out/.postroom/0190-batch.tmp");
    let evidence = r#"{"file":"changes-0190-batch.csv"}"#;
    let half = "uprn,to";
    let states: [(&str, &[(&str, &str)]); 7] = [
        ("before anything", &[]),
        ("while writing", &[(tmp, half)]),
        ("after writing", &[(tmp, CONTENT)]),
        ("after renaming to ready", &[(ready, CONTENT)]),
        ("while writing the evidence", &[(ready, CONTENT), ("out/.postroom/.0190-batch.id.tmp", "{")]),
        ("after the evidence", &[(ready, CONTENT), (id, evidence)]),
        ("after renaming to the final name", &[(FINAL, CONTENT), (id, evidence)]),
    ];
    for (killed, files) in states {
        let room = Room::new();
        for (path, content) in files {
            room.put(path, content);
        }
        for _ in 0..2 {
            assert_eq!(
                delivered(room.sink(SETTINGS).as_ref(), &zedbury()).await,
                "changes-0190-batch.csv",
                "{killed}"
            );
            assert_eq!(room.get(FINAL), CONTENT, "{killed}");
        }
        assert_eq!(room.names("out").len(), 2, "{killed}");
        assert!(!room.has(ready) && !room.has(tmp) && room.has(id), "{killed}");
    }
}

#[tokio::test]
async fn the_name_of_a_repeated_handover_is_that_of_the_first_attempt() {
    let room = Room::new();
    let settings = SETTINGS.replace("changes-", "{date}-");
    room.put("out/.postroom/0190-batch.ready", CONTENT);
    room.put("out/.postroom/0190-batch.id", r#"{"file":"20260701-0190-batch.csv"}"#);
    assert_eq!(delivered(room.sink(&settings).as_ref(), &zedbury()).await, "20260701-0190-batch.csv");
    assert!(room.has("out/20260701-0190-batch.csv"));
}

#[tokio::test]
async fn a_file_with_other_content_is_never_overwritten() {
    let room = Room::new();
    let sink = room.sink(SETTINGS);
    room.put(FINAL, "somebody's");
    for _ in 0..2 {
        let error = sink.deliver(&zedbury()).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Permanent);
        assert_eq!(room.get(FINAL), "somebody's");
    }
    fs::remove_file(room.path(FINAL)).expect("removed");
    delivered(sink.as_ref(), &zedbury()).await;
    assert_eq!(room.get(FINAL), CONTENT);
}

#[tokio::test]
async fn what_cannot_be_written_is_permanent_leaves_nothing_and_tells_no_value() {
    let room = Room::new();
    let sink = room.sink(SETTINGS);
    let lacking = handover(ID, json!({"uprn": 1, "town": "Łódź"}));
    let error = sink.deliver(&lacking).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent);
    assert!(error.to_string().contains("`town`") && !error.to_string().contains('Ł'), "{error}");
    assert_eq!((room.names("out"), room.names("out/.postroom").len()), (vec![".postroom".to_owned()], 0));
    for id in ["", "a/b", "../a", ".a"] {
        let error = sink.deliver(&handover(id, json!({}))).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Permanent, "{id}");
    }
}

#[tokio::test]
async fn a_folder_that_vanishes_is_down_until_it_is_back() {
    let room = Room::new();
    let sink = room.sink(SETTINGS);
    fs::rename(room.path("out"), room.path("away")).expect("moved");
    for _ in 0..2 {
        assert_eq!(sink.deliver(&zedbury()).await.expect_err("an error").failure, Failure::Down);
        assert!(!room.has("out"));
    }
    fs::rename(room.path("away"), room.path("out")).expect("moved back");
    delivered(sink.as_ref(), &zedbury()).await;
}

#[tokio::test]
async fn old_evidence_is_pruned_when_the_sink_is_built_and_what_is_unfinished_is_kept() {
    let room = Room::new();
    let old = ["old.id", "torn.tmp", "lone.ready", "unfinished.id", "unfinished.ready"];
    for name in old.iter().chain(&["new.id"]) {
        room.put(&format!("out/.postroom/{name}"), r#"{"file":"x"}"#);
    }
    for name in old {
        let file = fs::File::options().write(true).open(room.path(&format!("out/.postroom/{name}")));
        let then = SystemTime::now() - Duration::from_secs(61 * 86_400);
        file.and_then(|file| file.set_modified(then)).expect("a time");
    }
    room.sink(SETTINGS);
    assert_eq!(room.names("out/.postroom"), ["new.id", "unfinished.id", "unfinished.ready"]);
}
