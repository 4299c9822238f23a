//! The folder of a server as a source.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use postroom_connector::{Arrival, Ending, Failure};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::server::Server;
use super::{CANARY, CSV, at_once, error};
use crate::room::{Room, arrival, batch, refused, take, values};

#[tokio::test]
async fn files_of_a_server_are_taken_in_the_order_of_the_list_and_moved_to_done() {
    let room = Room::new();
    let server = Server::start(&room);
    for name in ["delete.csv", "insert.csv", "update.csv", "z.csv"] {
        room.put(&format!("remote/{name}"), "1,2\n");
    }
    let proxy = Proxy::before(server.port);
    let order = "order = ['*insert*', '*update*', '*delete*']";
    let mut source = room.source(&at_once(&server.sftp_at(&room, proxy.port), order));
    for expected in ["insert.csv", "update.csv", "delete.csv", "z.csv"] {
        assert_eq!(take(source.as_mut()).await, expected);
    }
    assert_eq!(room.names("remote"), ["done"]);
    assert_eq!(room.names("remote/done"), ["delete.csv", "insert.csv", "update.csv", "z.csv"]);
    assert_eq!(room.get("remote/done/z.csv"), "1,2\n");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(proxy.connections(), 1, "one line is kept open");
    drop(source);
    proxy.all_closed().await;
}

#[tokio::test]
async fn a_refused_file_of_a_server_is_put_aside_with_its_reason_beside_it() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/bad.csv", format!("1,2\n3,\"{CANARY}\n"));
    room.put("remote/unknown.txt", "x");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    let bad = refused(arrival(source.as_mut()).await);
    assert_eq!((bad.label.as_str(), bad.fault.rule, bad.fault.line), ("bad.csv", "cut-off", 2));
    let unknown = refused(arrival(source.as_mut()).await);
    assert_eq!((unknown.label.as_str(), unknown.fault.rule), ("unknown.txt", "unknown-file"));
    assert_eq!(room.names("remote"), ["refused"]);
    let names = ["bad.csv", "bad.csv.why.json", "unknown.txt", "unknown.txt.why.json"];
    assert_eq!(room.names("remote/refused"), names);

    let mut why: Value = serde_json::from_str(&room.get("remote/refused/bad.csv.why.json")).expect("JSON");
    why["at"].take();
    let words = "the input ends inside a quoted column";
    let expected = json!({
        "file": "bad.csv", "sha256": bad.id, "rule": "cut-off", "line": 2, "number": 0, "place": "", "at": null,
        "words": words,
    });
    assert_eq!(why, expected);
}

#[tokio::test]
async fn a_refusal_that_was_cut_between_its_steps_is_ended_by_the_next_run() {
    let room = Room::new();
    let server = Server::start(&room);
    let settings = at_once(&server.sftp(&room), "");
    room.put("remote/bad.csv", "\"");
    refused(arrival(room.source(&settings).as_mut()).await);
    fs::rename(room.path("remote/refused/bad.csv"), room.path("remote/bad.csv")).expect("moved back");
    refused(arrival(room.source(&settings).as_mut()).await);
    assert_eq!(room.names("remote/refused"), ["bad.csv", "bad.csv.why.json"]);

    room.put("remote/bad.csv", "\"another");
    refused(arrival(room.source(&settings).as_mut()).await);
    let names = ["bad.2.csv", "bad.2.csv.why.json", "bad.csv", "bad.csv.why.json"];
    assert_eq!(room.names("remote/refused"), names);
}

#[tokio::test]
async fn nothing_in_done_of_a_server_is_ever_overwritten() {
    let room = Room::new();
    let server = Server::start(&room);
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    for content in ["1,2\n", "3,4\n", "5,6\n"] {
        room.put("remote/a.csv", content);
        assert_eq!(take(source.as_mut()).await, "a.csv");
    }
    assert_eq!(room.names("remote/done"), ["a.2.csv", "a.3.csv", "a.csv"]);
    assert_eq!(room.get("remote/done/a.csv"), "1,2\n");
    assert_eq!(room.get("remote/done/a.3.csv"), "5,6\n");
}

#[tokio::test]
async fn hidden_and_unfinished_files_links_and_folders_of_a_server_are_never_taken() {
    let room = Room::new();
    let server = Server::start(&room);
    for name in [".hidden.csv", "x.csv.tmp", "x.csv.PART", "folder.csv/x.csv"] {
        room.put(&format!("remote/{name}"), "1,2\n");
    }
    symlink(room.path("remote/.hidden.csv"), room.path("remote/link.csv")).expect("a link");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    room.put("remote/z.csv", "1,2\n");
    assert_eq!(take(source.as_mut()).await, "z.csv");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(room.names("remote").len(), 6);
}

