//! The folder as a source.

use std::fs;
use std::io::Write;
use std::time::SystemTime;

use postroom_connector::{Arrival, Ending, Failure};
use serde_json::{Value, json};

use crate::room::{Room, arrival, batch, refused, take, values};

const CSV: &str = "files = [{ pattern = '*.csv', format = { kind = 'csv', columns = ['a', 'b'] } }]\n";
/// SHA-256 of `1,2\n`.
const ONE_ROW: &str = "52186c933993da4082b3cdc7c40bb4bf735b391ff54a2ef78c037dda6c38a680";

fn marked() -> String {
    format!("folder = 'in'\ncomplete = {{ marker = '.done' }}\n{CSV}")
}

fn at_once(order: &str) -> String {
    format!("folder = 'in'\nsettle = '0s'\norder = {order}\n{CSV}")
}

#[tokio::test]
async fn files_that_wait_are_taken_in_the_order_of_the_list_and_moved_to_done() {
    let room = Room::new();
    for name in ["delete.csv", "insert.csv", "update.csv", "z.csv"] {
        room.put(&format!("in/{name}"), "1,2\n");
    }
    let mut source = room.source(&at_once("['*insert*', '*update*', '*delete*']"));
    for expected in ["insert.csv", "update.csv", "delete.csv", "z.csv"] {
        assert_eq!(take(source.as_mut()).await, expected);
    }
    assert_eq!(room.names("in"), ["done"]);
    assert_eq!(room.names("in/done"), ["delete.csv", "insert.csv", "update.csv", "z.csv"]);
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
}

#[tokio::test]
async fn hidden_and_unfinished_files_and_folders_are_never_taken() {
    let room = Room::new();
    for name in [".hidden.csv", "x.csv.tmp", "x.csv.PART", "folder.csv/x.csv"] {
        room.put(&format!("in/{name}"), "1,2\n");
    }
    let mut source = room.source(&at_once("'name'"));
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(room.names("in").len(), 4);
}

#[tokio::test]
async fn a_file_that_comes_while_the_source_waits_is_taken_once_it_is_stable() {
    let room = Room::new();
    let mut source = room.source(&format!("folder = 'in'\nsettle = '100ms'\n{CSV}"));
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    let waiting = async { batch(arrival(source.as_mut()).await) };
    let ((), batch) = tokio::join!(async { room.put("in/a.csv", "1,2\n3,4\n") }, waiting);
    assert_eq!((batch.label(), batch.len()), ("a.csv", 2));
}

#[tokio::test]
async fn a_file_with_a_marker_is_taken_and_the_marker_removed() {
    let room = Room::new();
    room.put("in/a.csv", "1,2\n");
    room.put("in/b.csv", "1,2\n");
    room.put("in/b.csv.done", "");
    let mut source = room.source(&marked());
    assert_eq!(take(source.as_mut()).await, "b.csv");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(room.names("in"), ["a.csv", "done"]);
}

#[tokio::test]
async fn a_marker_that_a_killed_run_left_behind_does_not_complete_the_next_file() {
    let room = Room::new();
    room.put("in/done/a.csv", "1,2\n");
    room.put("in/a.csv.done", "");
    let mut source = room.source(&marked());
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(room.names("in"), ["done"]);
}

#[tokio::test]
async fn a_refused_file_is_put_aside_with_its_reason_beside_it() {
    let room = Room::new();
    room.put("in/bad.csv", "1,2\n3,\"Lovelace\n");
    room.put("in/unknown.txt", "x");
    let mut source = room.source(&at_once("'name'"));
    let bad = refused(arrival(source.as_mut()).await);
    assert_eq!((bad.label.as_str(), bad.fault.rule, bad.fault.line), ("bad.csv", "cut-off", 2));
    let unknown = refused(arrival(source.as_mut()).await);
    assert_eq!((unknown.label.as_str(), unknown.fault.rule), ("unknown.txt", "unknown-file"));
    assert_eq!(room.names("in"), ["refused"]);
    let names = ["bad.csv", "bad.csv.why.json", "unknown.txt", "unknown.txt.why.json"];
    assert_eq!(room.names("in/refused"), names);

    let mut why: Value = serde_json::from_str(&room.get("in/refused/bad.csv.why.json")).expect("JSON");
    let at = why["at"].take();
    assert!(at.as_str().is_some_and(|at| at.ends_with('Z')), "{at}");
    assert_eq!(
        why,
        json!({
            "file": "bad.csv", "sha256": bad.id, "rule": "cut-off", "line": 2, "number": 0, "place": "", "at": null,
            "words": "the input ends inside a quoted column",
        })
    );
    assert!(!why.to_string().contains("Lovelace"));
}

