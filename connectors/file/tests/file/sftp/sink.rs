//! The folder of a server as a sink, cut and killed at each of its steps.

use std::fs;
use std::time::{Duration, Instant};

use postroom_connector::{ConnectorError, Failure, Handover, Outgoing, Sink};
use postroom_event::DispatchId;
use serde_json::{Value, json};

use super::proxy::{Proxy, Way};
use super::server::Server;
use super::{CANARY, without_canary};
use crate::room::Room;

const ID: &str = "0190-batch";
const NAME: &str = "changes-0190-batch.csv";
const FINAL: &str = "remote/changes-0190-batch.csv";
const PART: &str = "remote/.changes-0190-batch.csv.0190-batch.part";
const STAGED: &str = "sftp/gazetteer/out/.postroom/0190-batch";

fn settings(sftp: &str) -> String {
    format!("{sftp}name = 'changes-{{batch}}.csv'\nformat = {{ kind = 'csv', columns = ['uprn', 'town'] }}")
}

fn content() -> String {
    format!("uprn,town\r\n1,{CANARY}\r\n")
}

pub(crate) fn handover_of(id: &str, messages: &[Value]) -> Handover {
    let item = |message: &Value| Outgoing {
        dispatch: DispatchId::new("/gazetteer", "1", "route"),
        event_type: "property.created.v1".to_owned(),
        subject: "uprn:1".to_owned(),
        message: message.clone().into(),
        traceparent: None,
    };
    Handover { id: id.to_owned(), items: messages.iter().map(item).collect() }
}

fn handover() -> Handover {
    handover_of(ID, &[json!({"uprn": 1, "town": CANARY})])
}

/// One that takes many requests to write.
fn long_handover() -> Handover {
    let messages: Vec<_> = (0..50_000).map(|number| json!({"uprn": number, "town": CANARY})).collect();
    handover_of(ID, &messages)
}

pub(crate) async fn delivered(sink: &dyn Sink, handover: &Handover) -> String {
    sink.deliver(handover).await.expect("delivered").reference.expect("a name")
}

async fn refused(sink: &dyn Sink, handover: &Handover) -> ConnectorError {
    without_canary(sink.deliver(handover).await.expect_err("an error"))
}

#[tokio::test]
async fn a_handover_becomes_one_file_of_the_server_and_nothing_else() {
    let room = Room::new();
    let server = Server::start(&room);
    let sink = room.sink(&settings(&server.sftp(&room)));
    assert_eq!(delivered(sink.as_ref(), &handover()).await, NAME);
    assert_eq!(room.get(FINAL), content());
    assert_eq!(room.names("remote"), [NAME]);
    assert_eq!(room.names("sftp/gazetteer/out/.postroom"), ["0190-batch.id"]);
    fs::remove_file(room.path(FINAL)).expect("taken away");
    assert_eq!(delivered(sink.as_ref(), &handover()).await, NAME, "evidence alone");
    assert!(!room.has(FINAL));
}

