//! The clock of the hub's machine is set while it works.

use std::fs;
use std::path::{Path, PathBuf};

use postroom_tests::council::yard_rows;

use crate::work::{
    assert_booked_once_and_in_order, assert_docked_in_order, dock, number, small, until_number,
};

/// Rows of one import, and the parcels that they are about.
const ROWS: u64 = 2_000;
const PARCELS: u64 = 50;

/// The library that gives a process another clock (Debian: `faketime`).
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("libraries").filter_map(Result::ok);
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.exists()).expect("the package `faketime`: ./deploy/test installs it")
}

/// Sets the clock to so many seconds from the true time. Whoever looks sees the file whole.
fn set(clock: &Path, seconds: i64) {
    let new = clock.with_extension("new");
    fs::write(&new, format!("{seconds:+}")).and_then(|()| fs::rename(&new, clock)).expect("the clock set");
}

#[tokio::test]
async fn a_clock_that_is_set_an_hour_forth_and_back_under_load_loses_doubles_and_reorders_nothing() {
    let mut hub = small();
    let clock = hub.council.folder().with_file_name("clock");
    set(&clock, 0);
    hub.through = vec![
        "env".to_owned(),
        format!("LD_PRELOAD={}", library().display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        "FAKETIME_NO_CACHE=1".to_owned(),
    ];
    hub.start();
    hub.wait_for("hub.ready");
    hub.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    for (share, seconds) in [(8, 3_600), (2, -3_600)] {
        until_number(&hub, "/targets/dock/delivered", ROWS / share);
        set(&clock, seconds);
    }
    until_number(&hub, "/targets/book/delivered", ROWS);
    let status = hub.settled();
    assert_eq!(number(&status, "/sources/yard/events/routed"), ROWS);
    for event in ["dispatch.dead", "lease.lost", "broker.lost", "ledger.failed"] {
        assert_eq!(hub.heard(event), 0, "{event}");
    }
    let hours: std::collections::BTreeSet<_> = hub
        .lines
        .iter()
        .filter_map(|line| line["timestamp"].as_str()?.get(..13).map(str::to_owned))
        .collect();
    // In one of the two hours that are set the hub may say nothing.
    assert!(hours.len() >= 2, "the clock was not set: {hours:?}");
    assert_booked_once_and_in_order(&hub, ROWS);
    assert_docked_in_order(&dock(&hub, usize::try_from(ROWS).expect("a small number")).await, ROWS);
}
