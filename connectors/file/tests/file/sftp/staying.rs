//! Files that stay on the server: those that may not be moved, old ones by the thousand, and those with bad names.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use postroom_connector::{Arrival, Failure};

use super::proxy::Proxy;
use super::server::Server;
use super::{at_once, error};
use crate::room::{Room, arrival, refused, take};

/// Files in a folder that councils really have.
const OLD_FILES: usize = 50_000;

#[tokio::test]
async fn a_file_that_must_stay_is_taken_once_and_again_when_it_changes() {
    let room = Room::new();
    let server = Server::read_only(&room);
    room.put("remote/a.csv", "1,2\n");
    room.put("remote/bad.csv", "\"");
    let settings = at_once(&server.sftp(&room), "after = 'leave'");
    let mut source = room.source(&settings);
    assert_eq!(take(source.as_mut()).await, "a.csv");
    assert_eq!(refused(arrival(source.as_mut()).await).label, "bad.csv");
    for _ in 0..2 {
        assert!(matches!(source.next().await, Ok(Arrival::Idle)));
        source = room.source(&settings);
    }
    assert_eq!(room.names("remote"), ["a.csv", "bad.csv"]);
    room.put("remote/a.csv", "1,2\n3,4\n");
    assert_eq!(take(source.as_mut()).await, "a.csv");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
}

#[tokio::test]
async fn an_account_that_may_not_move_files_is_told_what_would_help() {
    let room = Room::new();
    let server = Server::read_only(&room);
    fs::create_dir(room.path("remote/done")).expect("a folder");
    room.put("remote/a.csv", "1,2\n");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    let mut batch = crate::room::batch(arrival(source.as_mut()).await);
    crate::room::values(batch.as_mut()).await;
    let error = batch.finish(postroom_connector::Ending::Done).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent);
    assert!(error.to_string().contains("after = \"leave\""), "{error}");
}

#[tokio::test]
async fn a_name_with_a_control_character_is_told_once_and_holds_nothing_up() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a\nb.csv", "1,2\n");
    room.put("remote/z.csv", "1,2\n");
    let settings = at_once(&server.sftp(&room), "");
    let mut source = room.source(&settings);
    let bad = refused(arrival(source.as_mut()).await);
    assert_eq!((bad.label.as_str(), bad.fault.rule), ("a\\nb.csv", "bad-name"));
    assert_eq!(take(source.as_mut()).await, "z.csv");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert!(matches!(room.source(&settings).next().await, Ok(Arrival::Idle)), "nor by the next run");
    assert!(room.has("remote/a\nb.csv"));
}

#[tokio::test]
async fn fifty_thousand_files_in_done_cost_nothing() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    make_files(&room.path("remote/done"), OLD_FILES);
    room.put("remote/new.csv", "1,2\n");
    let mut source = room.source(&at_once(&server.sftp_at(&room, proxy.port), ""));
    let begun = Instant::now();
    assert_eq!(take(source.as_mut()).await, "new.csv");
    println!("one file taken beside {OLD_FILES} in done: {:?}", begun.elapsed());
    assert!(proxy.bytes_to_client() < 100_000, "{} bytes came", proxy.bytes_to_client());
}

#[tokio::test]
async fn fifty_thousand_files_that_stay_cost_one_listing_and_no_download() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    let remote = room.path("remote");
    make_files(&remote, OLD_FILES);
    let changed = fs::metadata(remote.join("old-0.csv")).and_then(|found| found.modified()).expect("a time");
    let seconds = changed.duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
    let line = |number: usize| format!("[\"old-{number}.csv\",4,{seconds}]\n");
    room.put("sftp/gazetteer/in/kept.jsonl", (0..OLD_FILES).map(line).collect::<String>());

    room.put("remote/new.csv", "1,2\n");
    let settings = at_once(&server.sftp_at(&room, proxy.port), "after = 'leave'").replace("100ms", "1h");
    let mut source = room.source(&settings);
    let begun = Instant::now();
    assert_eq!(take(source.as_mut()).await, "new.csv");
    let (took, bytes) = (begun.elapsed(), proxy.bytes_to_client());
    println!("one look at {OLD_FILES} files that stay, and one taken: {took:?}, {bytes} bytes");
    assert!(bytes < OLD_FILES as u64 * 250, "{bytes} bytes came for {OLD_FILES} entries");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(proxy.bytes_to_client(), bytes, "no second look before it is due");
    let kept = room.get("sftp/gazetteer/in/kept.jsonl");
    assert_eq!(kept.lines().filter(|line| !line.is_empty()).count(), OLD_FILES + 1, "the listing was whole");
}

#[tokio::test]
async fn what_is_gone_from_the_server_is_forgotten() {
    let room = Room::new();
    let server = Server::start(&room);
    let settings = at_once(&server.sftp(&room), "after = 'leave'");
    room.put("remote/a.csv", "1,2\n");
    let mut source = room.source(&settings);
    assert_eq!(take(source.as_mut()).await, "a.csv");
    assert!(room.get("sftp/gazetteer/in/kept.jsonl").contains("a.csv"));
    fs::remove_file(room.path("remote/a.csv")).expect("removed");
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert!(!room.get("sftp/gazetteer/in/kept.jsonl").contains("a.csv"));
}

#[tokio::test]
async fn what_is_remembered_must_be_readable_before_anything_is_taken() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a.csv", "1,2\n");
    room.put("sftp/gazetteer/in/kept.jsonl", [0xff, 0xfe]);
    let mut source = room.source(&at_once(&server.sftp(&room), "after = 'leave'"));
    assert_eq!(error(source.as_mut()).await.failure, Failure::Transient);
}

/// Files of four bytes, all of the same age.
fn make_files(folder: &Path, count: usize) {
    fs::create_dir_all(folder).expect("a folder");
    let then = SystemTime::now() - Duration::from_secs(1_000);
    for number in 0..count {
        let path = folder.join(format!("old-{number}.csv"));
        fs::write(&path, "1,2\n").expect("a file");
        let file = fs::File::options().write(true).open(path).expect("a file");
        file.set_modified(then).expect("a time");
    }
}