/// What a killed run may leave behind, on both machines.
#[tokio::test]
async fn a_kill_at_any_step_gives_one_file_of_the_server_and_one_receipt() {
    let (id, ready, tmp) = (format!("{STAGED}.id"), format!("{STAGED}.ready"), format!("{STAGED}.tmp"));
    let (evidence, whole) = (format!(r#"{{"file":"{NAME}"}}"#), content());
    let (id, ready, tmp, whole) = (id.as_str(), ready.as_str(), tmp.as_str(), whole.as_str());
    let evidence = (id, evidence.as_str());
    let states: [(&str, &[(&str, &str)]); 7] = [
        ("while writing here", &[(tmp, "uprn,to")]),
        ("after writing here", &[(ready, whole)]),
        ("after the evidence", &[(ready, whole), evidence]),
        ("while writing there", &[(ready, whole), evidence, (PART, "uprn,to")]),
        ("after writing there", &[(ready, whole), evidence, (PART, whole)]),
        ("after the rename", &[(ready, whole), evidence, (FINAL, whole)]),
        ("after all of it", &[evidence, (FINAL, whole)]),
    ];
    for (killed, files) in states {
        let room = Room::new();
        let server = Server::start(&room);
        for (path, content) in files {
            room.put(path, content);
        }
        for _ in 0..2 {
            let sink = room.sink(&settings(&server.sftp(&room)));
            assert_eq!(delivered(sink.as_ref(), &handover()).await, NAME, "{killed}");
            assert_eq!(room.get(FINAL), whole, "{killed}");
        }
        assert_eq!(room.names("remote"), [NAME], "{killed}");
        assert!(!room.has(ready) && room.has(id), "{killed}");
    }
}

#[tokio::test]
async fn a_line_that_is_cut_during_the_write_gives_one_whole_file_at_the_next_attempt() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    let sink = room.sink(&settings(&server.sftp_at(&room, proxy.port)));
    proxy.cut_when(|way, bytes| way == Way::ToServer && bytes > 300_000);
    assert_eq!(refused(sink.as_ref(), &long_handover()).await.failure, Failure::Down);
    assert!(proxy.has_cut() && !room.has(FINAL) && room.has(PART));
    assert_eq!(delivered(sink.as_ref(), &long_handover()).await, NAME);
    assert_eq!(room.get(FINAL).lines().count(), 50_001);
    assert_eq!(room.names("remote"), [NAME]);
}

#[tokio::test]
async fn a_line_that_is_cut_after_the_rename_was_sent_leaves_the_file_there_once() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    let sink = room.sink(&settings(&server.sftp_at(&room, proxy.port)));
    let target = room.path(FINAL);
    proxy.cut_when(move |way, _| way == Way::ToClient && target.exists());
    assert_eq!(refused(sink.as_ref(), &long_handover()).await.failure, Failure::Unknown);
    assert!(proxy.has_cut() && room.has(FINAL));
    let first = room.get(FINAL);
    assert_eq!(delivered(sink.as_ref(), &long_handover()).await, NAME);
    assert_eq!(room.get(FINAL), first);
    assert_eq!(first.lines().count(), 50_001);
    assert_eq!(room.names("remote"), [NAME]);
}

#[tokio::test]
async fn a_file_of_the_server_with_other_content_is_never_overwritten() {
    let room = Room::new();
    let server = Server::start(&room);
    let sink = room.sink(&settings(&server.sftp(&room)));
    for other in ["somebody's".to_owned(), content().replace("1,", "2,")] {
        room.put(FINAL, &other);
        for _ in 0..2 {
            assert_eq!(refused(sink.as_ref(), &handover()).await.failure, Failure::Permanent);
            assert_eq!(room.get(FINAL), other);
        }
    }
    fs::remove_file(room.path(FINAL)).expect("removed");
    delivered(sink.as_ref(), &handover()).await;
    assert_eq!(room.get(FINAL), content());
}

#[tokio::test]
async fn a_file_is_recognised_on_the_server_where_all_evidence_is_lost() {
    let room = Room::new();
    let server = Server::start(&room);
    let settings = settings(&server.sftp(&room));
    delivered(room.sink(&settings).as_ref(), &handover()).await;
    let before = fs::metadata(room.path(FINAL)).expect("a file");
    fs::remove_dir_all(room.path("sftp")).expect("removed");
    assert_eq!(delivered(room.sink(&settings).as_ref(), &handover()).await, NAME);
    let after = fs::metadata(room.path(FINAL)).expect("a file");
    assert_eq!(before.modified().expect("a time"), after.modified().expect("a time"));
    assert_eq!(room.names("remote"), [NAME]);
}

#[tokio::test]
async fn what_earlier_runs_left_half_written_is_removed_and_what_others_write_is_not() {
    let room = Room::new();
    let server = Server::start(&room);
    let others = [".other.csv.0190.part", ".changes-0190.csv.part", "changes-7.csv.7.part"];
    for name in others.iter().chain(&[".changes-0189-batch.csv.0189-batch.part"]) {
        room.put(&format!("remote/{name}"), "half");
    }
    delivered(room.sink(&settings(&server.sftp(&room))).as_ref(), &handover()).await;
    assert_eq!(room.names("remote"), [others[1], others[0], NAME, others[2]]);
}