#[tokio::test]
async fn a_trailer_that_differs_gives_no_record_at_all_and_tells_both_numbers() {
    let room = Room::new();
    room.put("in/a.xml", "<B><R>1</R><Count>8</Count></B>");
    let mut source = room.source(
        "folder = 'in'\nsettle = '0s'\n[[files]]\npattern = '*'\n\
         format = { kind = 'xml', record = 'R', trailer = { count = 'Count' } }",
    );
    let words = refused(arrival(source.as_mut()).await).fault.words;
    assert_eq!(words, "the trailer says 8 records, the file holds 1");
}

#[tokio::test]
async fn a_refusal_that_was_killed_between_its_steps_is_ended_by_the_next_run() {
    let room = Room::new();
    room.put("in/bad.csv", "\"");
    refused(arrival(room.source(&at_once("'name'")).as_mut()).await);
    fs::rename(room.path("in/refused/bad.csv"), room.path("in/bad.csv")).expect("moved back");
    refused(arrival(room.source(&at_once("'name'")).as_mut()).await);
    assert_eq!(room.names("in/refused"), ["bad.csv", "bad.csv.why.json"]);

    room.put("in/bad.csv", "\"another");
    refused(arrival(room.source(&at_once("'name'")).as_mut()).await);
    let names = ["bad.2.csv", "bad.2.csv.why.json", "bad.csv", "bad.csv.why.json"];
    assert_eq!(room.names("in/refused"), names);
}

#[tokio::test]
async fn nothing_in_done_is_ever_overwritten() {
    let room = Room::new();
    let mut source = room.source(&at_once("'name'"));
    for content in ["1,2\n", "3,4\n", "5,6\n"] {
        room.put("in/a.csv", content);
        assert_eq!(take(source.as_mut()).await, "a.csv");
    }
    assert_eq!(room.names("in/done"), ["a.2.csv", "a.3.csv", "a.csv"]);
    assert_eq!(room.get("in/done/a.csv"), "1,2\n");
    assert_eq!(room.get("in/done/a.3.csv"), "5,6\n");
}

#[tokio::test]
async fn the_same_content_has_the_same_id_under_any_name_and_may_be_put_away_unread() {
    let room = Room::new();
    room.put("in/a.csv", "1,2\n");
    room.put("in/b.csv", "1,2\n");
    let mut source = room.source(&at_once("'name'"));
    let first = batch(arrival(source.as_mut()).await);
    assert_eq!(first.id(), ONE_ROW);
    first.finish(Ending::Repeated).await.expect("put away");
    let second = batch(arrival(source.as_mut()).await);
    assert_eq!((second.label(), second.id()), ("b.csv", ONE_ROW));
    second.finish(Ending::Repeated).await.expect("put away");
    assert_eq!(room.names("in/done"), ["a.csv", "b.csv"]);
}

#[tokio::test]
async fn a_batch_that_is_dropped_unfinished_comes_again_and_only_one_is_out_at_a_time() {
    let room = Room::new();
    room.put("in/a.csv", "1,2\n");
    room.put("in/b.csv", "1,2\n");
    let mut source = room.source(&at_once("'name'"));
    let first = batch(arrival(source.as_mut()).await);
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    drop(first);
    assert_eq!(take(source.as_mut()).await, "a.csv");
    assert_eq!(take(source.as_mut()).await, "b.csv");
}

#[tokio::test]
async fn a_batch_cannot_be_done_before_it_was_read_to_its_end() {
    let room = Room::new();
    room.put("in/a.csv", "1,2\n3,4\n5,6\n");
    let mut source = room.source(&at_once("'name'"));
    let mut first = batch(arrival(source.as_mut()).await);
    assert_eq!(first.read(1).await.expect("records").len(), 1);
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Permanent);
    assert!(room.has("in/a.csv"));
}

