//! What a source makes of servers and lines that break, hang and come again.

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use postroom_connector::{Ending, Failure};

use super::odd::{Listing, PASSWORD, odd_server};
use super::proxy::{Proxy, Way};
use super::server::{Server, sftp};
use super::{CANARY, at_once, batch_after_errors, error};
use crate::room::{Room, arrival, batch, take, values};

/// Rows of a file that takes many answers of a server.
const ROWS: usize = 200_000;
/// How much of it has come when something breaks.
const HALF_WAY: u64 = 1_000_000;

fn long_file() -> String {
    (0..ROWS).map(|row| format!("{row},{CANARY}\n")).collect()
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_download_gives_the_whole_file_once_it_is_back() {
    let room = Room::new();
    let server = Arc::new(Mutex::new(Server::start(&room)));
    let port = server.lock().expect("a server").port;
    let proxy = Proxy::before(port);
    room.put("remote/a.csv", long_file());
    let sftp = server.lock().expect("a server").sftp_at(&room, proxy.port);
    let mut source = room.source(&at_once(&sftp, ""));
    let kept = Arc::clone(&server);
    proxy.cut_when(move |way, bytes| {
        let half_way = way == Way::ToClient && bytes > HALF_WAY;
        if half_way {
            kept.lock().expect("a server").kill();
        }
        half_way
    });
    assert_eq!(error(source.as_mut()).await.failure, Failure::Down);
    assert!(proxy.has_cut());
    assert_eq!(error(source.as_mut()).await.failure, Failure::Down, "as long as it is away");
    server.lock().expect("a server").begin();
    let mut taken = batch_after_errors(source.as_mut()).await;
    assert_eq!(values(taken.as_mut()).await.len(), ROWS);
    taken.finish(Ending::Done).await.expect("put away");
    assert_eq!(room.names("remote/done"), ["a.csv"]);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_copied_is_left_and_taken_as_it_is_then() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    room.put("remote/a.csv", long_file());
    let path = room.path("remote/a.csv");
    let mut source = room.source(&at_once(&server.sftp_at(&room, proxy.port), ""));
    let mut changed = false;
    proxy.cut_when(move |way, bytes| {
        if way == Way::ToClient && bytes > HALF_WAY && !changed {
            changed = true;
            let file = fs::OpenOptions::new().append(true).open(&path);
            file.and_then(|mut file| file.write_all(b"1,2\n")).expect("written");
        }
        false
    });
    let mut taken = batch(arrival(source.as_mut()).await);
    assert_eq!(taken.len(), ROWS as u64 + 1);
    assert_eq!(values(taken.as_mut()).await.len(), ROWS + 1);
}

#[tokio::test]
async fn a_line_that_is_cut_while_a_file_is_put_away_leaves_it_to_be_recognised() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    room.put("remote/a.csv", "1,2\n");
    let mut source = room.source(&at_once(&server.sftp_at(&room, proxy.port), ""));
    let mut first = batch(arrival(source.as_mut()).await);
    let id = first.id().to_owned();
    values(first.as_mut()).await;
    proxy.cut_when(|way, _| way == Way::ToServer);
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Down);
    let again = batch_after_errors(source.as_mut()).await;
    assert_eq!(again.id(), id);
    again.finish(Ending::Repeated).await.expect("put away");
    assert_eq!(room.names("remote/done"), ["a.csv"]);
}

#[tokio::test]
async fn a_file_whose_move_was_done_and_not_answered_is_away() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    room.put("remote/a.csv", "1,2\n");
    room.put("remote/b.csv", "3,4\n");
    let mut source = room.source(&at_once(&server.sftp_at(&room, proxy.port), ""));
    let mut first = batch(arrival(source.as_mut()).await);
    values(first.as_mut()).await;
    let done = room.path("remote/done/a.csv");
    proxy.cut_when(move |way, _| way == Way::ToClient && done.exists());
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Down);
    let mut second = batch_after_errors(source.as_mut()).await;
    assert_eq!(second.label(), "b.csv");
    values(second.as_mut()).await;
    second.finish(Ending::Done).await.expect("put away");
    assert_eq!(room.names("remote/done"), ["a.csv", "b.csv"]);
}

#[tokio::test]
async fn a_server_that_hangs_is_down_within_the_time_of_the_settings_and_good_again_when_it_goes_on() {
    let room = Room::new();
    let server = Server::start(&room);
    room.put("remote/a.csv", "1,2\n");
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    assert_eq!(take(source.as_mut()).await, "a.csv");
    server.freeze();
    let begun = Instant::now();
    let failed = error(source.as_mut()).await;
    assert_eq!(failed.failure, Failure::Down);
    assert!(failed.to_string().contains("sftp.timeout"), "{failed}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    server.thaw();
    room.put("remote/b.csv", "1,2\n");
    let taken = batch_after_errors(source.as_mut()).await;
    assert_eq!(taken.label(), "b.csv");
}

#[tokio::test]
async fn a_source_that_is_dropped_while_its_server_hangs_closes_its_line_at_once() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    let mut source = room.source(&at_once(&server.sftp_at(&room, proxy.port), ""));
    room.put("remote/a.csv", "1,2\n");
    assert_eq!(take(source.as_mut()).await, "a.csv");
    server.freeze();
    // It waits for an answer that does not come, and is left to itself.
    let _ = tokio::time::timeout(Duration::from_millis(200), source.next()).await;
    drop(source);
    proxy.all_closed().await;
    server.thaw();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_down() {
    let room = Room::new();
    let mut server = Server::start(&room);
    server.kill();
    let mut source = room.source(&at_once(&server.sftp(&room), ""));
    assert_eq!(error(source.as_mut()).await.failure, Failure::Down);
    let nobody =
        sftp(&room.path("remote"), server.port, &server.fingerprint("host"), "key = { file = 'ssh/id' }")
            .replace("127.0.0.1", "no-such-host.invalid");
    let mut source = room.source(&at_once(&nobody, ""));
    assert_eq!(error(source.as_mut()).await.failure, Failure::Down);
}

#[tokio::test]
async fn a_listing_without_end_is_given_up_and_told() {
    let room = Room::new();
    let keys = Server::start(&room);
    room.put("password", PASSWORD);
    for (listing, failure, words) in [
        (Listing::OfNothing, Failure::Down, "a listing that has no end"),
        (Listing::Endless, Failure::Transient, "more than 200000 files"),
    ] {
        let port = odd_server(&room, listing).await;
        let login = "password = { file = 'password' }";
        let settings = sftp(&room.path("remote"), port, &keys.fingerprint("host"), login);
        let failed = error(room.source(&at_once(&settings, "")).as_mut()).await;
        assert_eq!(failed.failure, failure, "{failed}");
        assert!(failed.to_string().contains(words), "{failed}");
    }
}