#[tokio::test]
async fn what_cannot_be_written_is_permanent_and_nothing_of_it_comes_to_the_server() {
    let room = Room::new();
    let server = Server::start(&room);
    let windows = settings(&server.sftp(&room)).replace("'town'] }", "'town'], encoding = 'windows-1252' }");
    let sink = room.sink(&windows);
    let lacking = handover_of(ID, &[json!({"uprn": 1, "town": format!("{CANARY} Łódź")})]);
    assert_eq!(refused(sink.as_ref(), &lacking).await.failure, Failure::Permanent);
    for id in ["", "a/b", "../a", ".a"] {
        assert_eq!(refused(sink.as_ref(), &handover_of(id, &[json!({})])).await.failure, Failure::Permanent);
    }
    assert!(room.names("remote").is_empty());
}

#[tokio::test]
async fn many_handovers_at_once_go_over_one_connection() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    let sink = room.sink(&settings(&server.sftp_at(&room, proxy.port)));
    let handovers = ["1", "2", "3", "4"].map(|id| handover_of(id, &[json!({"uprn": id, "town": "Z"})]));
    let [one, two, three, four] = handovers.each_ref().map(|handover| delivered(sink.as_ref(), handover));
    tokio::join!(one, two, three, four);
    assert_eq!(room.names("remote"), ["changes-1.csv", "changes-2.csv", "changes-3.csv", "changes-4.csv"]);
    assert_eq!(proxy.connections(), 1);
    drop(sink);
    proxy.all_closed().await;
}

#[tokio::test]
async fn a_folder_without_the_right_to_write_or_that_is_gone_is_down() {
    let room = Room::new();
    let server = Server::read_only(&room);
    let sink = room.sink(&settings(&server.sftp(&room)));
    assert_eq!(refused(sink.as_ref(), &handover()).await.failure, Failure::Down);
    fs::remove_dir(room.path("remote")).expect("removed");
    let sink = room.sink(&settings(&server.sftp(&room)));
    assert_eq!(refused(sink.as_ref(), &handover()).await.failure, Failure::Down);
}

#[tokio::test]
async fn a_server_that_hangs_ends_an_attempt_within_the_time_of_the_settings() {
    let room = Room::new();
    let server = Server::start(&room);
    let sink = room.sink(&settings(&server.sftp(&room)));
    delivered(sink.as_ref(), &handover_of("first", &[json!({"uprn": 1, "town": "Z"})])).await;
    server.freeze();
    let begun = Instant::now();
    assert_eq!(refused(sink.as_ref(), &handover()).await.failure, Failure::Down);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    server.thaw();
    delivered(sink.as_ref(), &handover()).await;
    assert_eq!(room.get(FINAL), content());
}

#[tokio::test]
async fn an_attempt_that_is_given_up_half_way_is_repeated_without_harm() {
    let room = Room::new();
    let server = Server::start(&room);
    let proxy = Proxy::before(server.port);
    let sink = room.sink(&settings(&server.sftp_at(&room, proxy.port)));
    delivered(sink.as_ref(), &handover_of("first", &[json!({"uprn": 1, "town": "Z"})])).await;
    let part = room.path(PART);
    let half_way = async {
        while !part.exists() {
            tokio::task::yield_now().await;
        }
    };
    let long = long_handover();
    tokio::select! {
        biased;
        () = half_way => {}
        _ = sink.deliver(&long) => panic!("it ended before it could be given up"),
    }
    delivered(sink.as_ref(), &long_handover()).await;
    assert_eq!(room.get(FINAL).lines().count(), 50_001);
    assert_eq!(room.names("remote"), [NAME, "changes-first.csv"]);
    assert_eq!(proxy.connections(), 2, "what was open on the server went with the line");
}