#[tokio::test]
async fn a_file_that_changes_between_the_two_readings_is_noticed_at_its_end() {
    let room = Room::new();
    room.put("in/a.csv", "1,2\n3,4\n");
    let mut source = room.source(&at_once("'name'"));
    for change in ["1,2\n3,5\n", "1,2\n", "1,2\n3,4\n5,6\n", "1,\"2\n3,4"] {
        let mut batch = batch(arrival(source.as_mut()).await);
        room.put("in/a.csv", change);
        let mut read = batch.read(1).await;
        while read.as_ref().is_ok_and(|chunk| !chunk.is_empty()) {
            read = batch.read(1).await;
        }
        let error = read.expect_err("an error");
        assert_eq!(
            (error.failure, error.detail.as_str()),
            (Failure::Transient, "changed while read"),
            "{change}"
        );
        assert!(batch.read(1).await.is_err(), "the end never looks like a good one");
        drop(batch);
        room.put("in/a.csv", "1,2\n3,4\n");
    }
}

#[tokio::test]
async fn a_file_that_was_replaced_after_it_was_read_is_not_put_away_unread() {
    let room = Room::new();
    room.put("in/a.csv", "1,2\n");
    let mut source = room.source(&at_once("'name'"));
    let mut first = batch(arrival(source.as_mut()).await);
    values(first.as_mut()).await;
    let mut file = fs::OpenOptions::new().append(true).open(room.path("in/a.csv")).expect("a file");
    file.write_all(b"3,4\n").expect("written");
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Transient);
    let mut again = batch(arrival(source.as_mut()).await);
    assert_eq!(values(again.as_mut()).await.len(), 2);
}

#[tokio::test]
async fn refused_rows_are_counted_and_the_rest_is_read() {
    let room = Room::new();
    room.put("in/a.csv", "1,2\n3\n4,5\n");
    let mut source = room.source(&at_once("'name'"));
    let mut batch = batch(arrival(source.as_mut()).await);
    assert_eq!(batch.len(), 3);
    assert_eq!(values(batch.as_mut()).await, [json!({"a": "1", "b": "2"}), json!({"a": "4", "b": "5"})]);
}

#[tokio::test]
async fn publish_opens_one_file_by_its_name_and_leaves_it_where_it_is() {
    let room = Room::new();
    room.put("elsewhere/a.csv", "1,2\n");
    room.put("elsewhere/b.csv", "");
    let mut opened = batch(room.open(&marked(), &room.path("elsewhere/a.csv")).expect("opened"));
    assert_eq!(values(opened.as_mut()).await.len(), 1);
    opened.finish(Ending::Done).await.expect("finished");
    let empty = refused(room.open(&marked(), &room.path("elsewhere/b.csv")).expect("opened"));
    assert_eq!(empty.fault.rule, "empty");
    assert_eq!(room.names("elsewhere"), ["a.csv", "b.csv"]);
    let absent = room.open(&marked(), &room.path("elsewhere/c.csv")).err().expect("an error");
    assert_eq!(absent.failure, Failure::Permanent);
}

#[tokio::test]
async fn a_folder_that_vanishes_is_down_and_not_made_anew() {
    let room = Room::new();
    let mut source = room.source(&at_once("'name'"));
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    fs::remove_dir_all(room.path("in")).expect("removed");
    assert_eq!(source.next().await.err().expect("an error").failure, Failure::Down);
    assert!(!room.has("in"));
    room.put("in/a.csv", "1,2\n");
    assert_eq!(take(source.as_mut()).await, "a.csv");
}

#[tokio::test]
async fn the_oldest_change_comes_first_where_the_settings_say_modified() {
    let room = Room::new();
    for (name, age) in [("a.csv", 10), ("b.csv", 30), ("c.csv", 20)] {
        room.put(&format!("in/{name}"), "1,2\n");
        let file = fs::File::options().write(true).open(room.path(&format!("in/{name}"))).expect("a file");
        file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).expect("a time");
    }
    let mut source = room.source(&at_once("'modified'"));
    for expected in ["b.csv", "c.csv", "a.csv"] {
        assert_eq!(take(source.as_mut()).await, expected);
    }
}