#[tokio::test]
async fn a_file_of_a_server_with_a_marker_is_taken_and_lone_markers_are_removed() {
    let room = Room::new();
    let server = Server::start(&room);
    for (name, content) in [("a.csv", "1,2\n"), ("b.csv", "1,2\n"), ("b.csv.done", ""), ("c.csv.done", "")] {
        room.put(&format!("remote/{name}"), content);
    }
    let sftp = server.sftp(&room);
    let settings = format!("{sftp}every = '100ms'\ncomplete = {{ marker = '.done' }}\n{CSV}");
    let mut source = room.source(&settings);
    assert_eq!(take(source.as_mut()).await, "b.csv");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(room.names("remote"), ["a.csv", "done"]);
}

#[tokio::test]
async fn a_server_whose_clock_is_wrong_changes_nothing() {
    let room = Room::new();
    let server = Server::start(&room);
    let now = SystemTime::now();
    let day = Duration::from_secs(86_400);
    for (name, time) in [("ahead.csv", now + day), ("behind.csv", now - day)] {
        room.put(&format!("remote/{name}"), "1,2\n");
        let file = fs::File::options().write(true).open(room.path(&format!("remote/{name}")));
        file.and_then(|file| file.set_modified(time)).expect("a time");
    }
    let settings = format!("{}every = '100ms'\nsettle = '300ms'\n{CSV}", server.sftp(&room));
    let mut source = room.source(&settings);
    for expected in ["ahead.csv", "behind.csv"] {
        assert_eq!(take(source.as_mut()).await, expected);
    }
}

#[tokio::test]
async fn a_file_that_grows_on_the_server_is_taken_once_it_is_stable() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a.csv", "1,2\n");
    let settings = format!("{}every = '100ms'\nsettle = '1h'\n{CSV}", server.sftp(&room));
    let mut source = room.source(&settings);
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    let mut source = room.source(&settings.replace("1h", "200ms"));
    let waiting = async { batch(arrival(source.as_mut()).await) };
    let ((), batch) = tokio::join!(async { room.put("remote/a.csv", "1,2\n3,4\n") }, waiting);
    assert_eq!((batch.label(), batch.len()), ("a.csv", 2));
}

#[tokio::test]
async fn a_batch_of_a_server_that_is_dropped_comes_again_and_only_one_is_out_at_a_time() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a.csv", "1,2\n");
    room.put("remote/b.csv", "1,2\n");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    let first = batch(arrival(source.as_mut()).await);
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    let id = first.id().to_owned();
    drop(first);
    let again = batch(arrival(source.as_mut()).await);
    assert_eq!((again.label(), again.id()), ("a.csv", id.as_str()));
    again.finish(Ending::Repeated).await.expect("put away");
    assert_eq!(take(source.as_mut()).await, "b.csv");
}

#[tokio::test]
async fn a_batch_of_a_server_cannot_be_done_before_it_was_read_to_its_end() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a.csv", "1,2\n3,4\n5,6\n");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    let mut first = batch(arrival(source.as_mut()).await);
    assert_eq!(first.read(1).await.expect("records").len(), 1);
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Permanent);
    assert!(room.has("remote/a.csv"));
}

#[tokio::test]
async fn a_file_that_was_replaced_on_the_server_after_it_was_read_is_not_put_away_unread() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a.csv", "1,2\n");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    let mut first = batch(arrival(source.as_mut()).await);
    room.put("remote/a.csv", "1,2\n3,4\n");
    assert_eq!(values(first.as_mut()).await, [json!({"a": "1", "b": "2"})], "the copy is what was checked");
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Transient);
    let mut again = batch(arrival(source.as_mut()).await);
    assert_eq!(values(again.as_mut()).await.len(), 2);
}

#[tokio::test]
async fn a_copy_of_a_file_has_no_name_on_this_machine() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a.csv", "1,2\n");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    let mut taken = batch(arrival(source.as_mut()).await);
    assert!(room.names("sftp/gazetteer/in").is_empty());
    assert_eq!(values(taken.as_mut()).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_larger_than_the_limit_is_refused_and_not_read() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    room.put("remote/a.csv", vec![b'x'; 2 * 1024 * 1024]);
    let mut source = room.source(&at_once(&server.sftp_at(&room, proxy.port), "largest_mib = 1"));
    let large = refused(arrival(source.as_mut()).await);
    assert_eq!((large.fault.rule, large.id.as_str()), ("file-too-large", ""));
    assert_eq!(room.names("remote/refused"), ["a.csv", "a.csv.why.json"]);
    assert!(proxy.bytes_to_client() < 100_000, "{}", proxy.bytes_to_client());
}

#[tokio::test]
async fn a_folder_that_is_not_on_the_server_is_down_until_it_is_there() {
    let room = Room::new();
    let server = Server::start(&room);
    fs::remove_dir(room.path("remote")).expect("removed");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    assert_eq!(error(source.as_mut()).await.failure, Failure::Down);
    assert!(!room.has("remote"));
    room.put("remote/a.csv", "1,2\n");
    assert_eq!(take(source.as_mut()).await, "a.csv");
}
