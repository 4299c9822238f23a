//! The ledger is full, locked or gone, or the broker has an alarm: nothing is lost, it is said once and once when it is over,
//! and the same process goes on by itself.

use std::process::{Child, Command, Stdio};

use postroom_tests::council::{TestCouncil, parcel_event, yard_rows};
use postroom_tests::http_target::orders::{Does, Order};
use postroom_tests::hub::wire::Arrived;
use postroom_tests::hub::{TestHub, until};
use postroom_tests::rabbitmq::Rabbit;

use crate::postgres::Server;
use crate::rig::{Asking, PATIENT, Rig, assert_in_order, till_keys};
use crate::work::{assert_docked_in_order, dock, publish, small, until_number};

/// A limit on the size of files below what a write to the ledger needs.
const NO_ROOM: &str = "4096";
/// Rows of an import during which the ledger is locked, and the parcels that they are about.
const ROWS: u64 = 1_500;
const PARCELS: u64 = 50;
/// How long the first answers of the target take, in milliseconds: they come when the ledger is locked, and are to be written
/// before that fails.
const UNDER_WAY: u64 = 3_000;
/// So many of them.
const SLOW: u64 = 16;

fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<serde_json::Value> {
    numbers.map(|number| parcel_event(&format!("event-{number}"), "a", number)).collect()
}

/// Limits how large the files may grow that the hub writes.
fn limit_files(hub: &TestHub, most: &str) {
    let arguments = ["--pid".to_owned(), hub.id().to_string(), format!("--fsize={most}:unlimited")];
    let done = Command::new("prlimit").args(arguments).status().unwrap();
    assert!(done.success(), "prlimit");
}

/// What must be true after an outage of the ledger, in the middle of so many events; what the dock got.
async fn assert_nothing_happened(hub: &mut TestHub, count: u64) -> Vec<Arrived> {
    hub.wait_for("ledger.back");
    hub.settled();
    let messages = dock(hub, usize::try_from(count).unwrap()).await;
    assert_docked_in_order(&messages, count);
    for (event, times) in [("ledger.failed", 1), ("ledger.back", 1), ("hub.started", 1), ("dispatch.dead", 0)]
    {
        assert_eq!(hub.heard(event), times, "{event}");
    }
    messages
}

#[tokio::test]
async fn a_ledger_without_room_stops_the_intake_and_work_goes_on_by_itself_once_there_is_room() {
    let mut hub = small();
    // A hub whose system kills it for a file that is too large could not go on.
    hub.through = vec!["sh".into(), "-c".into(), "trap '' XFSZ; exec \"$0\" \"$@\"".into()];
    hub.start();
    hub.wait_for("hub.ready");
    publish(&hub, &events(1..=1)).await;
    hub.settled();
    limit_files(&hub, NO_ROOM);
    publish(&hub, &events(2..=20)).await;
    hub.wait_for("ledger.failed");
    let status = until_number(&hub, "/ingress/shop/messages", 19);
    assert_eq!(crate::work::number(&status, "/sources/shop/events/routed"), 1);
    limit_files(&hub, "unlimited");
    assert_nothing_happened(&mut hub, 20).await;
}

/// Another process that has the ledger locked, until its standard input is closed.
fn lock(hub: &TestHub) -> Child {
    let script = "import sqlite3, sys\n\
                  connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)\n\
                  connection.execute('BEGIN IMMEDIATE')\n\
                  print('locked', flush=True)\n\
                  sys.stdin.read()";
    let ledger = hub.council.data().join("ledger.db");
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(ledger).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut said = [0; 6];
    std::io::Read::read_exact(process.stdout.as_mut().unwrap(), &mut said).unwrap();
    process
}

#[tokio::test]
async fn a_ledger_that_another_process_has_locked_is_slow_then_failed_and_work_goes_on_by_itself() {
    let mut rig = Rig::new(PATIENT, Asking::CannotLookUp);
    rig.till.order(&[Order::new(Does::Slow(UNDER_WAY)).times(SLOW)]);
    rig.start();
    // Under load: the first that waits for the ledger is a write that is timed.
    rig.hub.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    rig.hub.wait_for("import.started");
    until("the till to be asked", || (!rig.till.asked().is_empty()).then_some(()));
    let mut process = lock(&rig.hub);
    rig.hub.wait_for("ledger.slow");
    rig.hub.wait_for("ledger.failed");
    drop(process.stdin.take());
    process.wait().unwrap();
    let messages = assert_nothing_happened(&mut rig.hub, ROWS).await;
    for event in ["ledger.slow", "ledger.quick", "import.finished"] {
        assert_eq!(rig.hub.heard(event), 1, "{event}");
    }
    assert_in_order(&rig.till.asked(), &till_keys(&messages));
}

#[tokio::test]
async fn a_ledger_whose_server_is_killed_is_used_again_once_the_server_is_back() {
    let mut server = Server::start();
    let mut hub = small();
    hub.ledger = Some(server.database());
    hub.start();
    hub.wait_for("hub.ready");
    publish(&hub, &events(1..=1)).await;
    hub.settled();
    server.kill();
    publish(&hub, &events(2..=20)).await;
    hub.wait_for("ledger.failed");
    server.begin();
    assert_nothing_happened(&mut hub, 20).await;
}

#[tokio::test]
async fn a_memory_alarm_under_load_is_said_once_and_nothing_is_lost() {
    let rabbit = Rabbit::start();
    let mut hub = TestHub::new(TestCouncil::small(), rabbit.url());
    hub.start();
    hub.wait_for("hub.ready");
    hub.council.feed("yard/in", "first.csv", yard_rows(5_000, 50).as_bytes());
    hub.wait_for("import.started");
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.000001"]);
    hub.wait_for("broker.blocked");
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.6"]);
    hub.wait_for("broker.unblocked");
    hub.wait_for("import.finished");
    let status = hub.settled();
    let delivered = crate::work::number(&status, "/targets/dock/delivered");
    assert_eq!((delivered, crate::work::number(&status, "/targets/book/delivered")), (5_000, 5_000));
    assert_eq!((hub.heard("broker.lost"), hub.heard("broker.blocked")), (0, 1));
    assert_eq!(hub.heard("dispatch.dead"), 0);
}
